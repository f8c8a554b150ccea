"""Workers killed without warning at seeded moments of the load, and started again at once."""

import random
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, final

from pipeline.demo.crew import Crew

LONGEST_PAUSE_S: Final = 0.5
LAST_AT: Final = 0.95
"""No kill comes later than at this share of the load: it is to hit work, not idleness."""


class Kill(NamedTuple):
    """One kill: once `at` (0 to 1) of the load is done and `pause_s` more has passed, `worker` dies."""

    at: float
    pause_s: float
    worker: str


def planned_kills(count: int, workers: Sequence[str], seed: int) -> list[Kill]:
    """`count` kills in order of time; the same for the same seed. Raises ValueError for a negative count."""
    if count < 0:
        raise ValueError(f"kills is {count}: give 0 or more")
    draw = random.Random(f"kills/{seed}")  # noqa: S311 - moments of a test, no secret
    kills = [
        Kill(draw.uniform(0, LAST_AT), draw.uniform(0, LONGEST_PAUSE_S), draw.choice(workers)) for _ in range(count)
    ]
    return sorted(kills)


@final
class Killer:
    """Carries out planned kills as the load goes on."""

    def __init__(self, crew: Crew, kills: Sequence[Kill]) -> None:
        self._crew = crew
        self._left = list(kills)
        self._due_at: float | None = None
        self.done = 0

    @property
    def left(self) -> int:
        """Kills still to come."""
        return len(self._left)

    def advance(self, share: float) -> None:
        """Told how much of the load is done (0 to 1), kill and restart what is due now; at most one worker a call."""
        if not self._left or share < self._left[0].at:
            return
        if self._due_at is None:
            self._due_at = time.monotonic() + self._left[0].pause_s
        if time.monotonic() >= self._due_at:
            kill = self._left.pop(0)
            self._due_at = None
            self._crew.kill(kill.worker)
            self._crew.restart(kill.worker)
            self.done += 1
