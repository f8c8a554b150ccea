"""What fraud signals remember of a member as few small numbers: times as steps back from the member's clock."""

from pipeline.core.fraud_counts import Counts, CountsTuple, PeriodUse, Tally

PackedCounts = tuple[dict[str, list[int]], dict[str, PeriodUse], dict[str, tuple[int, ...]]]


def pack_counts(counts: Counts, clock_ms: int) -> PackedCounts:
    """What fraud signals count: of each journal the time of its newest moment before the clock and how much, then those
    before it, each time less than that of the moment after it; calendar windows by their starts before the clock."""
    journals: dict[str, list[int]] = {}
    for key, moments in counts.journals.items():
        packed: list[int] = []
        after_ms = clock_ms
        for at_ms, amount in reversed(moments):
            packed.append(after_ms - at_ms)
            packed.append(amount)
            after_ms = at_ms
        journals[key] = packed
    periods = {
        key: (clock_ms - start, own, clock_ms - before if before else 0, own_before)
        for key, (start, own, before, own_before) in counts.periods.items()
    }
    return journals, periods, counts.notes


def unpack_counts(packed: PackedCounts, clock_ms: int) -> CountsTuple:
    """What was packed. Raises ValueError for a journal that is not of pairs."""
    journals: list[tuple[str, tuple[Tally, ...]]] = []
    for key, numbers in packed[0].items():
        moments: list[Tally] = []
        after_ms = clock_ms
        fields = iter(numbers)
        for step_ms, amount in zip(fields, fields, strict=True):
            after_ms -= step_ms
            moments.append((after_ms, amount))
        moments.reverse()
        journals.append((key, tuple(moments)))
    periods = [
        (key, (clock_ms - start, own, clock_ms - before if before else 0, own_before))
        for key, (start, own, before, own_before) in packed[1].items()
    ]
    return (tuple(journals), tuple(periods), tuple(packed[2].items()))
