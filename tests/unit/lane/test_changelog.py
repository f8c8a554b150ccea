"""What a lane's store becomes when it is restored, and when it is not to be trusted."""

from __future__ import annotations

import pytest
from fake_kafka import FakeBroker, FakeReader
from fake_store import FakeStore

from pipeline.core.member import Member
from pipeline.lane import keys
from pipeline.lane.changelog import Changelog
from pipeline.lane.ports import LaneBroken
from pipeline.wire.state import pack_member

NOW_MS = 1_000_000_000
KEPT_MS = 3_600_000


class Partition:
    """A changelog partition and one worker's store of it."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.content: dict[bytes, bytes] = {}
        self.store = FakeStore(self.content)
        self.changelog = Changelog("state", "ids", 0, b"origin", KEPT_MS)
        self.state = self.broker.log("state", 0)
        self.ids = self.broker.log("ids", 0)

    def restore(self, now_ms: int = NOW_MS) -> tuple[int, str]:
        """(records read, why the store was wiped)."""
        restored = self.changelog.restore(FakeReader(self.broker), self.store, now_ms, lambda _records, _to_go: None)
        return restored.records, restored.wiped

    def user_keys(self) -> dict[bytes, bytes]:
        return {key: value for key, value in self.content.items() if not key.startswith(b"@")}


def packed(member_id: str, next_due_ms: int = 0) -> bytes:
    member = Member(member_id)
    member.next_due_ms = next_due_ms
    return pack_member(member)


def test_a_fresh_store_gets_everything_with_the_index_of_due_work() -> None:
    partition = Partition()
    partition.state.append(b"ma", packed("a", 500), 1)
    partition.state.append(b"p-a", b"parked", 1)
    partition.ids.append(None, b"i" * 16 + b"digest--" + keys.pack_number(7), 1)

    assert partition.restore() == (3, "")

    assert partition.user_keys() == {
        b"ma": packed("a", 500),
        keys.due_key(500, "a"): b"",
        b"p-a": b"parked",
        keys.seen_prefix(0) + b"i" * 16: b"digest--" + keys.pack_number(7),
    }


def test_a_warm_store_reads_only_the_tail_and_takes_deletions() -> None:
    partition = Partition()
    partition.state.append(b"p-a", b"parked", 1)
    partition.restore()
    partition.state.append(b"p-a", None, 1)

    assert partition.restore() == (1, "")

    assert partition.user_keys() == {}


def test_a_restore_that_was_cut_short_goes_on_where_it_was() -> None:
    partition = Partition()
    for i in range(7):
        partition.state.append(b"p%d" % i, b"parked", 1)
    reads = 0

    def dies(place: str) -> None:
        nonlocal reads
        reads += place == "reader.read"
        if reads == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        partition.changelog.restore(FakeReader(partition.broker, dies), partition.store, NOW_MS, lambda _r, _g: None)

    assert partition.restore() == (1, "")
    assert len(partition.user_keys()) == 7


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p: p.content.update({keys.ORIGIN: b"another"}), "another cluster"),
        (lambda p: p.content.pop(keys.ORIGIN), "does not say"),
        (lambda p: p.content.update({keys.CHANGELOG_POSITION: keys.pack_number(99)}), "ahead"),
        (lambda p: p.content.update({keys.IDS_POSITION: keys.pack_number(99)}), "ahead"),
        (lambda p: p.content.update({keys.WRITTEN_AT: keys.pack_number(NOW_MS - KEPT_MS - 1)}), "deletions are kept"),
        (lambda p: p.state.truncate(2), "begins after"),
    ],
)
def test_a_store_that_cannot_be_trusted_is_wiped_and_rebuilt(spoil: object, why: str) -> None:
    partition = Partition()
    partition.state.append(b"p-a", b"parked", 1)
    partition.restore()
    partition.content[b"p-stray"] = b"of another life"
    partition.state.append(b"p-b", b"parked", 1)
    partition.state.append(b"p-c", b"parked", 1)
    assert callable(spoil)
    spoil(partition)

    _, wiped = partition.restore()

    assert why in wiped
    expected = {b"p-c"} if "begins" in why else {b"p-a", b"p-b", b"p-c"}
    assert partition.user_keys().keys() == expected


def test_decided_ids_that_are_gone_break_the_lane() -> None:
    partition = Partition()
    partition.state.append(keys.MARKER, keys.Marker(10, 0, 0, 5).pack(), 1)
    partition.restore()

    with pytest.raises(LaneBroken, match="decided ids are lost"):
        partition.changelog.marker(partition.store, ids_end=4)

    marker = partition.changelog.marker(partition.store, ids_end=5)
    assert marker is not None
    assert marker.position == 10


def test_state_of_another_version_breaks_the_lane_instead_of_being_misread() -> None:
    partition = Partition()
    partition.state.append(b"ma", b"\xff" + packed("a")[1:], 1)

    with pytest.raises(LaneBroken, match="another version"):
        partition.restore()


def test_a_marker_comes_back_as_it_was_and_others_are_refused() -> None:
    marker = keys.Marker(12, 34, 56, 78)

    assert repr(keys.Marker.unpack(marker.pack())) == repr(marker)
    with pytest.raises(ValueError, match="not of version"):
        keys.Marker.unpack(b"\x09" + marker.pack()[1:])
