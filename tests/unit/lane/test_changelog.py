"""What a lane's store becomes when it is restored, and when it is not to be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest
from fake_kafka import FakeBroker, FakeReader, Point, no_faults
from fake_store import FakeStore

from pipeline.core.member import Member
from pipeline.lane import changelog, keys
from pipeline.lane.changelog import Changelog, Progress
from pipeline.lane.ports import Change, LaneBroken, LaneFailed
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
        restored = self.changelog.restore(FakeReader(self.broker), self.store, lambda: now_ms, lambda _progress: None)
        return restored.records, restored.wiped

    def user_keys(self) -> dict[bytes, bytes]:
        return {key: value for key, value in self.content.items() if not key.startswith(b"@")}


def dies_at_read(number: int) -> Point:
    """The process ends as it reads for so many a time."""
    reads = count(1)

    def point(place: str) -> None:
        if place == "reader.read" and next(reads) == number:
            raise KeyboardInterrupt

    return point


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

    with pytest.raises(KeyboardInterrupt):
        partition.changelog.restore(
            FakeReader(partition.broker, dies_at_read(3)), partition.store, lambda: NOW_MS, lambda _progress: None
        )

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


def filled(records: int) -> Partition:
    """A changelog of members with due work and of ids, in which some are overwritten and some deleted."""
    partition = Partition()
    for i in range(records):
        if i % 7 == 3:
            partition.state.append(b"p%d" % (i - 2), None, 1)
        elif i % 3:
            partition.state.append(b"p%d" % i, b"parked", 1)
        else:
            partition.state.append(b"m%d" % (i % 50), packed(str(i % 50), 1 + i), 1)
        partition.ids.append(
            None, b"".join(b"%016d" % (10 * i + n) + b"digest--" + keys.pack_number(n) for n in range(3)), 1
        )
    return partition


@pytest.mark.parametrize("cut_at", range(1, 60, 3))
def test_a_load_that_dies_anywhere_is_not_taken_for_complete(cut_at: int) -> None:
    partition = filled(60)
    calls = 0

    def dies(_place: str) -> None:
        nonlocal calls
        calls += 1
        if calls == cut_at:
            raise KeyboardInterrupt

    def restore(store: FakeStore, reader: FakeReader) -> None:
        partition.changelog.restore(reader, store, lambda: NOW_MS, lambda _progress: None, load_from=1)

    with pytest.raises(KeyboardInterrupt):
        restore(FakeStore(partition.content, dies), FakeReader(partition.broker, dies))
    restore(FakeStore(partition.content), FakeReader(partition.broker))

    undisturbed = filled(60)
    undisturbed.restore()
    assert partition.content == undisturbed.content


def test_a_restore_tells_how_far_it_is_and_ends_at_nothing_to_go() -> None:
    partition = filled(30)
    seen: list[tuple[int, int, int]] = []

    def note(progress: Progress) -> None:
        assert progress.total == 60
        seen.append((progress.records, progress.to_go, progress.size_bytes))

    restored = partition.changelog.restore(FakeReader(partition.broker), partition.store, lambda: NOW_MS, note)

    assert seen == sorted(seen, key=lambda one: one[0])
    assert [to_go for _, to_go, _ in seen] == sorted((to_go for _, to_go, _ in seen), reverse=True)
    assert seen[-1] == (60, 0, restored.size_bytes)


def test_a_record_with_many_ids_is_written_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog, "BYTES_PER_WRITE", 96)
    partition = filled(20)
    sizes: list[int] = []

    class Measuring(FakeStore):
        def write(self, changes: Sequence[Change]) -> None:
            sizes.append(len(changes))
            super().write(changes)

    partition.changelog.restore(
        FakeReader(partition.broker, chunk=100), Measuring(partition.content), lambda: NOW_MS, lambda _progress: None
    )

    undisturbed = filled(20)
    undisturbed.restore()
    assert partition.content == undisturbed.content
    assert sizes[1:21] == [4] * 20, "three ids and the position"


def test_ids_of_one_record_may_be_of_several_generations() -> None:
    length = keys.GENERATION_MS
    times_ms = (length - 1, length, 3 * length, 0, 3 * length - 1, 5 * length + 7)
    partition = Partition()
    partition.ids.append(
        None, b"".join(b"%016d" % at_ms + b"digest--" + keys.pack_number(at_ms) for at_ms in times_ms), 1
    )
    partition.restore()

    assert partition.user_keys() == {
        keys.seen_prefix(keys.generation(at_ms)) + b"%016d" % at_ms: b"digest--" + keys.pack_number(at_ms)
        for at_ms in times_ms
    }


def test_ids_that_are_cut_off_break_the_lane_instead_of_being_misread() -> None:
    partition = Partition()
    partition.ids.append(None, b"x" * 33, 1)

    with pytest.raises(LaneBroken, match="no multiple of 32 bytes"):
        partition.restore()


def test_a_restore_that_outlasts_deletions_is_not_believed_now_nor_at_the_next_opening() -> None:
    partition = filled(10)
    times = iter((NOW_MS, NOW_MS + KEPT_MS + 1_000))
    reader = FakeReader(partition.broker)

    with pytest.raises(
        LaneFailed, match=r"ended 3601 s after its store .* deletions are kept for 3600 s: set a longer"
    ):
        partition.changelog.restore(reader, partition.store, lambda: next(times), lambda _progress: None)
    assert "deletions are kept" in partition.restore(NOW_MS + KEPT_MS + 1_000)[1]


def test_a_restore_that_goes_on_later_has_no_longer_than_one_that_is_not_cut_short() -> None:
    partition = filled(60)

    def restore(point: Point, *times_ms: int) -> str:
        times = iter(times_ms)
        reader = FakeReader(partition.broker, point)
        return partition.changelog.restore(reader, partition.store, lambda: next(times), lambda _progress: None).wiped

    with pytest.raises(KeyboardInterrupt):
        restore(dies_at_read(9), NOW_MS)
    later_ms = NOW_MS + KEPT_MS + 1_000
    with pytest.raises(LaneFailed, match="ended 3601 s after its store was begun"):
        restore(no_faults, later_ms - 2_000, later_ms)
    assert "deletions are kept" in restore(no_faults, later_ms, later_ms)
