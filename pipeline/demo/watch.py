"""Who looks on while the demo runs."""

from typing import Protocol


class Watcher(Protocol):
    """Told what is going on; never asked for anything."""

    def act(self, title: str) -> None:
        """A part of the run begins; the one before is over."""

    def progress(self, done: int, total: int) -> None:
        """So much of the part at hand is done."""


class Nobody:
    """Looks away."""

    def act(self, title: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""
