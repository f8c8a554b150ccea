"""Restoring from real changelogs: while the broker compacts them, from a warm disk, with a store that is too old."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from lane_world import wait_until

from pipeline.devstack import Settings as Servers
from pipeline.lane.changelog import Changelog
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.kafka_transaction import KafkaTransaction
from pipeline.lane.ports import Message, Record
from pipeline.lane.store import RocksStore
from pipeline.settings import Settings

pytestmark = pytest.mark.kafka

NOW_MS = 1_000_000_000
KEPT_MS = 3_600_000
WRITTEN_BY_STORE = (b"@", b"\xff")
SMALL_FETCHES = {"queued.max.messages.kbytes": "256", "queued.min.messages": "500", "fetch.message.max.bytes": "65536"}
"""So that little is read ahead of what the restore has taken."""
NOT_YET = {"min.compaction.lag.ms": str(1 << 50)}
AT_ONCE = {"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.0"}


class Changelogs:
    """Changelog topics of one partition that are compacted when a test says so."""

    def __init__(self, servers: Servers, prefix: str, folder: Path) -> None:
        self.state, self.ids = f"{prefix}-state", f"{prefix}-ids"
        self.settings = Settings(bootstrap_servers=servers.bootstrap_servers, app_id=prefix)
        self.slow = Settings(bootstrap_servers=servers.bootstrap_servers, app_id=prefix, kafka=SMALL_FETCHES)
        self.folder = folder
        self.admin = AdminClient(self.settings.kafka_config())
        compacted = {
            "cleanup.policy": "compact", "segment.ms": "200", "delete.retention.ms": str(KEPT_MS), **NOT_YET,
        }  # fmt: skip
        topics = [NewTopic(self.state, 1, 1, config=compacted), NewTopic(self.ids, 1, 1)]
        for made in self.admin.create_topics(topics).values():
            made.result(30)
        # The cleaner sleeps for so long when it finds nothing to do; it is the broker's setting, and harms nobody.
        self._alter(ConfigResource(ResourceType.BROKER, "1"), {"log.cleaner.backoff.ms": "100"})
        self.transaction = KafkaTransaction(self.settings, f"{prefix}-writer", 0)
        self.transaction.fence()
        self.expected: dict[bytes, bytes] = {}
        self.written = 0

    def write(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        """One transaction."""
        messages: list[Message] = [{"key": key, "value": value} for key, value in changes]
        self.transaction.begin()
        self.transaction.send(self.state, messages)
        self.transaction.commit()
        self.written += len(changes)
        for key, value in changes:
            if value is None:
                self.expected.pop(key, None)
            else:
                self.expected[key] = value

    def alter(self, config: dict[str, str]) -> None:
        self._alter(ConfigResource(ResourceType.TOPIC, self.state), config)

    def _alter(self, resource: ConfigResource, config: dict[str, str]) -> None:
        for name, value in config.items():
            resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
        for done in self.admin.incremental_alter_configs([resource]).values():
            done.result(30)

    def records(self) -> list[Record]:
        """What is still on the state's changelog."""
        reader = KafkaReader(self.settings)
        try:
            return [record for chunk in reader.read(self.state, 0, *reader.bounds(self.state, 0)) for record in chunk]
        finally:
            reader.close()

    def compact_until(self, condition: Callable[[list[Record]], bool], what: str) -> None:
        """Let the cleaner run until what is left looks as wanted. What is written last is never cleaned."""
        self.alter(AT_ONCE)

        def cleaned() -> bool:
            self.write([(b"p-filler", b"x")])  # a segment is only closed when there is something after it
            return condition(self.records())

        wait_until(cleaned, what)

    def restore(
        self, store: RocksStore, reader: KafkaReader | None = None, now_ms: int = NOW_MS, kept_ms: int = KEPT_MS
    ) -> tuple[int, str]:
        """(records read, why the store was wiped)."""
        changelog = Changelog(self.state, self.ids, 0, b"origin", kept_ms)
        used = reader or KafkaReader(self.settings)
        try:
            restored = changelog.restore(used, store, lambda: now_ms, lambda _progress: None, load_from=1_000)
            return restored.records, restored.wiped
        finally:
            used.close()

    def store(self, name: str = "store") -> RocksStore:
        return RocksStore(self.folder / name)


def content(store: RocksStore) -> dict[bytes, bytes]:
    return {key: value for key, value in store.scan(b"", b"\xff") if not key.startswith(WRITTEN_BY_STORE)}


@pytest.fixture
def changelogs(settings: Servers, prefix: str, tmp_path: Path) -> Iterator[Changelogs]:
    made = Changelogs(settings, prefix, tmp_path)
    yield made
    made.transaction.close()


class Pausing:
    """A reader that lets something happen after its first chunk of the state."""

    def __init__(self, reader: KafkaReader, topic: str, meanwhile: Callable[[], None]) -> None:
        self.bounds = reader.bounds
        self.close = reader.close
        self.another = reader.another
        self._reader = reader
        self._topic = topic
        self._meanwhile = meanwhile
        self.chunks = 0

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        for chunk in self._reader.read(topic, partition, start, end):
            yield chunk
            if topic == self._topic:
                self.chunks += 1
                if self.chunks == 1:
                    self._meanwhile()


def test_a_changelog_may_be_compacted_while_it_is_read(changelogs: Changelogs) -> None:
    keys = 500
    for version in range(40):
        changelogs.write([(b"p%03d" % key, b"%03d" % version + bytes(1000)) for key in range(keys)])
    changelogs.write([(b"p%03d" % key, None) for key in range(0, keys, 5)])
    assert changelogs.written == len(changelogs.records()), "nothing is compacted before"
    expected = dict(changelogs.expected)
    left: list[int] = []

    def compact() -> None:
        changelogs.compact_until(lambda found: len(found) < changelogs.written // 4, "the cleaner's work")
        left.append(len(changelogs.records()))

    store = changelogs.store()
    written_before = changelogs.written
    reader = Pausing(KafkaReader(changelogs.slow), changelogs.state, compact)
    read, _wiped = changelogs.restore(store, reader)  # type: ignore[arg-type]

    assert left, "the cleaner ran during the restore"
    assert reader.chunks > 1
    assert read < written_before // 2, "the restore read on in what compaction had left"
    found = content(store)
    found.pop(b"p-filler", None)
    assert found == expected
    store.close()


def test_from_a_warm_disk_only_the_tail_is_read(changelogs: Changelogs) -> None:
    changelogs.write([(b"p%03d" % key, b"first") for key in range(300)])
    store = changelogs.store()
    assert changelogs.restore(store) == (300, "")
    store.close()
    changelogs.write([(b"p%03d" % key, b"second") for key in range(7)])
    changelogs.write([(b"p200", None)])

    store = changelogs.store()
    assert changelogs.restore(store) == (8, "")
    assert content(store) == changelogs.expected
    assert changelogs.restore(store) == (0, "")
    store.close()


def test_keys_that_were_deleted_do_not_come_back_with_a_store_that_is_too_old(changelogs: Changelogs) -> None:
    changelogs.write([(b"p%03d" % key, b"first") for key in range(50)])
    store = changelogs.store()
    changelogs.restore(store)
    store.close()
    shutil.copytree(changelogs.folder / "store", changelogs.folder / "trusted")
    changelogs.write([(b"p%03d" % key, None) for key in range(0, 50, 2)])

    changelogs.alter({"delete.retention.ms": "1"})

    def forgotten(found: list[Record]) -> bool:
        return not any(value is None for _offset, _timestamp_ms, _key, value in found)

    changelogs.compact_until(forgotten, "the end of the deletions themselves")

    trusted = changelogs.store("trusted")
    changelogs.restore(trusted, now_ms=NOW_MS + KEPT_MS)
    assert set(content(trusted)) - set(changelogs.expected) == {b"p%03d" % key for key in range(0, 50, 2)}, (
        "the log alone cannot tell that they were deleted"
    )
    trusted.close()
    store = changelogs.store()
    read, wiped = changelogs.restore(store, now_ms=NOW_MS + KEPT_MS + 1)
    assert "deletions are kept" in wiped
    assert read >= 25
    assert content(store) == changelogs.expected
    store.close()
