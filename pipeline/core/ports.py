"""What the engine needs from outside: a state to read and write, a place for what it decides, and compiled programs."""

from typing import Protocol

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import CohortBaselines
from pipeline.core.program import Program
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


class State(Protocol):
    """One partition's state. Reads see this batch's writes; nothing is durable until the lane commits."""

    def member(self, member_id: str) -> Member | None:
        """The member, live: the engine changes it in place, then calls `put_member`."""

    def put_member(self, member: Member) -> None: ...

    def order(self, member_id: str, order_id: str) -> Order | None: ...

    def put_order(self, member_id: str, order_id: str, order: Order) -> None: ...

    def seen(self, identity: bytes, since_ms: int) -> bytes | None:
        """Content digest of an event decided or parked at or after `since_ms` of the log's time, else None."""

    def put_seen(self, identity: bytes, content_digest: bytes, recorded_at_ms: int) -> None: ...

    def park(self, member_id: str, number: int, recorded_at_ms: int, value: bytes) -> None:
        """Keep the raw record `number` (from 0) of a quarantined member."""

    def parked(self, member_id: str, number: int) -> tuple[int, bytes]:
        """(recorded_at_ms, raw value) of a parked record."""

    def unpark(self, member_id: str, number: int) -> None: ...

    def due(self, until_ms: int, limit: int) -> list[str]:
        """At most `limit` ids of members with 0 < next_due_ms <= until_ms, earliest first, then by id."""

    def activations(self) -> list[tuple[int, str]]:
        """(effective_at_ms, program hash), ascending."""

    def put_activations(self, activations: list[tuple[int, str]]) -> None: ...

    def baselines(self) -> list[CohortBaselines]:
        """Those that are kept, ascending by the time they take effect."""

    def put_baselines(self, baselines: list[CohortBaselines]) -> None:
        """Keep these, and no others."""


class Outputs(Protocol):
    """Where decisions go. `mark` and `rollback` undo a record that failed half-way."""

    def entry(self, entry: LedgerEntry) -> None: ...

    def tier_change(self, change: TierChange) -> None: ...

    def decision(self, decision: RewardDecision) -> None: ...

    def command(self, command: FulfillmentCommand) -> None: ...

    def alert(self, alert: FraudAlert) -> None: ...

    def review(self, change: ReviewChange) -> None: ...

    def pool_request(self, request: PoolRequest) -> None:
        """What is asked of a pool, or given back to it."""

    def notification(self, notification: Notification) -> None: ...

    def derived(self, event: Event, log_time_ms: int) -> None:
        """An event for the relay to append to the log, stamped `log_time_ms`, or now if 0."""

    def dead_letter(self, reason: str, detail: str, event: Event | None) -> None:
        """The record at hand goes to dead-letters. `event` is None for a control record.

        At a release, `event` may be a parked one that is invalid by now, while the record at hand is the release.
        """

    def duplicate(self, event: Event) -> None:
        """The record at hand repeats one that was decided: counted, skipped."""

    def parked(self, event: Event) -> None:
        """The record at hand was parked: counted."""

    def mark(self) -> int: ...

    def rollback(self, mark: int) -> None: ...


class Programs(Protocol):
    """Compiled programs by hash."""

    def program(self, program_hash: str) -> Program:
        """Raises UnknownProgram when the bundle is not there (yet)."""


class UnknownProgram(Exception):
    """A bundle that the log names and `programs` does not hold yet: the lane waits for it."""
