"""Keeps glibc from giving threads heaps of their own: of a hundred threads' heaps most would be empty, but resident."""

from __future__ import annotations

import ctypes
from typing import Final

ARENAS: Final = 2
_M_ARENA_MAX: Final = -8


def bound_arenas() -> bool:
    """Share ARENAS heaps among all threads started from now on. False where the C library has no such thing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, ARENAS))
