"""What the lanes of this process are doing, and how one that is broken is told to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from pipeline.lane.facts import LaneFacts
from pipeline.lane.lane_set import LaneSet


class NotToBeResumed(Exception):
    """No lane here is broken at that place; the message says how it stands."""


@final
class Board:
    """The lane sets of a worker by topic. Any thread."""

    def __init__(self) -> None:
        self._lane_sets: dict[str, LaneSet] = {}

    def add(self, lanes: LaneSet) -> None:
        self._lane_sets[lanes.topic] = lanes

    @property
    def lane_sets(self) -> Mapping[str, LaneSet]:
        return self._lane_sets

    def facts(self) -> list[LaneFacts]:
        """All lanes, by topic and partition."""
        found = [facts for lanes in list(self._lane_sets.values()) for facts in lanes.facts()]
        return sorted(found, key=lambda facts: (facts.topic, facts.partition))

    def resume(self, topic: str, partition: int, at: int | None = None) -> None:
        """Open a broken lane anew; a relaying lane at offset `at` if given. Raises NotToBeResumed."""
        lanes = self._lane_sets.get(topic)
        state = "unknown here" if lanes is None else lanes.resume(partition, at)
        if state != "broken":
            raise NotToBeResumed(f"{topic}/{partition} is {state}, not broken: there is nothing to resume")
