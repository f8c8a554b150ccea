"""How far the pipeline has come: the lanes by their markers, the relaying lanes by the group's offsets."""

from collections.abc import Sequence
from typing import Final, final

from pipeline.history.connection import Connection
from pipeline.lane.context import GroupPositions
from pipeline.lane.kafka import group_of
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.keys import MARKER, Marker
from pipeline.lane.ports import Record

WINDOWS: Final = (8, 512, 32_768, 2**62)
"""How far back from the end a partition is searched: markers of transactions and aborted records may stand there."""
LOG: Final = "member-events"
RELAYED: Final = {"derived-events": "relay", "reward-fulfillments": "fulfilment"}
"""Topic to the agent whose group's offsets say how far it has come."""


@final
class Positions:
    """Looks at the topics from outside; one thread at a time; to be closed."""

    def __init__(self, connection: Connection, partitions: int) -> None:
        self._name = connection.topics.name
        self._partitions = range(partitions)
        self._reader = KafkaReader(connection.settings)
        self._groups = {
            topic: GroupPositions(connection.settings, group_of(connection.settings, agent))
            for topic, agent in RELAYED.items()
        }

    def ends(self, topic: str) -> list[int]:
        """By partition the position after the last committed record; 0 for a partition without one."""
        return [record[0] + 1 if (record := self._last(topic, p)) is not None else 0 for p in self._partitions]

    def lanes(self, changelog: str = "member-changelog") -> list[int]:
        """By partition how far the lane with this changelog, the log's, has come."""
        found = []
        for partition in self._partitions:
            record = self._last(changelog, partition, MARKER)
            found.append(Marker.unpack(record[3]).position if record is not None and record[3] is not None else 0)
        return found

    def drained(self, ends: Sequence[int]) -> bool:
        """Whether the lanes have come to these ends of the log."""
        return all(lane >= end for lane, end in zip(self.lanes(), ends, strict=True))

    def relayed(self) -> bool:
        """Whether all derived events and fulfilment commands have been seen to."""
        return all(
            (group.committed(self._name(topic), partition) or 0) >= end
            for topic, group in self._groups.items()
            for partition, end in enumerate(self.ends(topic))
        )

    def answered(self) -> bool:
        """Whether all requests to pools have been answered."""
        ends = self.ends("pool-requests")
        return all(lane >= end for lane, end in zip(self.lanes("pool-changelog"), ends, strict=True))

    def quiet(self) -> bool:
        """Whether nothing is left to do: log drained, pools asked, everything relayed, and nothing new on the log
        since."""
        ends = self.ends(LOG)
        return self.drained(ends) and self.answered() and self.relayed() and self.ends(LOG) == ends

    def close(self) -> None:
        """End what was opened."""
        self._reader.close()
        for group in self._groups.values():
            group.close()

    def _last(self, topic: str, partition: int, key: bytes | None = None) -> Record | None:
        """The last committed record of a partition, or the last one with this key."""
        name = self._name(topic)
        start, end = self._reader.bounds(name, partition)
        for window in WINDOWS:
            first = max(start, end - window)
            found: Record | None = None
            for chunk in self._reader.read(name, partition, first, end):
                for record in chunk:
                    if key is None or record[2] == key:
                        found = record
            if found is not None or first == start:
                return found
        return None
