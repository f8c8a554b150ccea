"""A member's whole state, one packed record: wallets with lots, tier, counters of rules, holds, chain head."""

from typing import Final, final

from pipeline.core.awaited import (
    Awaited,
    AwaitedReview,
    AwaitedTuple,
    HoldDrawn,
    HoldPooled,
    awaited_of,
    awaited_reviews,
    awaited_tuple,
    holds_drawn,
    holds_pooled,
    put_drawn,
    put_pooled,
)
from pipeline.core.fraud_counts import Counts, CountsTuple
from pipeline.core.fraud_review import Review, ReviewTuple
from pipeline.core.milestones import Progress
from pipeline.core.rolling import Bucket
from pipeline.core.wallet import (
    Hold,
    HoldTerms,
    HoldTuple,
    Lot,
    Wallet,
    WalletTuple,
    Window,
    WindowTuple,
    hold_terms,
    hold_tuple,
)

NO_HASH: Final = bytes(32)
"""What the first entry of a member names as its previous hash."""

Occasion = tuple[int, int, int]
"""(when it comes next in ms, the calendar year of that, the year in which it last came or 0)."""

Referral = tuple[str, str, int]
"""(referral id, referrer or "" once it is settled, when the member joined by it in ms)."""

MemberTuple = tuple[
    int,
    str,
    int,
    int,
    bytes,
    int,
    int,
    str,
    str,
    str,
    str,
    int,
    int,
    int,
    int,
    tuple[WalletTuple, ...],
    tuple[HoldTuple, ...],
    tuple[tuple[str, int], ...],
    tuple[tuple[str, int], ...],
    tuple[WindowTuple, ...],
    bool,
    int,
    int,
    tuple[HoldTerms, ...],
    tuple[tuple[str, tuple[Bucket, ...]], ...],
    tuple[tuple[str, Progress], ...],
    tuple[tuple[int, int], ...],
    int,
    tuple[tuple[str, Occasion], ...],
    CountsTuple | None,
    Referral | None,
    tuple[ReviewTuple, ...],
    tuple[AwaitedTuple, ...],
    tuple[HoldPooled, ...],
    tuple[AwaitedReview, ...],
    str,
    tuple[HoldDrawn, ...],
]


@final
class Member:
    """One member.

    `clock_ms` is the highest timestamp among the member's own decided records and the due times of work done.
    `enrolled_at_ms` is 0 until the member enrols. `awarded_at_ms` maps rule id to the latest `occurred_at` it gave
    points for. `event_counts` counts applied events by type. `windows` is keyed by rule id + "/" + every, or
    "reward:" + reward id + "/" + every. `qualifying_points` were earned in the calendar or membership year
    `qualifying_year` (0: none yet), `qualifying_previous` in the year before, `qualifying_periods` in earlier years
    and in months that still matter, by the numbers of `tier_periods`. At `tier_rise_ms` (0: not) a tier reached
    before is entered. `occasions` are birthday and anniversary, by the type of their events, and warnings
    (`expiry_warnings`); by `referral` the member joined; to `household` ("": none) the member belongs. `progress` of
    streaks and achievements is keyed by rule id. `rolling` are buckets of rolling limits by the same keys. `counts`
    is what fraud signals have counted, None until the first does; `reviews` are the open ones, `awaited` the requests
    to pools that are not answered yet, both by id. `next_due_ms` is when time next changes this state (0: never, or
    quarantined). `parked` records are kept, numbered from `parked_from`. `version` grows with every change.
    """

    __slots__ = (
        "awaited",
        "awarded_at_ms",
        "birth_date",
        "clock_ms",
        "country",
        "counts",
        "enrolled_at_ms",
        "event_counts",
        "holds",
        "household",
        "last_hash",
        "member_id",
        "next_due_ms",
        "occasions",
        "parked",
        "parked_from",
        "progress",
        "qualifying_periods",
        "qualifying_points",
        "qualifying_previous",
        "qualifying_year",
        "quarantined",
        "referral",
        "reviews",
        "rolling",
        "segment",
        "seq",
        "tier",
        "tier_rise_ms",
        "tier_until_ms",
        "version",
        "wallets",
        "windows",
    )

    def __init__(self, member_id: str) -> None:
        self.member_id = member_id
        self.version = 0
        self.seq = 0
        self.last_hash = NO_HASH
        self.clock_ms = 0
        self.next_due_ms = 0
        self.enrolled_at_ms = 0
        self.country = ""
        self.segment = ""
        self.birth_date = ""
        self.tier = ""
        self.tier_until_ms = 0
        self.qualifying_year = 0
        self.qualifying_points = 0
        self.qualifying_previous = 0
        self.wallets: dict[str, Wallet] = {}
        self.holds: dict[str, Hold] = {}
        self.event_counts: dict[str, int] = {}
        self.awarded_at_ms: dict[str, int] = {}
        self.windows: dict[str, Window] = {}
        self.quarantined = False
        self.parked = 0
        self.parked_from = 0
        self.rolling: dict[str, list[Bucket]] = {}
        self.progress: dict[str, Progress] = {}
        self.qualifying_periods: dict[int, int] = {}
        self.tier_rise_ms = 0
        self.occasions: dict[str, Occasion] = {}
        self.counts: Counts | None = None
        self.referral: Referral | None = None
        self.reviews: dict[str, Review] = {}
        self.awaited: dict[str, Awaited] = {}
        self.household = ""

    def to_tuple(self) -> MemberTuple:
        """A deep copy as nested tuples, `next_due_ms` first."""
        return (
            self.next_due_ms,
            self.member_id,
            self.version,
            self.seq,
            self.last_hash,
            self.clock_ms,
            self.enrolled_at_ms,
            self.country,
            self.segment,
            self.birth_date,
            self.tier,
            self.tier_until_ms,
            self.qualifying_year,
            self.qualifying_points,
            self.qualifying_previous,
            tuple([(unit, *wallet.to_tuple()) for unit, wallet in self.wallets.items()]),
            tuple([hold_tuple(redemption_id, hold) for redemption_id, hold in self.holds.items()]),
            tuple(self.event_counts.items()),
            tuple(self.awarded_at_ms.items()),
            tuple([(key, window.start_ms, window.points, window.count) for key, window in self.windows.items()]),
            self.quarantined,
            self.parked,
            self.parked_from,
            hold_terms(self.holds),
            tuple([(key, tuple(buckets)) for key, buckets in self.rolling.items()]),
            tuple(self.progress.items()),
            tuple(self.qualifying_periods.items()),
            self.tier_rise_ms,
            tuple(self.occasions.items()),
            None if self.counts is None else self.counts.to_tuple(),
            self.referral,
            tuple([review.to_tuple(review_id) for review_id, review in self.reviews.items()]),
            tuple([awaited_tuple(request_id, one) for request_id, one in self.awaited.items()]),
            holds_pooled(self.holds),
            awaited_reviews(self.awaited),
            self.household,
            holds_drawn(self.holds),
        )

    @staticmethod
    def from_tuple(values: MemberTuple) -> "Member":
        """The member that `to_tuple` gave these values of, sharing nothing that can change."""
        member = Member(values[1])
        member.next_due_ms = values[0]
        member.version = values[2]
        member.seq = values[3]
        member.last_hash = values[4]
        member.clock_ms = values[5]
        member.enrolled_at_ms = values[6]
        member.country = values[7]
        member.segment = values[8]
        member.birth_date = values[9]
        member.tier = values[10]
        member.tier_until_ms = values[11]
        member.qualifying_year = values[12]
        member.qualifying_points = values[13]
        member.qualifying_previous = values[14]
        for unit, available, pending, held, debt, lots, pending_lots, slides_until_ms, lapsed_seq in values[15]:
            member.wallets[unit] = Wallet(
                available,
                pending,
                held,
                debt,
                [Lot(*lot) for lot in lots],
                [Lot(*lot) for lot in pending_lots],
                slides_until_ms,
                lapsed_seq,
            )
        for (
            redemption_id,
            fulfillment_id,
            reward_id,
            provider,
            quantity,
            held_unit,
            points,
            parts,
            cancelling,
            at,
        ) in values[16]:
            member.holds[redemption_id] = Hold(
                fulfillment_id, reward_id, provider, quantity, held_unit, points, list(parts), cancelling, at
            )
        member.event_counts = dict(values[17])
        member.awarded_at_ms = dict(values[18])
        member.windows = {key: Window(start_ms, points, count) for key, start_ms, points, count in values[19]}
        member.quarantined = values[20]
        member.parked = values[21]
        member.parked_from = values[22]
        for redemption_id, dispatched, timeout_at_ms in values[23]:
            member.holds[redemption_id].dispatched = dispatched
            member.holds[redemption_id].timeout_at_ms = timeout_at_ms
        member.rolling = {key: list(buckets) for key, buckets in values[24]}
        member.progress = dict(values[25])
        member.qualifying_periods = dict(values[26])
        member.tier_rise_ms = values[27]
        member.occasions = dict(values[28])
        member.counts = None if values[29] is None else Counts.from_tuple(values[29])
        member.referral = values[30]
        member.reviews = {review[0]: Review.from_tuple(review) for review in values[31]}
        member.awaited = {one[0]: awaited_of(one) for one in values[32]}
        put_pooled(member.holds, values[33])
        for request_id, signal_id in values[34]:
            member.awaited[request_id].signal_id = signal_id
        member.household = values[35]
        put_drawn(member.holds, values[36])
        return member

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self.to_tuple() == other.to_tuple()

    def __hash__(self) -> int:
        return hash(self.member_id)

    def __repr__(self) -> str:
        return f"Member{self.to_tuple()!r}"
