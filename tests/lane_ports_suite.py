"""What a lane relies on in its reader and its transactions; the same tests over the fake broker and over Kafka."""

from __future__ import annotations

import time
from typing import Protocol

import pytest

from pipeline.lane.ports import LaneFailed, Message, Reader, Record, Transaction

PARTITION = 1
WAIT_S = 60.0


class PortsWorld(Protocol):
    """Topics `out` and `state`, empty, of which the suite uses one partition."""

    out: str
    state: str

    def reader(self) -> Reader: ...
    def transaction(self, transactional_id: str) -> Transaction:
        """Of the suite's partition, not yet fenced."""

    def append(self, topic: str, key: bytes, value: bytes) -> None:
        """A record outside any transaction."""


def messages(*values: str) -> list[Message]:
    return [{"key": b"k", "value": value.encode()} for value in values]


def opened(world: PortsWorld, transactional_id: str = "t") -> Transaction:
    transaction = world.transaction(transactional_id)
    transaction.fence()
    return transaction


def all_records(world: PortsWorld, topic: str, start: int = 0) -> list[Record]:
    reader = world.reader()
    try:
        _, end = reader.bounds(topic, PARTITION)
        return [record for chunk in reader.read(topic, PARTITION, start, end) for record in chunk]
    finally:
        reader.close()


def values(world: PortsWorld, topic: str) -> list[bytes | None]:
    return [record[3] for record in all_records(world, topic)]


def await_values(world: PortsWorld, topic: str, expected: list[bytes | None]) -> list[Record]:
    """A commit is decided when it returns; its marker, which readers wait for, may be written a moment later."""
    deadline = time.monotonic() + WAIT_S
    while True:
        records = all_records(world, topic)
        if [record[3] for record in records] == expected:
            return records
        assert time.monotonic() < deadline, (records, expected)
        time.sleep(0.01)


class PortsSuite:
    """Subclasses provide the fixture `world`."""

    def test_nothing_is_there_at_first(self, world: PortsWorld) -> None:
        assert world.reader().bounds(world.out, PARTITION) == (0, 0)
        assert all_records(world, world.out) == []

    def test_a_commit_shows_everything_in_order_and_tells_where_it_ends(self, world: PortsWorld) -> None:
        transaction = opened(world)
        transaction.begin()
        transaction.send(world.out, messages("a", "b"))
        transaction.send(world.state, messages("s"), tracked=True)
        ends = transaction.commit()

        await_values(world, world.out, [b"a", b"b"])
        state = await_values(world, world.state, [b"s"])
        assert ends == {world.state: state[-1][0] + 1}
        transaction.close()

    def test_what_is_not_committed_is_not_seen_nor_counted(self, world: PortsWorld) -> None:
        transaction = opened(world)
        transaction.begin()
        transaction.send(world.out, messages("a"))

        assert values(world, world.out) == []
        transaction.commit()
        await_values(world, world.out, [b"a"])
        transaction.close()

    def test_a_new_owner_shuts_the_old_one_out_and_ends_what_it_left_open(self, world: PortsWorld) -> None:
        zombie = opened(world)
        zombie.begin()
        zombie.send(world.out, messages("lost"))
        owner = opened(world)

        with pytest.raises(LaneFailed):
            zombie.commit()
        owner.begin()
        owner.send(world.out, messages("kept"))
        owner.commit()

        await_values(world, world.out, [b"kept"])
        zombie.close()
        owner.close()

    def test_a_record_goes_to_the_partition_that_it_names(self, world: PortsWorld) -> None:
        transaction = opened(world)
        transaction.begin()
        transaction.send(world.out, [
            {"key": b"k", "value": b"elsewhere", "partition": 0},
            {"key": b"k", "value": b"here", "partition": PARTITION},
        ])  # fmt: skip
        transaction.send(world.out, messages("own"))
        transaction.commit()

        await_values(world, world.out, [b"here", b"own"])
        transaction.close()

    def test_who_has_fenced_reads_everything_that_was_committed_before(self, world: PortsWorld) -> None:
        """What restoring rests on: no waiting here, though a commit's marker may be late for other readers."""
        expected: list[bytes | None] = []
        for number in range(10):
            owner = opened(world)
            assert values(world, world.state) == expected
            owner.begin()
            owner.send(world.state, messages(str(number)))
            owner.commit()
            owner.close()
            expected.append(str(number).encode())

    def test_a_zombie_cannot_begin_again(self, world: PortsWorld) -> None:
        zombie = opened(world)
        owner = opened(world)

        with pytest.raises(LaneFailed):
            zombie.begin()
            zombie.send(world.out, messages("lost"))
            zombie.commit()

        assert values(world, world.out) == []
        zombie.close()
        owner.close()

    def test_a_transaction_under_way_cannot_begin_again(self, world: PortsWorld) -> None:
        transaction = opened(world)
        transaction.begin()

        with pytest.raises(LaneFailed):
            transaction.begin()
        transaction.close()

    def test_owners_of_different_ids_do_not_meet(self, world: PortsWorld) -> None:
        one, two = opened(world, "one"), opened(world, "two")
        for transaction, value in ((one, "1"), (two, "2")):
            transaction.begin()
            transaction.send(world.out, messages(value))
            transaction.commit()
            transaction.close()

        await_values(world, world.out, [b"1", b"2"])

    def test_offsets_have_gaps_where_markers_and_aborted_records_stand(self, world: PortsWorld) -> None:
        zombie = opened(world)
        zombie.begin()
        zombie.send(world.out, messages("lost", "lost"))
        with pytest.raises(LaneFailed):
            opened(world).close()
            zombie.commit()
        owner = opened(world)
        owner.begin()
        owner.send(world.out, messages("kept"))
        owner.commit()
        owner.close()
        zombie.close()
        world.append(world.out, b"k", b"plain")

        records = await_values(world, world.out, [b"kept", b"plain"])

        assert records[1][0] - records[0][0] == 2, "the marker of the commit stands between them"
        assert all_records(world, world.out, start=records[1][0]) == [records[1]]

    def test_a_log_that_ends_in_markers_is_read_to_its_end(self, world: PortsWorld) -> None:
        world.append(world.out, b"k", b"first")
        transaction = opened(world)
        transaction.begin()
        transaction.send(world.out, messages("lost"))
        opened(world).close()
        transaction.close()

        await_values(world, world.out, [b"first"])
        _, end = world.reader().bounds(world.out, PARTITION)
        assert end > 1, "the aborted record and its marker are behind the end"

    def test_deletions_and_keyless_records_arrive_as_they_are(self, world: PortsWorld) -> None:
        transaction = opened(world)
        transaction.begin()
        transaction.send(world.state, [{"key": b"k", "value": None}, {"key": None, "value": b"v"}])
        transaction.commit()
        transaction.close()

        records = await_values(world, world.state, [None, b"v"])
        assert [record[2] for record in records] == [b"k", None]

    def test_a_transaction_without_records_commits(self, world: PortsWorld) -> None:
        transaction = opened(world)
        transaction.begin()
        transaction.send(world.out, [])

        assert transaction.commit() == {}
        transaction.close()
