"""The load of the benchmarks: a seeded stream of a shop's events, the same bytes in every run.

Records are stamped as an import stamps them, with the time at which their event occurred, so that not even time differs
between runs. Referrals and rewards of the house are left out: for them the worker appends records of its own to the
log, and contenders that only decide would have less to do.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from pipeline.core.events import Event
from pipeline.core.payloads import (
    CustomEvent,
    EmiPaymentSucceeded,
    Line,
    MemberEnrolled,
    OnboardingCompleted,
    Payload,
    PointsAdjusted,
    ProfileChanged,
    ProgramActivated,
    RedemptionRequested,
    SubscriptionRenewed,
    Tick,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.wire.codec import Encoder
from pipeline.wire.partitioner import partition_of

SEED: Final = 20_260_301
START_MS: Final = 1_772_323_200_000  # 2026-03-01T00:00:00Z
SPAN_MS: Final = 60 * 86_400_000
REPEATED_PERCENT: Final = 3
REPEATED_WITHIN: Final = 5_000
"""A repeat follows its original within so many records, as a producer's retries do."""
ACTIVITY_SHAPE: Final = 0.5
"""Of the gamma distribution of how active members are: many do little, the busiest about 15 times the mean."""
JOINED_BY: Final = 0.6
"""All members have joined after this part of the load."""
SOURCE: Final = "shop"

MIX: Final = {
    "purchase": 66,
    "refund": 4,
    "instalment": 8,
    "review": 8,
    "subscription": 4,
    "profile": 4,
    "onboarding": 3,
    "redemption": 2,
    "adjustment": 1,
}
"""Percent of each kind among events that are neither enrolments nor repeats."""


class LogRecord(NamedTuple):
    """A record to be written to the log; control records have no key."""

    partition: int
    key: bytes | None
    value: bytes
    timestamp_ms: int


class Size(NamedTuple):
    """How large a load is: `events` records of members (repeats among them), from so many `members`."""

    events: int
    members: int


def events(size: Size, seed: int = SEED) -> Iterator[Event]:
    """The events in the order of the log; `recorded_at_ms` ascends. Raises ValueError for a size that cannot be."""
    if not 0 < size.members <= size.events * JOINED_BY:
        raise ValueError(
            f"members is {size.members}: give 1 to {int(size.events * JOINED_BY)} for {size.events} events"
        )
    return _Shop(size, seed).events()


def control(program_hash: str) -> list[tuple[int, ProgramActivated | Tick]]:
    """(timestamp in ms, record) of what every partition begins with: the programme, and that this is history."""
    activated_ms = START_MS - 60_000
    return [
        (activated_ms, ProgramActivated(program_hash, activated_ms, "bench", "the load's programme")),
        (START_MS, Tick("import")),
    ]


def encoded(size: Size, partitions: int, encoder: Encoder, program_hash: str) -> list[LogRecord]:
    """The whole log, encoded."""
    records: list[LogRecord] = []
    for timestamp_ms, record in control(program_hash):
        value = encoder.tick(record) if isinstance(record, Tick) else encoder.program_activated(record)
        records += [LogRecord(partition, None, value, timestamp_ms) for partition in range(partitions)]
    places: dict[str, tuple[bytes, int]] = {}
    for event in events(size):
        place = places.get(event.member_id)
        if place is None:
            key = event.member_id.encode()
            place = places[event.member_id] = (key, partition_of(key, partitions))
        records.append(LogRecord(place[1], place[0], encoder.event(event), event.recorded_at_ms))
    return records


class _Shop:
    """Members who join one after the other and then do what members do."""

    def __init__(self, size: Size, seed: int) -> None:
        self._size = size
        self._draw = random.Random(seed)
        self._activity = list(accumulate(self._draw.gammavariate(ACTIVITY_SHAPE, 1) for _ in range(size.members)))
        self._joined = 0
        self._orders: dict[int, tuple[str, int]] = {}  # member number -> latest order, amount not yet refunded
        self._kinds = list(MIX)
        self._kind_weights = list(accumulate(MIX.values()))

    def events(self) -> Iterator[Event]:
        draw, (count, members) = self._draw, self._size
        recent: list[Event] = []
        for number in range(count):
            at_ms = START_MS + 1 + number * SPAN_MS // count
            if recent and draw.random() * 100 < REPEATED_PERCENT:
                yield _repeated(draw.choice(recent), at_ms)
                continue
            if self._joined < min(members, 1 + int(number * members / (count * JOINED_BY))):
                member, payload = self._joined, self._enrolment()
                self._joined += 1
            else:
                member = bisect_right(self._activity, draw.random() * self._activity[self._joined - 1])
                payload = self._act(member, number)
            attributes = {"weekend": "yes" if at_ms // 86_400_000 % 7 in (2, 3) else "no"}
            event = Event(f"{SOURCE}-{number:09}", f"m-{member:06}", at_ms, SOURCE, "", attributes, payload, at_ms)
            if len(recent) < REPEATED_WITHIN:
                recent.append(event)
            else:
                recent[number % REPEATED_WITHIN] = event
            yield event

    def _enrolment(self) -> Payload:
        return MemberEnrolled(self._draw.choice(("US", "DE", "FR")), "", f"19{self._draw.randint(50, 99)}-06-15")

    def _act(self, member: int, number: int) -> Payload:
        draw = self._draw
        kind = draw.choices(self._kinds, cum_weights=self._kind_weights)[0]
        if kind == "refund" and member in self._orders:
            return self._refund(member)
        match kind:
            case "instalment":
                return EmiPaymentSucceeded(f"loan-{member}", 1 + number % 36, 12_000, "USD", draw.random() < 0.9)
            case "review":
                return CustomEvent("review_written", {"characters": draw.randint(20, 900)})
            case "subscription":
                return SubscriptionRenewed(f"plus-{member}", "plus", 900, "USD", draw.choice((1, 1, 1, 12)))
            case "profile":
                return ProfileChanged("US", draw.choice(("", "family", "student")), "")
            case "onboarding":
                return OnboardingCompleted(draw.choice(("profile", "app", "newsletter")), "app")
            case "redemption":
                return RedemptionRequested(f"rd-{number}", "cinema-ticket", 1, "app")
            case "adjustment":
                return PointsAdjusted("", draw.randint(1, 50), "goodwill", "desk")
        return self._purchase(member, number)

    def _purchase(self, member: int, number: int) -> TransactionCompleted:
        draw = self._draw
        amount_minor = max(100, int(draw.lognormvariate(8.2, 0.8)))  # half of them above 36.41
        order_id = f"o-{number:09}"
        self._orders[member] = (order_id, amount_minor)
        return TransactionCompleted(
            order_id, amount_minor, "USD", draw.choice(("store", "web", "app")), f"s-{number % 40}", "US",
            _lines(amount_minor) if number % 2 else [],
        )  # fmt: skip

    def _refund(self, member: int) -> TransactionRefunded:
        order_id, left_minor = self._orders.pop(member)
        part_minor = left_minor if left_minor < 2 else self._draw.randint(1, left_minor)
        if part_minor < left_minor:
            self._orders[member] = (order_id, left_minor - part_minor)
        return TransactionRefunded(order_id, part_minor, "USD", "returned")


def _lines(amount_minor: int) -> list[Line]:
    first = amount_minor // 3
    return [Line("1", "cd-0042", "music", 1, first), Line("2", "bk-0007", "books", 2, amount_minor - first)]


def _repeated(event: Event, at_ms: int) -> Event:
    """The same event, recorded once more."""
    return Event(
        event.event_id, event.member_id, event.occurred_at_ms, event.source, event.traceparent, event.attributes,
        event.payload, at_ms,
    )  # fmt: skip
