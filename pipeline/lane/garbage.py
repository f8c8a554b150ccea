"""Garbage collection between batches: during one, every scan would walk the cached members for nothing."""

from __future__ import annotations

import gc
import threading
from typing import Final

BATCHES_PER_COLLECTION: Final = 500
"""Most of what is new in a few batches is replaced in the next: the longer one waits, the less there is to walk."""
BATCHES_PER_FULL_COLLECTION: Final = 20_000

_lock = threading.Lock()
_batches = 0


def collect_between_batches() -> None:
    """Turn the automatic collector off for this process; from now on `collect_after_batch` is what collects."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_after_batch() -> None:
    """Every few batches look at what is new, then put what survived out of the collector's sight.

    State holds no reference cycles, so what is dropped from it is freed by its reference count; the rare full
    collection is for cycles that libraries leave behind.
    """
    global _batches  # noqa: PLW0603 - the collector is one for the process, and so is the count
    if gc.isenabled() or not _lock.acquire(blocking=False):
        return
    try:
        _batches += 1
        if _batches % BATCHES_PER_FULL_COLLECTION == 0:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        elif _batches % BATCHES_PER_COLLECTION == 0:
            gc.collect(1)
            gc.freeze()
    finally:
        _lock.release()
