"""How many calls a worker may make to each partner now: at a time, and in a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import final

from pipeline.program.partners import Partner


@final
class CallSlots:
    """Shared by the lanes of a worker. A rate is a bucket that holds a second's calls and fills evenly."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._taken: dict[str, int] = {}
        self._buckets: dict[str, tuple[float, float]] = {}

    def reserve(self, partner: Partner, wanted: int) -> int:
        """Take up to `wanted` slots; each is to be given back when its call has ended."""
        with self._lock:
            taken = self._taken.get(partner.partner_id, 0)
            granted = min(wanted, max(partner.concurrency - taken, 0))
            if partner.rate:
                granted = self._within_rate(partner, granted)
            self._taken[partner.partner_id] = taken + granted
            return granted

    def give_back(self, partner_id: str, number: int) -> None:
        """So many calls have ended, or are not made."""
        with self._lock:
            self._taken[partner_id] -= number

    def taken(self, partner_id: str) -> int:
        """Calls that are on their way."""
        with self._lock:
            return self._taken.get(partner_id, 0)

    def _within_rate(self, partner: Partner, wanted: int) -> int:
        now = self._monotonic()
        left, at = self._buckets.get(partner.partner_id, (float(partner.rate), now))
        left = min(left + (now - at) * partner.rate, float(partner.rate))
        granted = min(wanted, int(left))
        self._buckets[partner.partner_id] = left - granted, now
        return granted
