"""Keeps the C library's heaps small: few of them, and nothing large in them that would leave holes."""

from __future__ import annotations

import ctypes
from typing import Final

ARENAS: Final = 2
"""Heaps that all threads share: of a hundred threads' own most would be empty, but resident."""
MAPPED_FROM_BYTES: Final = 256 << 10
"""Larger blocks, such as RocksDB's buffers and what a broker answers, are memory of their own and given back when they
are freed. By itself glibc raises this bound to the largest block that was ever freed."""
TRIMMED_FROM_BYTES: Final = 1 << 20
"""So much may lie free at a heap's end before it is given back."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def bound_heaps() -> bool:
    """Bound the heaps of this process, from now on. False where the C library has no such thing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = (
        (_M_ARENA_MAX, ARENAS),
        (_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES),
        (_M_TRIM_THRESHOLD, TRIMMED_FROM_BYTES),
    )
    taken = [bool(mallopt(option, value)) for option, value in wanted]
    return all(taken)
