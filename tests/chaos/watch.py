"""Lines on stderr that tell how far a run has come."""

from __future__ import annotations

import sys
import time
from typing import final


@final
class Lines:
    """Implements `pipeline.demo.watch.Watcher` with a line per act, and one for whatever else is told."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def act(self, title: str) -> None:
        self.tell(title)

    def progress(self, done: int, total: int) -> None:
        """A line per act is enough."""

    def tell(self, text: str) -> None:
        """One line, with the seconds since the run began."""
        sys.stderr.write(f"{time.monotonic() - self._began_s:7.1f} s  {text}\n")
        sys.stderr.flush()
