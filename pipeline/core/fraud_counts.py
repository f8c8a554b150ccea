"""What fraud signals count of a member: moments in sliding windows one by one, and the two newest calendar windows.

A sliding window of a length is half open: of two moments exactly that length apart, no window holds both. Whatever
the order in which events arrive, an event is judged by the fullest window that holds it: no window ever holds more
than a signal allows, and nothing is stopped that fits. Moments are remembered for twice the longest window: so this is
exact for events that are late by up to its length; a later one is judged, and counted, as if it were late by that.
Where more moments come than a journal holds, its two oldest become one, at the later time: such sums of points can
count a little longer than they should.
"""

from typing import Final, final

from pipeline.core.calendar import Calendar
from pipeline.core.fraud_habits import hashed
from pipeline.core.fraud_program import Counter

VALUES_MAX: Final = 8
"""So many devices, partners or places are told apart by one counter; a new one takes the place of the longest quiet."""

Tally = tuple[int, int]
"""(time in ms, how much)."""

PeriodUse = tuple[int, int, int, int]
"""(start of the newest calendar window in ms, how much in it, start of the one before or 0, how much in that)."""

CountsTuple = tuple[
    tuple[tuple[str, tuple[Tally, ...]], ...],
    tuple[tuple[str, PeriodUse], ...],
    tuple[tuple[str, tuple[int, ...]], ...],
]


@final
class Counts:
    """`journals` are moments by counter's key, ascending by time; `periods` calendar windows by key. Of a counter by
    device, partner or place the key has `@` and a hash of its value at the end. `notes` are as `fraud_habits` says."""

    __slots__ = ("journals", "notes", "periods")

    def __init__(self) -> None:
        self.journals: dict[str, list[Tally]] = {}
        self.periods: dict[str, PeriodUse] = {}
        self.notes: dict[str, tuple[int, ...]] = {}

    def to_tuple(self) -> CountsTuple:
        """A copy as nested tuples."""
        return (
            tuple([(key, tuple(moments)) for key, moments in self.journals.items()]),
            tuple(self.periods.items()),
            tuple(self.notes.items()),
        )

    @staticmethod
    def from_tuple(values: CountsTuple) -> "Counts":
        """The counts that `to_tuple` gave these values of."""
        counts = Counts()
        counts.journals = {key: list(moments) for key, moments in values[0]}
        counts.periods = dict(values[1])
        counts.notes = dict(values[2])
        return counts


def key_of(counter: Counter, value: str) -> str:
    """Key of what is counted: the counter's own, or that of one device, partner or place."""
    if not value:
        return counter.key
    return f"{counter.key}@{hashed(value):012x}"


def used(counts: Counts, counter: Counter, key: str, length_ms: int, calendar: Calendar, at_ms: int) -> int:
    """How much the fullest window that holds `at_ms` has counted; of a calendar counter, the window of `at_ms`."""
    if counter.every:
        return used_in_period(counts.periods.get(key), calendar.window_start(counter.every, at_ms))
    moments = counts.journals.get(key)
    return 0 if not moments else fullest(moments, length_ms, clamped(moments, counter.length_ms, at_ms))


def clamped(moments: list[Tally], memory_ms: int, at_ms: int) -> int:
    """The time, or the earliest at which all windows that hold it are remembered."""
    return max(at_ms, moments[-1][0] - memory_ms)


def fullest(moments: list[Tally], length_ms: int, at_ms: int) -> int:
    """The most that any window of the length which holds `at_ms` has counted."""
    inside: list[Tally] = []
    ends = [at_ms]
    for at, amount in reversed(moments):
        if at >= at_ms + length_ms:
            continue
        if at <= at_ms - length_ms:
            break
        inside.append((at, amount))
        if at > at_ms:
            ends.append(at)
    most = 0
    for end in ends:
        total = 0
        for at, amount in inside:
            if end - length_ms < at <= end:
                total += amount
        most = max(most, total)
    return most


def used_in_period(period: PeriodUse | None, start_ms: int) -> int:
    """How much of the calendar window that starts then is used; one older than both counts as the older of them."""
    if period is None or start_ms > period[0]:
        return 0
    if start_ms == period[0]:
        return period[1]
    return period[3] if start_ms <= period[2] else 0


def count(counts: Counts, counter: Counter, key: str, calendar: Calendar, at_ms: int, amount: int) -> None:
    """Count what happened at `at_ms`; what is not remembered any longer is dropped."""
    if counter.every:
        start_ms = calendar.window_start(counter.every, at_ms)
        if key not in counts.periods:
            make_room_among_periods(counts, counter)
        counts.periods[key] = counted_in_period(counts.periods.get(key), start_ms, amount)
        return
    moments = counts.journals.get(key)
    if moments is None:
        make_room(counts, counter)
        counts.journals[key] = [(at_ms, amount)]
        return
    at_ms = clamped(moments, counter.length_ms, at_ms)
    place = len(moments)
    while place and moments[place - 1][0] > at_ms:
        place -= 1
    moments.insert(place, (at_ms, amount))
    oldest_ms = moments[-1][0] - 2 * counter.length_ms
    dropped = 0
    while moments[dropped][0] <= oldest_ms:
        dropped += 1
    if dropped:
        del moments[:dropped]
    if len(moments) > counter.capacity:
        moments[1] = (moments[1][0], moments[0][1] + moments[1][1])
        del moments[0]


def give_back(counts: Counts, counter: Counter, calendar: Calendar, at_ms: int, amount: int) -> None:
    """Uncount what a calendar counter counted at `at_ms`, if its window is still remembered."""
    period = counts.periods.get(counter.key)
    if period is None:
        return
    start_ms = calendar.window_start(counter.every, at_ms)
    if start_ms in (period[0], period[2]):
        counts.periods[counter.key] = counted_in_period(period, start_ms, -amount)


def counted_in_period(period: PeriodUse | None, start_ms: int, amount: int) -> PeriodUse:
    """The windows with so much more in the one that starts then; one older than both counts in the older of them."""
    if period is None:
        return (start_ms, amount, 0, 0)
    start, own, before, own_before = period
    if start_ms > start:
        return (start_ms, amount, start, own)
    if start_ms == start:
        return (start, max(own + amount, 0), before, own_before)
    if start_ms > before:
        return (start, own, start_ms, amount)
    return (start, own, before, max(own_before + amount, 0))


def make_room(counts: Counts, counter: Counter) -> None:
    """Forget the value that was quiet for longest, if as many are known as are kept apart."""
    if not counter.by:
        return
    prefix = counter.key + "@"
    known = [(moments[-1][0], key) for key, moments in counts.journals.items() if key.startswith(prefix)]
    if len(known) >= VALUES_MAX:
        del counts.journals[min(known)[1]]


def make_room_among_periods(counts: Counts, counter: Counter) -> None:
    """As `make_room`, of a calendar counter."""
    if not counter.by:
        return
    prefix = counter.key + "@"
    known = [(period[0], key) for key, period in counts.periods.items() if key.startswith(prefix)]
    if len(known) >= VALUES_MAX:
        del counts.periods[min(known)[1]]
