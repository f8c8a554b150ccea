"""The core's state over a store: members stay decoded in a cache and are packed once per commit, not once per event.

A member is packed right after the last of its records in the batch, while it is still in the processor's caches: at the
commit, thousands of members later, reading it again costs more than the packing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

import msgspec

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import CohortBaselines, TransactionCancelled, TransactionCompleted, TransactionRefunded
from pipeline.lane import keys
from pipeline.lane.baselines import KeptBaselines
from pipeline.lane.changes import Changes, Packed, packed_with
from pipeline.lane.faults import Faults, guarded_get
from pipeline.lane.ports import Change, LaneBroken, Message, Store
from pipeline.lane.quarantined import Quarantine, Quarantined
from pipeline.lane.remedies import another_version
from pipeline.lane.seen import SeenIds
from pipeline.wire.state import UnreadableState, pack_order, unpack_member, unpack_order

CACHED_MEMBERS: Final = 20_000
"""Decoded members in the young generation of the cache, where nobody else shares it; as many again are in the old."""
NOTHING_NEW: Final[Mapping[str, Quarantined]] = {}


@final
class RecordAtHand:
    """The log record that is being decided: state and outputs say of it when and where it was recorded.

    `event` is what it holds, None for a record that is no member's.
    """

    __slots__ = ("event", "key", "offset", "timestamp_ms", "value")

    def __init__(self) -> None:
        self.event: Event | None = None
        self.offset = 0
        self.timestamp_ms = 0
        self.key: bytes | None = None
        self.value: bytes | None = None


@final
class LaneState:
    """Implements `pipeline.core.ports.State` for one partition; used by one thread.

    Life of a commit: `prefetch`, reads and writes by the engine, then either `collect`, the transaction, the store's
    write and `committed`; or `forget_changes`. While `careful` is set, a member is packed, and so measured, whenever it
    is put, so that the event that makes it too large is known; else only by its last record of the batch, or when it is
    collected. `balance` makes the record of a member's balance, as of a time. `cached_members` is how many the young
    generation of the cache holds; as many again are in the old one.
    """

    def __init__(
        self,
        store: Store,
        at: RecordAtHand,
        faults: Faults,
        balance: Callable[[Member, int], Message],
        cached_members: int = CACHED_MEMBERS,
    ) -> None:
        self._store = store
        self._faults = faults
        self._get = guarded_get(store, faults)
        self._ids = SeenIds(store, self._get)
        self._at = at
        self._balance = balance
        self.cached_members = cached_members
        self._young: dict[str, Member] = {}
        self._old: dict[str, Member] = {}
        self._indexed_due_ms: dict[str, int] = {}  # of cached members: where the store's index has them, 0 for nowhere
        self._changed: dict[str, int] = {}  # member id -> timestamp of the record
        self._packed: dict[str, Packed] = {}  # of the changed members those who have no further record in the batch
        self._last: dict[str, Event] = {}  # member id -> the last of its records in the batch
        self._orders: dict[bytes, Order] = {}
        self._parked: Changed = {}
        self._fetched: Changed = {}
        self._stale_due: list[bytes] = []
        self._activations: list[tuple[int, str]] | None = None
        self._activations_changed = False
        self._quarantine = Quarantine(store)
        self._baselines = KeptBaselines(store)
        self.careful = False

    # ---- members

    def prefetch(self, events: Iterable[Event]) -> None:
        """Fetch in one go what deciding these events will read: members, orders, whether they were seen before.

        One by one, each would also hand the interpreter's lock to another thread and wait to get it back.
        """
        identities: dict[bytes, None] = {}
        wanted: dict[bytes, None] = {}
        last: dict[str, Event] = {}
        young, old = self._young, self._old
        for event in events:
            member_id = event.member_id
            payload = event.payload
            last[member_id] = event
            if member_id not in young and member_id not in old:
                wanted[keys.member_key(member_id)] = None
            if isinstance(payload, (TransactionCompleted, TransactionRefunded, TransactionCancelled)):
                wanted[keys.order_key(member_id, payload.order_id)] = None
            identities[event.identity()] = None
        self._last = last
        ids = list(identities)
        values = self._store.get_many([*wanted, *self._ids.keys_of(ids)])
        self._fetched = dict(zip(wanted, values, strict=False))
        self._ids.fetched(ids, values[len(wanted) :])

    def member(self, member_id: str) -> Member | None:
        member = self._young.get(member_id)
        if member is not None:
            return member
        member = self._old.pop(member_id, None)
        if member is None:
            packed = self._read(keys.member_key(member_id))
            if packed is None:
                return None
            try:
                member = unpack_member(packed)
            except UnreadableState as error:
                raise self._unreadable(error) from error
            self._indexed_due_ms[member_id] = member.next_due_ms
        self._young[member_id] = member
        return member

    def put_member(self, member: Member) -> None:
        """Raises MemberTooLarge, unless the member is measured at a later put or when it is collected."""
        member_id = member.member_id
        at = self._at
        self._young[member_id] = member
        self._changed[member_id] = at.timestamp_ms
        if self.careful or (at.event is not None and self._last.get(member_id) is at.event):
            self._packed[member_id] = packed_with(member, at.timestamp_ms, self._balance)
        elif member_id in self._packed:
            del self._packed[member_id]

    # ---- orders, parked records, ids

    def order(self, member_id: str, order_id: str) -> Order | None:
        key = keys.order_key(member_id, order_id)
        order = self._orders.get(key)
        if order is None:
            packed = self._read(key)
            try:
                order = None if packed is None else unpack_order(packed)
            except UnreadableState as error:
                raise self._unreadable(error) from error
        return order

    def put_order(self, member_id: str, order_id: str, order: Order) -> None:
        self._orders[keys.order_key(member_id, order_id)] = order

    def seen(self, identity: bytes, since_ms: int) -> bytes | None:
        return self._ids.seen(identity, since_ms)

    def put_seen(self, identity: bytes, content_digest: bytes, recorded_at_ms: int) -> None:
        self._ids.put(identity, content_digest, recorded_at_ms)

    def park(self, member_id: str, number: int, recorded_at_ms: int, value: bytes) -> None:
        self._parked[keys.parked_key(member_id, number)] = keys.pack_number(recorded_at_ms) + value

    def parked(self, member_id: str, number: int) -> tuple[int, bytes]:
        key = keys.parked_key(member_id, number)
        packed = self._parked[key] if key in self._parked else self._get(key)
        assert packed is not None, f"member {member_id} has no parked record {number}"
        return keys.unpack_number(packed), packed[8:]

    def unpark(self, member_id: str, number: int) -> None:
        self._parked[keys.parked_key(member_id, number)] = None

    # ---- due work, activations and baselines

    def due(self, until_ms: int, limit: int) -> list[str]:
        changed = self._changed
        found = [
            (member.next_due_ms, member_id)
            for member_id in changed
            if 0 < (member := self._young[member_id]).next_due_ms <= until_ms
        ]
        unchanged = 0
        for key, _ in self._store.scan(keys.due_key(1, ""), keys.due_key(until_ms + 1, "")):
            due_ms, member_id = keys.split_due_key(key)
            if member_id in changed:
                continue
            present = self.member(member_id)
            if present is None or present.next_due_ms != due_ms:
                self._stale_due.append(key)
                continue
            found.append((due_ms, member_id))
            unchanged += 1
            if unchanged >= limit:
                break
        found.sort()
        return [member_id for _, member_id in found[:limit]]

    def first_due_ms(self) -> int:
        """When the earliest due work of the store falls due, 0 if there is none; a hint that may be too early."""
        for key, _ in self._store.scan(keys.due_key(1, ""), keys.due_key(keys.NEVER_MS, "")):
            return keys.split_due_key(key)[0]
        return 0

    def activations(self) -> list[tuple[int, str]]:
        if self._activations is None:
            packed = self._get(keys.ACTIVATIONS)
            try:
                self._activations = [] if packed is None else _unpack_activations(packed)
            except msgspec.DecodeError as error:
                raise self._unreadable(error) from error
        return self._activations

    def put_activations(self, activations: list[tuple[int, str]]) -> None:
        self._activations = activations
        self._activations_changed = True

    def baselines(self) -> list[CohortBaselines]:
        return self._baselines.kept

    def put_baselines(self, baselines: list[CohortBaselines]) -> None:
        self._baselines.put(baselines)

    @property
    def quarantined(self) -> Mapping[str, Quarantined]:
        """The quarantined members, as of the last commit. Any thread."""
        return self._quarantine.members

    # ---- commit

    def collect(self, news: Mapping[str, Quarantined] = NOTHING_NEW) -> Changes:
        """Everything changed since the last commit, packed. `news` says why members were stopped since then.

        Raises MemberTooLarge.
        """
        changelog: list[Change] = []
        local: list[Change] = [(key, None) for key in self._stale_due]
        balances: list[Message] = []
        stopped = self._quarantine.members
        touched: list[Member] = []  # by quarantine, now or before
        for member_id, at_ms in self._changed.items():
            member = self._young[member_id]
            packed = self._packed.get(member_id)
            if packed is None:
                packed = packed_with(member, at_ms, self._balance)
            changelog.append((keys.member_key(member_id), packed.state))
            balances.append(packed.balance)
            if member.quarantined or member_id in stopped:
                touched.append(member)
            indexed_ms = self._indexed_due_ms.get(member_id, 0)
            if indexed_ms != member.next_due_ms:
                if indexed_ms:
                    local.append((keys.due_key(indexed_ms, member_id), None))
                if member.next_due_ms:
                    local.append((keys.due_key(member.next_due_ms, member_id), b""))
        changelog.extend((key, pack_order(order)) for key, order in self._orders.items())
        changelog.extend(self._parked.items())
        changelog.extend(self._quarantine.changes(touched, news))
        changelog.extend(self._baselines.changes())
        if self._activations_changed and self._activations is not None:
            changelog.append((keys.ACTIVATIONS, msgspec.msgpack.encode(self._activations)))
        ids, in_store = self._ids.collect()
        return Changes(changelog, local + in_store, ids, balances)

    def committed(self) -> None:
        """The store holds what `collect` gave: the changes are changes no more."""
        for member_id in self._changed:
            self._indexed_due_ms[member_id] = self._young[member_id].next_due_ms
        self._ids.committed()
        self._quarantine.committed()
        self._baselines.committed()
        self._clear_changes()
        if len(self._young) > self.cached_members:
            for member_id in self._old:
                self._indexed_due_ms.pop(member_id, None)
            self._old, self._young = self._young, {}

    def forget_changes(self) -> None:
        self._clear_changes()
        self._quarantine.forget_changes()
        self._baselines.forget_changes()
        # Members are changed in place, perhaps half-way: only the store knows what they were.
        self._young.clear()
        self._old.clear()
        self._indexed_due_ms.clear()

    def discard_ids_before(self, time_ms: int) -> None:
        """Drop the generations of ids that ended before `time_ms`."""
        self._ids.discard_before(time_ms)

    # ---- inner

    def _read(self, key: bytes) -> bytes | None:
        fetched = self._fetched
        return fetched[key] if key in fetched else self._get(key)

    def _unreadable(self, error: Exception) -> LaneBroken:
        broken = LaneBroken(f"the state is of another version of the pipeline: {error}", another_version())
        self._faults.note(broken)
        return broken

    def _clear_changes(self) -> None:
        self._changed = {}
        self._packed = {}
        self._orders = {}
        self._parked = {}
        self._fetched = {}
        self._ids.forget_changes()
        self._stale_due = []
        self._activations = None
        self._activations_changed = False


Changed = dict[bytes, bytes | None]


def _unpack_activations(packed: bytes) -> list[tuple[int, str]]:
    return msgspec.msgpack.decode(packed, type=list[tuple[int, str]])
