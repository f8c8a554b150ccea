"""What goes wrong in a simulated world, where and how often; every fault that did happen is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from fake_kafka import FakeLog, Point

from pipeline.lane.ports import LaneFailed, Record

CRASHES = {
    "reader.read": 0.01,
    "fence:before": 0.01,
    "fence:after": 0.02,
    "begin": 0.01,
    "send": 0.002,
    "commit:before": 0.02,
    "commit:on its way": 0.01,
    "commit:after": 0.03,
    "store.write:before": 0.005,
    "store.write:after": 0.005,
    "store.finish_loading": 0.05,
    "append:before": 0.02,
    "append:after": 0.05,
}
"""The process dies there."""

FAILURES = {
    "reader.bounds": 0.01,
    "reader.read": 0.01,
    "begin": 0.005,
    "send": 0.001,
    "commit:before": 0.02,
    "commit:on its way": 0.025,
    "commit:after": 0.02,
    "store.get": 0.001,
    "store.get_many": 0.005,
    "store.write:before": 0.005,
    "store.finish_loading": 0.05,
    "append:before": 0.03,
    "append:after": 0.05,
}
"""The call raises. Before a commit it did not happen, after it it did; on its way nobody knows yet."""

FREEZES = {
    "fence:after": 0.015,
    "reader.read": 0.005,
    "begin": 0.005,
    "send": 0.001,
    "commit:before": 0.01,
    "commit:on its way": 0.015,
    "commit:after": 0.025,
    "store.write:before": 0.01,
    "append:before": 0.03,
}
"""The process stands still there while others go on, and then goes on itself, without knowing."""

PROGRAM_MISSING = 0.01
REGISTRY_AWAY = 0.003


class Crash(BaseException):
    """The process is gone. No handler of the code under test may take it for an error."""


class Faults:
    """Draws faults from a seed while `active`. `bites` counts them by kind, `trace` names all places passed."""

    def __init__(self, random: Random, bites: Counter[str], freeze: Callable[[int, int], None]) -> None:
        self.random = random
        self.bites = bites
        self.active = True
        self.crashes = 0
        self.trace: list[str] = []
        self._freeze = freeze
        self._frozen = False

    def point(self, worker: int, partition: int) -> Point:
        """What the ports of a worker's lane call before and after every effect."""
        owner = f"{worker}/{partition} "
        trace = self.trace
        draw = self.random.random

        def reached(place: str) -> None:
            trace.append(owner + place)
            if not self.active:
                return
            chance = draw()
            crash = CRASHES.get(place, 0.0)
            if chance < crash:
                self.crash(place)
            failure = crash + FAILURES.get(place, 0.0)
            if chance < failure:
                self.bites[f"call fails: {place}"] += 1
                raise LaneFailed(f"{place} fails")
            if chance < failure + FREEZES.get(place, 0.0) and not self._frozen:
                self.bites[f"freeze: {place}"] += 1
                self._frozen = True
                try:
                    self._freeze(worker, partition)
                finally:
                    self._frozen = False

        return reached

    def crash(self, place: str) -> None:
        """Raises Crash."""
        self.crashes += 1
        self.bites[f"crash: {place}"] += 1
        raise Crash(place)

    def passed_over(self, records: list[Record]) -> list[Record]:
        """What a consumer delivers of these records: now and then it passes over one, but for the last."""
        if len(records) > 1 and self.happens("record passed over", 0.04):
            place = self.random.randrange(len(records) - 1)
            return records[:place] + records[place + 1 :]
        return records

    def stalls(self, log: FakeLog, end: int) -> None:
        """A reader that has come to `end` finds nothing more, perhaps because of a transaction that is still open."""
        if end < len(log.entries):
            self.bites["reader stands before an open transaction"] += 1

    def happens(self, kind: str, chance: float) -> bool:
        """Whether this fault happens now; counted if so."""
        if self.active and self.random.random() < chance:
            self.bites[kind] += 1
            return True
        return False
