"""State and outputs of one partition held in memory, for simulation, tests and benchmarks."""

from bisect import bisect_left, bisect_right, insort
from typing import final

from pipeline.core.events import Event
from pipeline.core.fraud_habits import Notes
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import CohortBaselines
from pipeline.core.pools import UNKNOWN, Pool
from pipeline.core.records import (
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    Notification,
    PoolRequest,
    ReviewChange,
    RewardDecision,
    TierChange,
)


@final
class MemoryState:
    """One partition's state; `members` is for reading."""

    __slots__ = ("_activations", "_baselines", "_due", "_due_by_member", "_orders", "_parked", "_seen", "members")

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._orders: dict[tuple[str, str], Order] = {}
        self._seen: dict[bytes, tuple[bytes, int]] = {}
        self._parked: dict[tuple[str, int], tuple[int, bytes]] = {}
        self._activations: list[tuple[int, str]] = []
        self._baselines: list[CohortBaselines] = []
        self._due: list[tuple[int, str]] = []
        self._due_by_member: dict[str, int] = {}

    def member(self, member_id: str) -> Member | None:
        return self.members.get(member_id)

    def put_member(self, member: Member) -> None:
        member_id, due_ms = member.member_id, member.next_due_ms
        self.members[member_id] = member
        indexed_ms = self._due_by_member.get(member_id, 0)
        if indexed_ms == due_ms:
            return
        if indexed_ms:
            del self._due[bisect_left(self._due, (indexed_ms, member_id))]
        if due_ms:
            insort(self._due, (due_ms, member_id))
        self._due_by_member[member_id] = due_ms

    def order(self, member_id: str, order_id: str) -> Order | None:
        return self._orders.get((member_id, order_id))

    def put_order(self, member_id: str, order_id: str, order: Order) -> None:
        self._orders[member_id, order_id] = order

    def seen(self, identity: bytes, since_ms: int) -> bytes | None:
        known = self._seen.get(identity)
        return None if known is None or known[1] < since_ms else known[0]

    def put_seen(self, identity: bytes, content_digest: bytes, recorded_at_ms: int) -> None:
        self._seen[identity] = (content_digest, recorded_at_ms)

    def park(self, member_id: str, number: int, recorded_at_ms: int, value: bytes) -> None:
        self._parked[member_id, number] = (recorded_at_ms, value)

    def parked(self, member_id: str, number: int) -> tuple[int, bytes]:
        return self._parked[member_id, number]

    def unpark(self, member_id: str, number: int) -> None:
        del self._parked[member_id, number]

    def due(self, until_ms: int, limit: int) -> list[str]:
        end = bisect_right(self._due, until_ms, key=due_time)
        return [member_id for _, member_id in self._due[: min(end, limit)]]

    def activations(self) -> list[tuple[int, str]]:
        return self._activations

    def put_activations(self, activations: list[tuple[int, str]]) -> None:
        self._activations = activations

    def baselines(self) -> list[CohortBaselines]:
        return self._baselines

    def put_baselines(self, baselines: list[CohortBaselines]) -> None:
        self._baselines = baselines


def due_time(due: tuple[int, str]) -> int:
    """The due index ascends by this, then by member."""
    return due[0]


@final
class Derived:
    """An event for the log, stamped `log_time_ms`, or now if 0."""

    __slots__ = ("event", "log_time_ms")

    def __init__(self, event: Event, log_time_ms: int) -> None:
        self.event = event
        self.log_time_ms = log_time_ms


@final
class Dead:
    """A record that went to dead-letters; `event_id` is empty where it has none."""

    __slots__ = ("detail", "event_id", "reason")

    def __init__(self, reason: str, detail: str, event_id: str) -> None:
        self.reason = reason
        self.detail = detail
        self.event_id = event_id


@final
class Duplicate:
    """A record that repeats a decided one."""

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event


@final
class Parked:
    """A record that was parked."""

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event


Output = (
    LedgerEntry
    | TierChange
    | RewardDecision
    | FulfillmentCommand
    | FraudAlert
    | ReviewChange
    | PoolRequest
    | Notification
    | Derived
    | Dead
    | Duplicate
    | Parked
)


@final
class MemoryOutputs:
    """All that was put out, in order, in `journal`."""

    __slots__ = ("journal",)

    def __init__(self) -> None:
        self.journal: list[Output] = []

    def entry(self, entry: LedgerEntry) -> None:
        self.journal.append(entry)

    def tier_change(self, change: TierChange) -> None:
        self.journal.append(change)

    def decision(self, decision: RewardDecision) -> None:
        self.journal.append(decision)

    def command(self, command: FulfillmentCommand) -> None:
        self.journal.append(command)

    def alert(self, alert: FraudAlert) -> None:
        self.journal.append(alert)

    def review(self, change: ReviewChange) -> None:
        self.journal.append(change)

    def pool_request(self, request: PoolRequest) -> None:
        self.journal.append(request)

    def notification(self, notification: Notification) -> None:
        self.journal.append(notification)

    def derived(self, event: Event, log_time_ms: int) -> None:
        self.journal.append(Derived(event, log_time_ms))

    def dead_letter(self, reason: str, detail: str, event: Event | None) -> None:
        self.journal.append(Dead(reason, detail, "" if event is None else event.event_id))

    def duplicate(self, event: Event) -> None:
        self.journal.append(Duplicate(event))

    def parked(self, event: Event) -> None:
        self.journal.append(Parked(event))

    def mark(self) -> int:
        return len(self.journal)

    def rollback(self, mark: int) -> None:
        del self.journal[mark:]


@final
class MemoryPools:
    """Pools held in memory, for simulation and tests; `pools`, and `noted` by pool and name, are for reading."""

    __slots__ = ("_codes", "_status", "noted", "pools")

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}
        self.noted: dict[tuple[str, str], Notes] = {}
        self._codes: dict[tuple[str, int], str] = {}
        self._status: dict[tuple[str, str], str] = {}

    def pool(self, pool_id: str) -> Pool:
        known = self.pools.get(pool_id)
        return Pool() if known is None else known

    def put_pool(self, pool_id: str, pool: Pool) -> None:
        self.pools[pool_id] = pool

    def code_status(self, pool_id: str, code: str) -> str:
        return self._status.get((pool_id, code), UNKNOWN)

    def put_code_status(self, pool_id: str, code: str, status: str) -> None:
        self._status[pool_id, code] = status

    def take_code(self, pool_id: str, number: int) -> str:
        return self._codes.pop((pool_id, number))

    def put_code(self, pool_id: str, number: int, code: str) -> None:
        self._codes[pool_id, number] = code

    def notes(self, pool_id: str, name: str) -> Notes:
        known = self.noted.get((pool_id, name))
        return {} if known is None else known

    def put_notes(self, pool_id: str, name: str, notes: Notes) -> None:
        self.noted[pool_id, name] = notes
