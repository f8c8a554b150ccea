"""Fraud signals as a programme states them: what each measures, what it allows, and what it does beyond that."""

from typing import Final, final

from pipeline.core.fraud_model import NO_MODEL, Model

REDEMPTIONS: Final = "redemptions"
REDEEMED: Final = "redeemed"
ATTEMPTS: Final = "attempts"
EARNINGS: Final = "earnings"
EARNED: Final = "earned"
EVENTS: Final = "events"
SPENT: Final = "spent"
"""Kept for spending caps: minor units paid with money."""

HISTORY: Final = "history"
TRAVEL: Final = "travel"
COUNTRY: Final = "country"
UNUSUAL: Final = "place"
TAKEOVER: Final = "takeover"
LEARNED: Final = "learned"
MEMBERS: Final = "members"
RING: Final = "ring"
SELF: Final = "referral"
"""Who refers themselves, by a device or address."""
SENDERS: Final = "senders"
PARTNER: Final = "partner"
REFUNDS: Final = "refunds"
COHORT: Final = "cohort"
HABIT: Final = "habit"
"""As `every` of a counter: what a day usually comes to, see `fraud_habits`."""

ALLOW: Final = "allow"
CLIP: Final = "clip"
DENY: Final = "deny"
REVIEW: Final = "review"
FREEZE: Final = "freeze"

BY_MEMBER: Final = "member"
BY_PARTNER: Final = "partner"
BY_PLACE: Final = "place"
BY_SEGMENT: Final = "segment"
BY_TIER: Final = "tier"
BY_ALL: Final = "all"


@final
class Counter:
    """What is counted of each member for one or more signals, under `key`; by each device, partner or place where `by`
    names one.

    A sliding counter (`every` is "") serves windows of up to `length_ms` and remembers at most `capacity` moments;
    another one remembers the two newest calendar windows.
    """

    __slots__ = ("by", "capacity", "every", "key", "length_ms")

    def __init__(self, key: str, by: str, every: str, length_ms: int, capacity: int) -> None:
        self.key = key
        self.by = by
        self.every = every
        self.length_ms = length_ms
        self.capacity = capacity


@final
class Signal:
    """One signal. `kind` is velocity or spending; `measure` what it counts, of `unit` where it counts points.

    At most `at_most` within `length_ms`, or in each calendar window of `counter.every`; of a spending cap, at most
    `at_most` points per `per` minor units spent in the window, which `spent` counts, and `least` in any case. `words`
    say it to people.

    Against the member's own history: `at_most` times what a day usually comes to, `per` times the median distance from
    the median beyond it, `least` in all, of members of whom `after` days are known. Of a trait: at most `at_most` km/h;
    countries among `values`; a country, place or device (`measure`) that is new to a member who told it `after` times,
    or for less than `length_ms`, of events that redeem or give away at least `least` points, if it is not 0; a
    redemption or a transfer within `length_ms` of a changed profile and a new device.

    Of the member's own orders in a window: at most `at_most` percent given back, once that were `after` times.
    Learned: a score of at most `at_most`.

    Against a cohort, members of its segment or tier, all, or what is done with the event's partner (`by`): `at_most`
    times what the percentile of `per` thousandths comes to, `least` in all, in cohorts of at least `after` members; of
    the event itself where the counter has no key, else of the member's day.

    Across members: at most `at_most` of them on one device, address or place (`measure`) within `length_ms`; no ring of
    referrals of at most `per` members, and at most `at_most` whom referrals between two of one device or address
    (`measure`) make one; points by transfer from at most `at_most` others within `length_ms`.
    With a partner, on a day: at most `at_most` points (0: any number), and `per` times what its own days come to (0:
    any), of partners of whom `after` days are known, `least` in all; then quarantined for `length_ms`.
    """

    __slots__ = (
        "action",
        "after",
        "at_most",
        "by",
        "counter",
        "kind",
        "least",
        "length_ms",
        "live",
        "measure",
        "per",
        "signal_id",
        "spent",
        "unit",
        "values",
        "words",
    )

    def __init__(
        self,
        signal_id: str,
        kind: str,
        action: str,
        live: bool,
        measure: str,
        unit: str,
        at_most: int,
        length_ms: int,
        counter: Counter,
        words: str,
        per: int = 0,
        spent: Counter | None = None,
        after: int = 0,
        least: int = 0,
        values: frozenset[str] = frozenset(),
        by: str = "",
    ) -> None:
        self.signal_id = signal_id
        self.kind = kind
        self.action = action
        self.live = live
        self.measure = measure
        self.unit = unit
        self.at_most = at_most
        self.length_ms = length_ms
        self.counter = counter
        self.words = words
        self.per = per
        self.spent = spent
        self.after = after
        self.least = least
        self.values = values
        self.by = by


@final
class ReviewTerms:
    """How reviews go: after `timeout_ms` (0: never) one is approved if `approves`, else rejected; those of at least
    `four_eyes_points` points (0: none) need two reviewers."""

    __slots__ = ("approves", "four_eyes_points", "timeout_ms")

    def __init__(self, timeout_ms: int = 0, approves: bool = False, four_eyes_points: int = 0) -> None:
        self.timeout_ms = timeout_ms
        self.approves = approves
        self.four_eyes_points = four_eyes_points


NO_TIMEOUT: Final = ReviewTerms()


@final
class FraudProgram:
    """All signals of a programme, by id, which is the order in which they are judged, and what they make the core
    count.

    `events` and `event_counters` are by event type. `device`, `partner`, `place` and `address` name the event
    attributes that are read; a purchase's place is its store where the attribute is absent. What `across` and
    `partners` look at is counted by pools, all else by the member. Where it `learns`, events tell what is usual; of
    what is in `newness` it is remembered since when the latest new one is known.
    """

    __slots__ = (
        "across",
        "address",
        "attempt_counters",
        "attempts",
        "country",
        "device",
        "earning",
        "earning_counters",
        "event_counters",
        "events",
        "latitude",
        "learned",
        "learns",
        "longitude",
        "model",
        "newness",
        "partner",
        "partners",
        "place",
        "redeeming",
        "redeeming_counters",
        "refund_counters",
        "refunds",
        "senders",
        "signals",
        "spent_counters",
        "terms",
        "traits",
    )

    def __init__(
        self,
        signals: tuple[Signal, ...],
        event_types: dict[str, tuple[str, ...]],
        device: str = "device",
        partner: str = "partner",
        place: str = "place",
        terms: ReviewTerms = NO_TIMEOUT,
        country: str = "country",
        latitude: str = "lat",
        longitude: str = "lon",
        address: str = "address",
        model: Model = NO_MODEL,
    ) -> None:
        """`event_types` maps the id of a signal that counts events to their types."""
        signals = tuple(sorted(signals, key=signal_name))
        self.signals = signals
        self.terms = terms
        self.device = device
        self.partner = partner
        self.place = place
        self.country = country
        self.latitude = latitude
        self.longitude = longitude
        self.address = address
        self.model = model
        self.learned = tuple([one for one in signals if one.kind == LEARNED])
        self.across = tuple([one for one in signals if one.kind in (MEMBERS, RING, SELF)])
        self.refunds = tuple([one for one in signals if one.kind == REFUNDS])
        self.refund_counters = tuple({one.counter.key: one.counter for one in self.refunds}.values())
        self.partners = tuple([one for one in signals if one.kind == PARTNER])
        self.senders = tuple([one for one in signals if one.kind == SENDERS])
        self.traits = tuple([one for one in signals if one.kind in (TRAVEL, COUNTRY, UNUSUAL, TAKEOVER)])
        self.learns = len(self.traits) + len(self.learned) > 0
        self.newness = frozenset([one.measure for one in signals if one.kind == UNUSUAL and one.length_ms])
        self.attempts = tuple([one for one in signals if one.measure == ATTEMPTS])
        self.redeeming = tuple([one for one in signals if one.measure in (REDEMPTIONS, REDEEMED)])
        self.earning = tuple([one for one in signals if one.measure in (EARNINGS, EARNED)])
        self.attempt_counters = counters_of(self.attempts)
        self.redeeming_counters = counters_of(self.redeeming)
        self.earning_counters = counters_of(self.earning)
        self.spent_counters = tuple({one.spent.key: one.spent for one in signals if one.spent is not None}.values())
        self.events: dict[str, tuple[Signal, ...]] = {}
        self.event_counters: dict[str, tuple[Counter, ...]] = {}
        for signal in signals:
            for type_name in event_types.get(signal.signal_id, ()):
                self.events[type_name] = (*self.events.get(type_name, ()), signal)
        for type_name, those in self.events.items():
            self.event_counters[type_name] = tuple({one.counter.key: one.counter for one in those}.values())


def signal_name(signal: Signal) -> str:
    """Signals are judged in ascending order of this, however the file is written."""
    return signal.signal_id


Counted = tuple[str, str, Counter]
"""(measure, unit, counter)."""


def counters_of(signals: tuple[Signal, ...]) -> tuple[Counted, ...]:
    """The counters that some signals share, each once; signals that count nothing have none."""
    return tuple({one.counter.key: (one.measure, one.unit, one.counter) for one in signals if one.counter.key}.values())
