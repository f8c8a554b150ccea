"""The wall clock that this process goes by: the machine's, which a test may set wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, final

READ_EVERY_SECONDS: Final = 0.5


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000 + _shift.ms()


def shift_by(path: Path | None) -> None:
    """From now on this process' clock is wrong by as many ms as the file says at the time; None: by none.

    The file is looked at again twice a second. One that is not there, or holds no whole number, moves nothing.
    """
    _shift.path = path


@final
class _Shift:
    def __init__(self) -> None:
        self.path: Path | None = None
        self._ms = 0
        self._read_at = 0.0

    def ms(self) -> int:
        if self.path is None:
            return 0
        now = time.monotonic()
        if now - self._read_at >= READ_EVERY_SECONDS:
            self._read_at = now
            self._ms = _whole_number_in(self.path)
        return self._ms


_shift: Final = _Shift()


def _whole_number_in(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return 0
