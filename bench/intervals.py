"""Median and its confidence interval without any assumption about how measurements are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median
from typing import Final, NamedTuple

WANTED: Final = 0.95


class Interval(NamedTuple):
    """The true median lies between `low` and `high` with probability `confidence` (0 to 1)."""

    median: float
    low: float
    high: float
    confidence: float


def interval_of_median(values: Sequence[float], wanted: float = WANTED) -> Interval:
    """The narrowest interval between two of the values that has the wanted confidence, or smallest to largest.

    By the sign test: each value is above the true median with probability one half, so with n values the k-th smallest
    and k-th largest enclose it with probability 1 - 2 * P(fewer than k of n coin tosses are heads). Raises ValueError
    where there are no values.
    """
    if not values:
        raise ValueError("there are no values: give at least one")
    ascending, n = sorted(values), len(values)
    kth = 1
    while 2 * (kth + 1) <= n and _confidence(n, kth + 1) >= wanted:
        kth += 1
    return Interval(median(ascending), ascending[kth - 1], ascending[n - kth], _confidence(n, kth))


def _confidence(n: int, kth: int) -> float:
    """Of the interval from the k-th smallest to the k-th largest of n values."""
    return max(0.0, 1 - 2 * sum(comb(n, i) for i in range(kth)) / 2**n)
