"""What happens on the demo's live day: everyday events, refunds, redemptions, a burst, and every fault there is."""

from collections.abc import Sequence
from typing import Final

from pipeline.core import reasons
from pipeline.core.payloads import (
    BirthdayReached,
    CohortBaselines,
    CustomEvent,
    EmiPaymentSucceeded,
    Line,
    MemberEnrolled,
    OnboardingCompleted,
    Payload,
    PointsAdjusted,
    ProfileChanged,
    ProgramActivated,
    QuarantineReleased,
    RedemptionCancelled,
    RedemptionRequested,
    ReferralAccepted,
    RefundLine,
    SubscriptionRenewed,
    TransactionCompleted,
    TransactionRefunded,
    TransferRequested,
)
from pipeline.core.records import TierChange
from pipeline.demo.script import APPLIED, DEAD, REFUSED, Script
from pipeline.history.purchases import DAY_MS, Purchase
from pipeline.wire.partitioner import partition_of

REGULARS: Final = 24
REFERRALS: Final = 6
CINEMA_GOERS: Final = 12
CHANGERS_OF_MIND: Final = 4
BURST: Final = 100
BURST_GRANTED: Final = 5
"""What the shop's limit of five vouchers a month lets through of a burst."""

FAILS: Final = "sold-out"
WAITS: Final = "second-thoughts"
"""In a redemption's id these tell the demo's cinema what to do: report a failure, or wait for the cancellation."""


def whole_day(script: Script, history: Sequence[Purchase], program_hash: str) -> None:
    """All acts. `history` are purchases that were imported, `program_hash` the programme in force."""
    everyday(script)
    referrals(script)
    what_is_reserved(script)
    refunds(script)
    history_refunds(script, history)
    adjustments(script)
    house_rewards(script)
    cinema(script)
    burst(script)
    repeats(script)
    wrong_content(script)
    wrong_records(script)
    wrong_control(script, program_hash)


def everyday(script: Script) -> None:
    """Regular customers do everything that earns."""
    for number in range(REGULARS):
        member = _enrolled(script, f"regular-{number:02}")
        for payload in (
            OnboardingCompleted("profile", "app"),
            ProfileChanged("US", "regulars", "1980-02-29"),
            _purchase(f"{member}-a", 2_500 + 700 * number, "store"),
            _purchase(f"{member}-b", 9_900 + 100 * number, "app"),
            SubscriptionRenewed(f"sub-{number}", "plus", 4_900, "EUR", 12 if number % 2 else 1),
            EmiPaymentSucceeded(f"loan-{number}", 3, 12_000, "USD", number % 4 != 0),
            CustomEvent("review_written", {"characters": 150 + 20 * number}),
        ):
            script.event(member, payload)


def referrals(script: Script) -> None:
    """Members recommend the shop; the other side's reward comes by a derived event."""
    for number in range(REFERRALS):
        referred = _enrolled(script, f"friend-{number}")
        referrer = _enrolled(script, f"recommender-{number}")
        script.event(referrer, ReferralAccepted(f"ref-{number}", referred))
    script.event("recommender-0", ReferralAccepted("ref-self", "recommender-0"), DEAD + reasons.SELF_REFERRAL)


def what_is_reserved(script: Script) -> None:
    """Someone plays the pipeline, or gives points to themselves."""
    member = _enrolled(script, "gives-freely")
    script.event(member, BirthdayReached(2026), DEAD + reasons.RESERVED_TYPE)
    script.event(member, TransferRequested("gift", member, 10), DEAD + reasons.SELF_TRANSFER)
    script.event(member, TransferRequested("gift", "friend-0", 10), REFUSED + reasons.TRANSFER_NOT_ALLOWED)


def refunds(script: Script) -> None:
    """One order comes back in parts, and then people try their luck."""
    member = _enrolled(script, "returns-much")
    script.event(member, _purchase("r-1", 10_000))
    script.event(member, TransactionRefunded("r-1", 4_000, "USD", "too small"))
    script.event(member, TransactionRefunded("r-1", 6_000, "USD", "the rest"))
    script.event(member, TransactionRefunded("r-1", 1, "USD", ""), REFUSED + reasons.REFUND_EXCEEDS_ORDER)
    script.event(member, TransactionRefunded("r-9", 1_000, "USD", ""), APPLIED)
    script.event(member, _purchase("r-2", 5_000))
    script.event(member, TransactionRefunded("r-2", 5_000, "EUR", ""), REFUSED + reasons.CURRENCY_DIFFERS)
    script.event(member, _purchase("r-2", 7_000), REFUSED + reasons.ORDER_EXISTS)
    unbought = TransactionRefunded("r-2", 0, "USD", lines=[RefundLine("9")])
    script.event(member, unbought, REFUSED + reasons.LINE_UNKNOWN)


def history_refunds(script: Script, history: Sequence[Purchase]) -> None:
    """The latest purchases of history are refunded in full."""
    for purchase in history:
        refund = TransactionRefunded(purchase.order_id, purchase.amount_minor, purchase.currency, "recall")
        script.event(purchase.member_id, refund)


def adjustments(script: Script) -> None:
    """Points given and taken by hand, and a member who never joined, or joins twice."""
    member = _enrolled(script, "adjusted")
    script.event(member, PointsAdjusted("", 1_000, "apology", "desk-4"))
    script.event(member, PointsAdjusted("points", -200, "mistake", "desk-4"))
    script.event(member, PointsAdjusted("", -1_000_000, "mistake", "desk-4"), REFUSED + reasons.INSUFFICIENT_POINTS)
    script.event(member, MemberEnrolled("", "", ""), REFUSED + reasons.ALREADY_ENROLLED)
    script.event(member, QuarantineReleased("desk-4", ""), REFUSED + reasons.NOT_QUARANTINED)
    script.event("stranger", _purchase("s-1", 5_000), REFUSED + reasons.MEMBER_NOT_ENROLLED)


def house_rewards(script: Script) -> None:
    """Rewards that the house gives at once, and those that it does not give."""
    member = _enrolled(script, "coffee-lover", points=1_000)
    script.event(member, RedemptionRequested("c-1", "coffee", 1, "app"))
    script.event(member, RedemptionRequested("c-2", "coffee", 1, "app"), REFUSED + reasons.LIMIT_REACHED)
    script.event(member, RedemptionRequested("c-3", "voucher-5", 2, "web"))
    script.event(member, RedemptionRequested("c-4", "yacht", 1, "web"), REFUSED + reasons.UNKNOWN_REWARD)
    script.event(member, RedemptionRequested("c-5", "voucher-20", 1, "web"), REFUSED + reasons.TIER_REQUIRED)
    script.event(member, RedemptionCancelled("c-9", ""), REFUSED + reasons.REDEMPTION_NOT_OPEN)
    poor = _enrolled(script, "poor")
    script.event(poor, RedemptionRequested("p-1", "voucher-5", 1, "web"), REFUSED + reasons.INSUFFICIENT_POINTS)


def cinema(script: Script) -> None:
    """Rewards of an outside provider: most are confirmed, some fail, some are cancelled before."""
    for number in range(CINEMA_GOERS):
        member = _enrolled(script, f"cinema-{number:02}", points=500)
        redemption = f"{FAILS}-{number}" if number % 3 == 0 else f"film-{number}"
        script.event(member, RedemptionRequested(redemption, "cinema-ticket", 1, "app"))
    for number in range(CHANGERS_OF_MIND):
        member = _enrolled(script, f"changes-mind-{number}", points=500)
        redemption = f"{WAITS}-{number}"
        script.event(member, RedemptionRequested(redemption, "cinema-ticket", 1, "app"))
        again = RedemptionRequested(redemption, "cinema-ticket", 1, "web")
        script.event(member, again, REFUSED + reasons.REDEMPTION_EXISTS)
        script.event(member, RedemptionCancelled(redemption, "rain"))
        script.event(member, RedemptionCancelled(redemption, "rain!"), REFUSED + reasons.ALREADY_CANCELLING)


def burst(script: Script) -> None:
    """A hundred redemptions by one member within a moment: no more than the limit lets through, and no point twice."""
    member = _enrolled(script, "burst", points=5_000)
    for number in range(BURST):
        expects = APPLIED if number < BURST_GRANTED else REFUSED + reasons.LIMIT_REACHED
        script.event(member, RedemptionRequested(f"b-{number}", "voucher-5", 1, "app"), expects)


def repeats(script: Script) -> None:
    """Producers that repeat themselves, right away and late, and one that uses an id twice for different things."""
    member = _enrolled(script, "twice")
    for number in range(20):
        bought = script.event(member, _purchase(f"t-{number}", 1_500 + number))
        script.again(bought)
    for step in [step for step in script.steps if step.expects == APPLIED][:40]:
        assert step.event is not None
        script.again(step.event)
    script.event(member, _purchase("t-x", 1_000), event_id="till-7-0001")
    script.event(member, _purchase("t-y", 2_000), DEAD + reasons.CONFLICT, event_id="till-7-0001")


def wrong_content(script: Script) -> None:
    """Events that can be read and cannot be true."""
    member = _enrolled(script, "mistaken")
    lines = [Line("1", "cd", "music", 1, 500), Line("1", "lp", "music", 1, 500)]
    faults: list[tuple[str, Payload]] = [
        (reasons.MISSING_FIELD, _purchase("", 1_000)),
        (reasons.OUT_OF_RANGE, _purchase("w-1", -5)),
        (reasons.OUT_OF_RANGE, RedemptionRequested("w-2", "coffee", 0, "")),
        (reasons.MALFORMED, TransactionCompleted("w-3", 1_000, "USD", "", "", "Sweden", [])),
        (reasons.MALFORMED, ProfileChanged("", "", "31.12.1980")),
        (reasons.UNKNOWN_CURRENCY, TransactionCompleted("w-4", 1_000, "XXX", "", "", "", [])),
        (reasons.UNKNOWN_UNIT, PointsAdjusted("gems", 5, "gift", "desk-4")),
        (reasons.REPEATED_LINE, TransactionCompleted("w-5", 1_000, "USD", "", "", "", lines)),
    ]
    for reason, payload in faults:
        script.event(member, payload, DEAD + reason)
    future_ms, past_ms = script.now_ms + DAY_MS, script.now_ms - 200 * DAY_MS
    script.event(member, _purchase("w-6", 900), DEAD + reasons.OCCURRED_IN_FUTURE, occurred_at_ms=future_ms)
    script.event(member, _purchase("w-7", 900), DEAD + reasons.OCCURRED_TOO_LONG_AGO, occurred_at_ms=past_ms)


def wrong_records(script: Script) -> None:
    """Records that are no events of ours, or stand where they do not belong."""
    member = _enrolled(script, "misplaced")
    key = member.encode()
    here = partition_of(key, script.partitions)
    event = script.event(member, _purchase("m-1", 1_000))
    value = script.encoder.event(event)
    for raw, reason in (
        (value[:-4], reasons.UNDECODABLE),
        (value + b"more", reasons.UNDECODABLE),
        (b"\x00\x7f\xff\xff\xfe" + value[5:], reasons.UNKNOWN_SCHEMA),
        (
            script.encoder.tier_change(TierChange("", member, "", "", "other", 0, 0, "", "", 0, 0, 0)),
            reasons.UNKNOWN_TYPE,
        ),
        (b"not Avro at all", reasons.NOT_AVRO),
    ):
        script.raw(here, key, raw, DEAD + reason)
    misplaced = script.encoder.event(script.event(member, _purchase("m-2", 1_000)))
    script.raw(here, b"someone-else", misplaced, DEAD + reasons.WRONG_PARTITION)
    if script.partitions > 1:
        script.raw((here + 1) % script.partitions, key, misplaced, DEAD + reasons.WRONG_PARTITION)


def wrong_control(script: Script, program_hash: str) -> None:
    """A programme activated, and cohort baselines in force, for the past, in every partition: too late, for events of
    that time have been decided."""
    past_ms = script.now_ms - DAY_MS
    late = ProgramActivated(program_hash, past_ms, "demo", "too late")
    measured = CohortBaselines("demo", past_ms, past_ms - DAY_MS, past_ms, [990], [], [], "demo", "too late")
    for partition in range(script.partitions):
        script.raw(partition, None, script.encoder.program_activated(late), DEAD + reasons.ACTIVATION_TOO_LATE)
        script.raw(partition, None, script.encoder.cohort_baselines(measured), DEAD + reasons.BASELINES_REFUSED)


def _enrolled(script: Script, name: str, points: int = 0) -> str:
    """A new member, with so many points given by hand; the member's id."""
    member = f"live-{name}"
    script.event(member, MemberEnrolled("US", "", ""))
    if points:
        script.event(member, PointsAdjusted("", points, "for the demo", "demo"))
    return member


def _purchase(order_id: str, amount_minor: int, channel: str = "") -> TransactionCompleted:
    return TransactionCompleted(order_id, amount_minor, "USD", channel, "", "", [])
