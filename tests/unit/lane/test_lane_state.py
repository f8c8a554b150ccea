"""The state over a store: caching, due work, ids by generation, and what a rewind leaves."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from fake_store import FakeStore

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import MemberEnrolled, TransactionRefunded
from pipeline.lane import changes as changes_module
from pipeline.lane import keys
from pipeline.lane.changes import MemberTooLarge
from pipeline.lane.faults import Faults
from pipeline.lane.ports import LaneBroken, Message
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.state import LaneState, RecordAtHand
from pipeline.wire.state import unpack_member

IDENTITY = b"i" * 16
DIGEST = b"d" * 8


class Kept:
    """A state and the table under it."""

    def __init__(self, cached_members: int = 100) -> None:
        self.content: dict[bytes, bytes] = {}
        self.store = FakeStore(self.content)
        self.at = RecordAtHand()
        self.packings: list[Message] = []
        self.faults = Faults()
        self.state = self.reopened(cached_members)

    def reopened(self, cached_members: int = 100) -> LaneState:
        return LaneState(self.store, self.at, self.faults, self.balance, cached_members)

    def balance(self, member: Member, at_ms: int) -> Message:
        message = {"key": member.member_id.encode(), "value": b"%d at %d" % (member.next_due_ms, at_ms)}
        self.packings.append(message)
        return message

    def commit(self, news: Mapping[str, Quarantined] | None = None) -> None:
        changes = self.state.collect(news or {})
        self.store.write([*changes.changelog, *changes.local])
        self.state.committed()

    def put(self, member_id: str, due_ms: int = 0) -> None:
        member = self.state.member(member_id) or Member(member_id)
        member.next_due_ms = due_ms
        self.state.put_member(member)

    def due_keys(self) -> list[tuple[int, str]]:
        return [keys.split_due_key(key) for key in sorted(self.content) if key.startswith(keys.DUE)]


def test_due_work_is_found_in_order_in_the_store_and_among_the_changes() -> None:
    kept = Kept()
    kept.put("b", 20)
    kept.put("a", 20)
    kept.put("late", 99)
    kept.put("moved", 5)
    kept.commit()
    kept.put("moved", 30)
    kept.put("new", 10)

    assert kept.state.due(30, 10) == ["new", "a", "b", "moved"]
    assert kept.state.due(30, 2) == ["new", "a"]
    assert kept.state.due(4, 10) == []


def test_the_index_of_due_work_follows_the_members() -> None:
    kept = Kept()
    kept.put("a", 20)
    kept.commit()
    kept.put("a", 30)
    kept.commit()
    assert kept.due_keys() == [(30, "a")]

    kept.put("a", 0)
    kept.commit()
    assert kept.due_keys() == []


def test_a_stale_hint_of_due_work_is_dropped_when_it_is_met() -> None:
    kept = Kept()
    kept.put("a", 20)
    kept.commit()
    kept.content[keys.due_key(5, "a")] = b""  # as a restore leaves it
    kept.content[keys.due_key(6, "nobody")] = b""
    assert kept.state.first_due_ms() == 5

    assert kept.state.due(50, 10) == ["a"]
    kept.commit()

    assert kept.due_keys() == [(20, "a")]


def test_members_that_leave_the_cache_come_back_as_they_were_committed() -> None:
    kept = Kept(cached_members=2)
    for number in range(8):
        kept.put(f"m{number}", number + 1)
        kept.commit()

    for number in range(8):
        member = kept.state.member(f"m{number}")
        assert member is not None
        assert member.next_due_ms == number + 1
    kept.put("m0", 77)
    kept.commit()
    assert (77, "m0") in kept.due_keys()
    assert (1, "m0") not in kept.due_keys()


def test_a_rewind_forgets_what_was_changed_in_place() -> None:
    kept = Kept()
    kept.put("a")
    kept.commit()
    member = kept.state.member("a")
    assert member is not None
    member.seq = 99  # half-way through a decision that then failed
    kept.state.put_seen(IDENTITY, DIGEST, 1)
    kept.state.put_order("a", "o", Order(1, "EUR", 1, 0, []))
    kept.state.park("a", 0, 1, b"raw")
    kept.state.put_activations([(1, "h")])

    kept.state.forget_changes()

    again = kept.state.member("a")
    assert again is not None
    assert again.seq == 0
    assert kept.state.seen(IDENTITY, 0) is None
    assert kept.state.order("a", "o") is None
    assert kept.state.activations() == []
    assert kept.state.collect().changelog == []


def test_what_a_batch_will_read_is_fetched_in_one_go() -> None:
    """Members, orders and ids of the events, so that no single read is left: the store is empty afterwards."""
    kept = Kept()
    event = Event("e", "a", 1, "shop", "", {}, TransactionRefunded("o", 1, "EUR", ""), 1)
    kept.put("a")
    kept.state.put_order("a", "o", Order(1, "EUR", 1, 0, []))
    kept.state.put_seen(event.identity(), DIGEST, 1)
    kept.state.put_seen(event.identity(), b"newer...", keys.GENERATION_MS)
    kept.commit()
    reopened = kept.reopened()

    reopened.prefetch([event])
    kept.content.clear()

    assert reopened.member("a") is not None
    assert reopened.order("a", "o") is not None
    assert reopened.seen(event.identity(), keys.GENERATION_MS) == b"newer..."
    assert reopened.order("a", "another") is None
    assert reopened.seen(IDENTITY, 0) is None


def test_an_id_is_known_until_it_is_older_than_asked_for() -> None:
    kept = Kept()
    time_ms = keys.GENERATION_MS + 5
    kept.state.put_seen(IDENTITY, DIGEST, time_ms)
    assert kept.state.seen(IDENTITY, time_ms) == DIGEST
    kept.commit()

    assert kept.state.seen(IDENTITY, time_ms) == DIGEST
    assert kept.state.seen(IDENTITY, time_ms + 1) is None
    reopened = kept.reopened()
    assert reopened.seen(IDENTITY, time_ms) == DIGEST


def test_an_id_that_was_decided_again_counts_from_the_later_time() -> None:
    kept = Kept()
    for time_ms in (5, 2 * keys.GENERATION_MS + 5):
        kept.state.put_seen(IDENTITY, DIGEST, time_ms)
        kept.commit()

    assert kept.state.seen(IDENTITY, 2 * keys.GENERATION_MS) == DIGEST


def test_old_generations_of_ids_are_dropped_as_a_whole() -> None:
    kept = Kept()
    for number in range(3):
        kept.state.put_seen(bytes([number]) * 16, DIGEST, number * keys.GENERATION_MS)
    kept.commit()

    kept.state.discard_ids_before(2 * keys.GENERATION_MS)

    assert [key for key in kept.content if key.startswith(keys.SEEN)] == [keys.seen_prefix(2) + b"\2" * 16]
    assert kept.state.seen(b"\2" * 16, 0) == DIGEST


def test_what_was_prefetched_does_not_hide_what_was_committed_since() -> None:
    kept = Kept()
    kept.state.put_seen(b"x" * 16, DIGEST, 1)
    kept.commit()
    event = Event("e", "a", 1, "shop", "", {}, MemberEnrolled("", "", ""), 1)
    kept.state.prefetch([event])
    assert kept.state.seen(event.identity(), 0) is None

    kept.state.put_seen(event.identity(), DIGEST, 1)
    kept.put("a", 3)
    kept.commit()

    assert kept.state.seen(event.identity(), 0) == DIGEST


def test_parked_records_come_back_and_are_deleted() -> None:
    kept = Kept()
    kept.state.park("a", 0, 7, b"raw")
    assert kept.state.parked("a", 0) == (7, b"raw")
    kept.commit()
    assert kept.state.parked("a", 0) == (7, b"raw")

    kept.state.unpark("a", 0)
    changes = kept.state.collect()

    assert changes.changelog == [(keys.parked_key("a", 0), None)]


def test_orders_of_members_whose_ids_run_into_each_other_stay_apart() -> None:
    assert keys.order_key("a", "bc") != keys.order_key("ab", "c")


def test_a_changed_member_is_packed_once_and_stamped_with_the_last_record() -> None:
    kept = Kept()
    for time_ms in (10, 20):
        kept.at.timestamp_ms = time_ms
        kept.put("a", time_ms)

    changes = kept.state.collect()

    assert [key for key, _ in changes.changelog] == [b"ma"]
    assert unpack_member(changes.changelog[0][1] or b"").next_due_ms == 20
    assert changes.balances == [{"key": b"a", "value": b"20 at 20"}]


def test_a_member_is_packed_by_its_last_record_of_the_batch_and_anew_if_time_changes_it_after_that() -> None:
    kept = Kept()
    first = Event("1", "a", 1, "shop", "", {}, MemberEnrolled("", "", ""), 1)
    last = Event("2", "a", 1, "shop", "", {}, MemberEnrolled("", "", ""), 1)
    kept.state.prefetch([first, last])
    packed: list[int] = []
    for at_ms, kept.at.event in ((10, first), (20, last), (30, None)):
        kept.at.timestamp_ms = at_ms
        kept.put("a", at_ms)
        packed.append(len(kept.packings))

    changes = kept.state.collect()

    assert packed == [0, 1, 1], "once, by the last record"
    assert changes.balances == [{"key": b"a", "value": b"30 at 30"}]
    assert unpack_member(changes.changelog[0][1] or b"").next_due_ms == 30


def test_what_the_last_record_packed_is_what_is_collected() -> None:
    kept = Kept()
    only = Event("1", "a", 1, "shop", "", {}, MemberEnrolled("", "", ""), 1)
    kept.state.prefetch([only])
    kept.at.event = only
    kept.put("a", 7)

    changes = kept.state.collect()

    assert len(kept.packings) == 1
    assert changes.balances == kept.packings
    assert unpack_member(changes.changelog[0][1] or b"").next_due_ms == 7


def test_a_member_of_another_version_breaks_the_lane_and_is_remembered() -> None:
    kept = Kept()
    kept.content[b"ma"] = b"\xff" * 40

    with pytest.raises(LaneBroken, match="another version"):
        kept.state.member("a")
    with pytest.raises(LaneBroken):
        kept.faults.check()


def test_why_a_member_stands_still_is_kept_until_the_member_is_released() -> None:
    kept = Kept()
    member = Member("a")
    member.quarantined = True
    member.parked = 1
    kept.state.put_member(member)
    why = Quarantined("a", "e-1", "shop", 7, "ZeroDivisionError: x", 1_000, 0)
    kept.commit({"a": why})
    assert kept.state.quarantined["a"].parked == 1
    member = kept.state.member("a") or Member("")
    member.parked = 2
    kept.state.put_member(member)
    kept.state.forget_changes()
    assert kept.state.quarantined["a"].parked == 1, "only what was committed counts"
    member = kept.state.member("a") or Member("")
    member.parked = 3
    kept.state.put_member(member)
    kept.commit()

    reopened = kept.reopened()
    assert reopened.quarantined == {"a": Quarantined("a", "e-1", "shop", 7, "ZeroDivisionError: x", 1_000, 3)}

    member = kept.state.member("a") or Member("")
    member.quarantined = False
    kept.state.put_member(member)
    kept.commit()
    assert kept.state.quarantined == {}
    assert not [key for key in kept.content if key.startswith(keys.QUARANTINED)]


def test_a_quarantine_of_another_version_breaks_the_lane() -> None:
    kept = Kept()
    kept.content[keys.quarantined_key("a")] = b"\xc1"

    with pytest.raises(LaneBroken, match="not readable"):
        kept.reopened()


def test_activations_of_another_version_break_the_lane_and_are_no_fault_of_the_event() -> None:
    kept = Kept()
    kept.content[keys.ACTIVATIONS] = b"\xc1"

    with pytest.raises(LaneBroken, match="another version"):
        kept.state.activations()
    with pytest.raises(LaneBroken):
        kept.faults.check()


def test_a_member_that_fits_no_record_is_refused_when_collected_and_while_careful_when_put(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes_module, "MEMBER_BYTES_MAX", 200)
    kept = Kept()
    large = Member("a" * 300)
    kept.state.put_member(large)
    with pytest.raises(MemberTooLarge, match="200 are the most"):
        kept.state.collect()
    kept.state.forget_changes()

    kept.state.careful = True
    with pytest.raises(MemberTooLarge):
        kept.state.put_member(large)
    large.quarantined = True
    kept.state.put_member(large)
    assert kept.state.collect().balances
