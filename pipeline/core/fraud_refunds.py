"""The share of a member's own orders that was given back: refunds and cancellations, by the window of their purchase.

Calendar windows count, by the key of the signal's counter, the money given back, and by `n/` and the window how many
times; by the key of its `spent`, the money that was not given back.
"""

from pipeline.core import fraud_counts
from pipeline.core.calendar import Calendar
from pipeline.core.fraud_counts import Counts
from pipeline.core.fraud_program import Counter, Signal


def count(counts: Counts, counters: tuple[Counter, ...], calendar: Calendar, at_ms: int, minor: int) -> None:
    """Count money given back of an order that was bought at `at_ms`."""
    for counter in counters:
        fraud_counts.count(counts, counter, counter.key, calendar, at_ms, minor)
        fraud_counts.count(counts, counter, f"n/{counter.every}", calendar, at_ms, 1)


def percent(signal: Signal, counts: Counts, calendar: Calendar, at_ms: int) -> tuple[int, int]:
    """(how many percent of what was bought in the window of `at_ms` were given back, rounded up; in how many refunds
    and cancellations); (0, 0) where those are fewer than the signal asks for."""
    counter, spent = signal.counter, signal.spent
    times = fraud_counts.used(counts, counter, f"n/{counter.every}", 0, calendar, at_ms)
    if times < signal.after or spent is None:
        return 0, 0
    back = fraud_counts.used(counts, counter, counter.key, 0, calendar, at_ms)
    kept = fraud_counts.used(counts, spent, spent.key, 0, calendar, at_ms)
    return -(-back * 100 // max(back + kept, 1)), times
