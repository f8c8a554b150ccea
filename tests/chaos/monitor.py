"""Watches a run from outside: how far lanes and sinks have come, and from that how long it takes to recover."""

from __future__ import annotations

import threading
import time
from typing import Final, NamedTuple

from confluent_kafka import KafkaException

from pipeline.demo.positions import LOG, Positions
from pipeline.history.connection import Connection
from pipeline.lane.ports import LaneFailed
from pipeline.sinks.assemble import keys_of
from pipeline.sinks.postgres import PostgresTarget
from pipeline.sinks.redis_target import RedisTarget
from pipeline.sinks.target import AwayError, Target

LANES: Final = "lanes"
SINK_TOPICS: Final = {"postgres": "ledger-entries", "redis": "member-balances"}
"""What each sink is watched by."""
PERIOD_S: Final = 0.5


class Sample(NamedTuple):
    """One look: when, the ends of what is read, and how far readers have come, by partition."""

    at_s: float
    ends: list[int]
    reached: list[int]


class Monitor(threading.Thread):
    """Samples until it is stopped. Times are those of `time.time`, in seconds."""

    def __init__(self, connection: Connection, partitions: int) -> None:
        super().__init__(name="monitor", daemon=True)
        self._connection = connection
        self._partitions = partitions
        self._positions = Positions(connection, partitions)
        settings = connection.settings
        self._targets: dict[str, Target] = {
            "postgres": PostgresTarget(settings.need("postgres_url")),
            "redis": RedisTarget(settings.need("redis_url"), keys_of(settings)),
        }
        self._ending = threading.Event()
        self.samples: dict[str, list[Sample]] = {name: [] for name in (LANES, *self._targets)}
        self.blind_s = 0.0

    def run(self) -> None:
        try:
            while not self._ending.wait(PERIOD_S):
                began_s = time.time()
                if not self._look():
                    self.blind_s += time.time() - began_s
        finally:
            self._positions.close()
            for target in self._targets.values():
                target.close()

    def stop(self) -> None:
        """No more looks; returns when the last one is over."""
        self._ending.set()
        self.join()

    def recovered_s(self, of: str, since_s: float) -> float | None:
        """How long after `since_s` everything had been worked off that was there by then; None if it never was."""
        samples = self.samples[of]
        start = next((index for index, sample in enumerate(samples) if sample.at_s >= since_s), None)
        if start is None:
            return None
        wanted = samples[start].ends
        for sample in samples[start:]:
            if all(reached >= end for reached, end in zip(sample.reached, wanted, strict=True)):
                return sample.at_s - since_s
        return None

    def longest_standstill_s(self) -> tuple[float, int, float]:
        """(seconds, partition, when) of the longest time that a lane with something to do did not move."""
        worst = (0.0, 0, 0.0)
        for partition in range(self._partitions):
            since_s: float | None = None
            before = -1
            for at_s, ends, reached in self.samples[LANES]:
                idle = reached[partition] >= ends[partition]
                if idle or reached[partition] != before or since_s is None:
                    since_s = at_s
                before = reached[partition]
                worst = max(worst, (at_s - since_s, partition, since_s))
        return worst

    def latest(self) -> tuple[int, int]:
        """(records on the log, records decided)."""
        if not self.samples[LANES]:
            return 0, 0
        _at_s, ends, reached = self.samples[LANES][-1]
        return sum(ends), sum(reached)

    def _look(self) -> bool:
        """Whether Kafka answered."""
        try:
            at_s = time.time()
            self.samples[LANES].append(Sample(at_s, self._positions.ends(LOG), self._positions.lanes()))
            ends = {topic: self._positions.ends(topic) for topic in SINK_TOPICS.values()}
        except (LaneFailed, KafkaException):
            return False
        for name, target in self._targets.items():
            topic = SINK_TOPICS[name]
            try:
                found = target.positions()
            except AwayError:
                self._reopen(target)
                continue
            full_name = self._connection.topics.name(topic)
            places = [found.get((full_name, partition)) for partition in range(self._partitions)]
            reached = [0 if place is None else place.next_offset for place in places]
            self.samples[name].append(Sample(time.time(), ends[topic], reached))
        return True

    def _reopen(self, target: Target) -> None:
        try:
            target.open()
        except AwayError:
            return  # it is away: the next look tries again
