"""The fetcher on a real group: each lane is read from its own position on, however soon it opens."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic
from lane_world import wait_until

from pipeline.devstack import Settings as StackSettings
from pipeline.lane.fetcher import Fetcher
from pipeline.lane.kafka import group_consumer_config, new_admin, new_producer
from pipeline.lane.lane_set import LaneSet
from pipeline.lane.ports import Batch
from pipeline.lane.quarantined import Quarantined
from pipeline.settings import Settings

pytestmark = pytest.mark.kafka

PARTITIONS = 8
RECORDS = 500
BEGIN = 5
POSITION = 10
ROUNDS = 6


class Noting:
    """A lane that is open at once and notes what it is given."""

    def __init__(self, taken: list[int]) -> None:
        self.position = -1
        self.quarantined: tuple[Quarantined, ...] = ()
        self._taken = taken

    def open(self, at: int | None = None) -> int:
        self.position = POSITION
        return POSITION

    def process(self, batch: Batch) -> None:
        self._taken.extend(offset for offset, _, _, _ in batch.records)
        self.position = batch.end

    def idle(self) -> None:
        """Time means nothing to it."""

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def topic(settings: StackSettings, prefix: str) -> Iterator[Settings]:
    """Settings whose topic prefix is a topic with RECORDS records in each partition."""
    found = Settings(bootstrap_servers=settings.bootstrap_servers, topic_prefix=prefix, app_id=prefix)
    admin = new_admin(found)
    admin.create_topics([NewTopic(prefix, PARTITIONS, 1)])[prefix].result(30)
    producer = new_producer(found)
    for number in range(RECORDS * PARTITIONS):
        producer.produce(prefix, b"value", b"key", number % PARTITIONS)
    assert producer.flush(60) == 0
    begin = [TopicPartition(prefix, partition, BEGIN) for partition in range(0, PARTITIONS, 2)]
    for deleted in admin.delete_records(begin).values():  # every other partition begins behind offset 0
        deleted.result(30)
    yield found
    admin.delete_topics([prefix])[prefix].result(30)


def test_a_lane_that_opens_right_after_the_assignment_is_read_from_its_position_on(topic: Settings) -> None:
    for number in range(ROUNDS):
        taken: dict[int, list[int]] = {partition: [] for partition in range(PARTITIONS)}
        lanes = LaneSet(f"round-{number}", topic.topic_prefix, lambda partition, _clock, t=taken: Noting(t[partition]))
        fetcher = Fetcher(group_consumer_config(topic, lanes.agent), lanes, RECORDS, lambda _assigned: None)
        ending = threading.Event()

        def run(fetcher: Fetcher = fetcher, lanes: LaneSet = lanes, ending: threading.Event = ending) -> None:
            while not ending.is_set():
                for _partition, batch in fetcher.fetch():
                    lanes.submit(batch)
            fetcher.close(10)

        thread = threading.Thread(target=run, name="fetcher", daemon=True)
        thread.start()
        try:
            wait_until(
                lambda t=taken: all(len(offsets) >= RECORDS - POSITION for offsets in t.values()),
                f"every record from {POSITION} on in round {number}",
            )
        finally:
            ending.set()
            thread.join(60)
        assert all(offsets == list(range(POSITION, RECORDS)) for offsets in taken.values())
