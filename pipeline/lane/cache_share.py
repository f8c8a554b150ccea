"""How many decoded members a lane may keep: its share of what all lanes of the worker may keep together."""

from __future__ import annotations

import threading
from typing import Final, final

LEAST: Final = 100
"""Of a generation, however many lanes there are: about as many members as a batch has."""


@final
class CacheShare:
    """Divides `members` among the lanes that are open. Any thread."""

    def __init__(self, members: int) -> None:
        self._members = members
        self._lanes = 0
        self._lock = threading.Lock()

    def join(self) -> None:
        """A lane opens."""
        with self._lock:
            self._lanes += 1

    def leave(self) -> None:
        """A lane has closed."""
        with self._lock:
            self._lanes -= 1

    def per_generation(self) -> int:
        """Members in the young generation of one lane's cache; as many again are in its old one."""
        return max(self._members // (2 * max(self._lanes, 1)), LEAST)
