"""The lanes of one source topic in this worker: opened and closed with the partitions that the group assigns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, final

from confluent_kafka import Message as KafkaMessage

from pipeline import logs, metrics
from pipeline.lane.facts import LaneFacts
from pipeline.lane.ports import Batch, Record
from pipeline.lane.runner import Attachment, LaneRunner, Opener

CLOSE_SECONDS: Final = 10.0
ToRecord = Callable[[KafkaMessage], Record]

log = logs.logger("accrue.lane")


def plain_record(message: KafkaMessage) -> Record:
    """Offset, timestamp, key and value of a consumed message."""
    offset = message.offset()
    assert offset is not None
    return offset, message.timestamp()[1], message.key(), message.value()


@final
class LaneSet:
    """The only owner of positions. Partitions are opened and closed by the consumer's thread; any thread may read.

    `agent` is whose lanes they are. `room` is set whenever a lane opens or can take another batch. `lags` are offsets
    between a lane and the end of its log, kept by the consumer's thread.
    """

    def __init__(self, agent: str, topic: str, opener: Opener, to_record: ToRecord = plain_record) -> None:
        self.agent = agent
        self.topic = topic
        self.to_record = to_record
        self.room = threading.Event()
        self._opener = opener
        self._runners: dict[int, LaneRunner] = {}
        self.lags: dict[int, int] = {}

    def open(self, partitions: Iterable[int]) -> None:
        """Begin to open lanes; each becomes an attachment when it is restored. One that is open already stays."""
        for partition in partitions:
            if partition not in self._runners:
                runner = self._runners[partition] = LaneRunner(self.topic, partition, self._opener, self.room)
                runner.start()

    def close(self, partitions: Iterable[int] | None = None, seconds: float = CLOSE_SECONDS) -> dict[int, int]:
        """Close lanes (None: all): the batch at hand is committed, what waits is not begun. Returns the positions
        reached.

        A lane that hangs, such as on a commit while the broker is away, is left behind after `seconds`: fencing and the
        store's lock keep it from doing harm.
        """
        closing = {p: self._runners.pop(p) for p in list(self._runners) if partitions is None or p in set(partitions)}
        for runner in closing.values():
            runner.ask_to_close()
        deadline = time.monotonic() + seconds
        for partition, runner in closing.items():
            if not runner.join(max(deadline - time.monotonic(), 0)):
                log.warning("lane does not close", topic=self.topic, partition=partition, after_seconds=seconds)
            self.lags.pop(partition, None)
            metrics.forget_lane(self.topic, partition)
        return {partition: runner.position for partition, runner in closing.items() if runner.position >= 0}

    def attachments(self) -> dict[int, Attachment]:
        """Partitions with an open lane, as of now."""
        return {p: a for p, runner in list(self._runners.items()) if (a := runner.attachment) is not None}

    def positions(self) -> dict[int, int]:
        """The position of every lane that has one."""
        return {p: runner.position for p, runner in list(self._runners.items()) if runner.position >= 0}

    def facts(self) -> list[LaneFacts]:
        """How every lane stands."""
        return [runner.facts(self.lags.get(partition, -1)) for partition, runner in list(self._runners.items())]

    def resume(self, partition: int, at: int | None = None) -> str:
        """Open a broken lane anew; another one goes on as it does. Returns the state that it was found in."""
        runner = self._runners.get(partition)
        return "unknown here" if runner is None else runner.resume(at)

    def submit(self, batch: Batch) -> None:
        """What the agent does with a batch: hand it to its lane's thread. Never blocks and never raises.

        A batch for an opening that is no more goes nowhere: the lane that took its place reads those records again.
        """
        assert isinstance(batch.lane, Attachment)
        batch.lane.submit(batch)
