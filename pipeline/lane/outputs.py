"""The core's outputs, encoded at once: what is kept until the commit is bytes, not objects."""

from __future__ import annotations

from typing import Final, Protocol, final

from pipeline.core.events import Event
from pipeline.core.fraud_holding import points_in_review
from pipeline.core.member import Member
from pipeline.core.payloads import MemberQuarantined, QuarantineReleased
from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    Notification,
    PoolRequest,
    ReviewChange,
    RewardDecision,
    TierChange,
    WalletBalance,
)
from pipeline.core.reservations import waiting_points
from pipeline.lane.ports import Message
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.state import RecordAtHand
from pipeline.wire.partitioner import partition_of

LOG_TIME_HEADER: Final = "log-time"
"""Header of a derived event during an import: the log's clock in ms, as decimal digits."""
NOTHING_WAITS: Final[dict[str, int]] = {}
NOTES_MAX: Final = 50
"""So many rejections, quarantines and parked records of a commit are named in the worker's log; others are counted."""


class Encoder(Protocol):
    """The part of `pipeline.wire.codec.Encoder` that a lane writes with."""

    def ledger_entry(self, record: LedgerEntry) -> bytes: ...
    def tier_change(self, record: TierChange) -> bytes: ...
    def reward_decision(self, record: RewardDecision) -> bytes: ...
    def fulfillment_command(self, record: FulfillmentCommand) -> bytes: ...
    def fraud_alert(self, record: FraudAlert) -> bytes: ...
    def review_change(self, record: ReviewChange) -> bytes: ...
    def pool_request(self, record: PoolRequest) -> bytes: ...
    def notification(self, record: Notification) -> bytes: ...
    def member_balance(self, record: MemberBalance) -> bytes: ...
    def dead_letter(self, record: DeadLetter) -> bytes: ...
    def event(self, event: Event) -> bytes: ...


@final
class OutputTopics:
    """Full names of the topics that a lane reads and writes; all have the same number of partitions."""

    __slots__ = (
        "alerts",
        "balances",
        "changelog",
        "commands",
        "dead_letters",
        "decisions",
        "derived",
        "entries",
        "ids",
        "notifications",
        "pool_balances",
        "pool_changelog",
        "pool_requests",
        "source",
        "tier_changes",
    )

    def __init__(self, name: Namer) -> None:
        self.source = name("member-events")
        self.entries = name("ledger-entries")
        self.tier_changes = name("tier-changes")
        self.decisions = name("reward-decisions")
        self.commands = name("reward-fulfillments")
        self.alerts = name("fraud-alerts")
        self.notifications = name("notifications")
        self.balances = name("member-balances")
        self.derived = name("derived-events")
        self.dead_letters = name("dead-letters")
        self.changelog = name("member-changelog")
        self.ids = name("member-ids-changelog")
        self.pool_requests = name("pool-requests")
        self.pool_changelog = name("pool-changelog")
        self.pool_balances = name("pool-balances")

    def all(self) -> list[str]:
        return [
            self.source, self.entries, self.tier_changes, self.decisions, self.commands, self.balances, self.derived,
            self.dead_letters, self.changelog, self.ids, self.alerts, self.pool_requests, self.pool_changelog,
            self.pool_balances, self.notifications,
        ]  # fmt: skip


class Namer(Protocol):
    """From a topic's name in topics.yaml to its name on the cluster."""

    def __call__(self, name: str, /) -> str: ...


def headers_known(messages: list[Message]) -> list[Message]:
    """The messages; where any has headers or a partition of its own, the first one has headers too, perhaps none: by
    that a transaction tells how to send them."""
    if (
        messages
        and "headers" not in messages[0]
        and any("headers" in message or "partition" in message for message in messages)
    ):
        messages[0]["headers"] = []
    return messages


@final
class Note:
    """What the worker's log says about one record: `what` is rejected, duplicate, parked, quarantined or released."""

    __slots__ = ("detail", "event_id", "member_id", "offset", "reason", "traceparent", "what")

    def __init__(self, what: str, offset: int, event: Event | None, reason: str = "", detail: str = "") -> None:
        self.what = what
        self.offset = offset
        self.reason = reason
        self.detail = detail
        self.event_id = "" if event is None else event.event_id
        self.member_id = "" if event is None else event.member_id
        self.traceparent = "" if event is None else event.traceparent


@final
class LaneOutputs:
    """Implements `pipeline.core.ports.Outputs` for one partition: messages by topic, in order, and what to count.

    `count` is the number of messages; `rejections` are counted by reason; `quarantined` says of members who were
    stopped why.
    """

    def __init__(
        self, topics: OutputTopics, partition: int, partitions: int, encoder: Encoder, at: RecordAtHand
    ) -> None:
        self._source = topics.source
        self._partition = partition
        self._partitions = partitions
        self._encoder = encoder
        self._at = at
        self._entries: list[Message] = []
        self._decisions: list[Message] = []
        self._tier_changes: list[Message] = []
        self._commands: list[Message] = []
        self._alerts: list[Message] = []
        self._notifications: list[Message] = []
        self._balances: list[Message] = []
        self._derived: list[Message] = []
        self._dead_letters: list[Message] = []
        self._pool_requests: list[Message] = []
        self._lists = (
            (topics.entries, self._entries),
            (topics.decisions, self._decisions),
            (topics.tier_changes, self._tier_changes),
            (topics.commands, self._commands),
            (topics.alerts, self._alerts),
            (topics.notifications, self._notifications),
            (topics.balances, self._balances),
            (topics.derived, self._derived),
            (topics.dead_letters, self._dead_letters),
            (topics.pool_requests, self._pool_requests),
        )
        self._marks: list[tuple[list[int], int, int, int, int, dict[str, int]]] = []
        self.notes: list[Note] = []
        self.quarantined: dict[str, Quarantined] = {}
        self.rejections: dict[str, int] = {}
        self.duplicates = 0
        self.parked_records = 0
        self.quarantines = 0
        self.count = 0

    # ---- pipeline.core.ports.Outputs

    def entry(self, entry: LedgerEntry) -> None:
        self.count += 1
        self._entries.append({"key": entry.member_id.encode(), "value": self._encoder.ledger_entry(entry)})

    def tier_change(self, change: TierChange) -> None:
        self.count += 1
        self._tier_changes.append({"key": change.member_id.encode(), "value": self._encoder.tier_change(change)})

    def decision(self, decision: RewardDecision) -> None:
        self.count += 1
        self._decisions.append({"key": decision.member_id.encode(), "value": self._encoder.reward_decision(decision)})

    def command(self, command: FulfillmentCommand) -> None:
        self.count += 1
        self._commands.append({"key": command.member_id.encode(), "value": self._encoder.fulfillment_command(command)})

    def alert(self, alert: FraudAlert) -> None:
        self.count += 1
        self._alerts.append({"key": alert.member_id.encode(), "value": self._encoder.fraud_alert(alert)})

    def review(self, change: ReviewChange) -> None:
        self.count += 1
        self._alerts.append({"key": change.member_id.encode(), "value": self._encoder.review_change(change)})

    def pool_request(self, request: PoolRequest) -> None:
        self.count += 1
        key = request.pool_id.encode()
        self._pool_requests.append({
            "key": key,
            "value": self._encoder.pool_request(request),
            "partition": partition_of(key, self._partitions),
        })  # fmt: skip

    def notification(self, notification: Notification) -> None:
        self.count += 1
        value = self._encoder.notification(notification)
        self._notifications.append({"key": notification.member_id.encode(), "value": value})

    def derived(self, event: Event, log_time_ms: int) -> None:
        self.count += 1
        message: Message = {"key": event.member_id.encode(), "value": self._encoder.event(event)}
        if log_time_ms:
            # The record itself is stamped with the time it is written, else retention would take it at once.
            message["headers"] = [(LOG_TIME_HEADER, str(log_time_ms).encode())]
        self._derived.append(message)
        if isinstance(event.payload, MemberQuarantined):
            self.quarantines += 1
            self.quarantined[event.member_id] = Quarantined.of(event)
            self._note("quarantined", event, "", event.payload.error)

    def dead_letter(self, reason: str, detail: str, event: Event | None) -> None:
        self.count += 1
        at = self._at
        letter = DeadLetter(
            reason, detail, self._source, self._partition, at.offset, at.timestamp_ms, at.key or b"", at.value or b"",
            "" if event is None else event.event_id,
            "" if event is None else event.member_id,
            "" if event is None else event.traceparent,
        )  # fmt: skip
        self._dead_letters.append({"key": at.key, "value": self._encoder.dead_letter(letter)})
        self.rejections[reason] = self.rejections.get(reason, 0) + 1
        self._note("rejected", event, reason, detail)

    def duplicate(self, event: Event) -> None:
        self.duplicates += 1

    def parked(self, event: Event) -> None:
        self.parked_records += 1
        self._note("parked", event)

    def mark(self) -> int:
        lengths = [len(messages) for _, messages in self._lists]
        self._marks.append(
            (lengths, len(self.notes), self.duplicates, self.parked_records, self.quarantines, dict(self.rejections))
        )
        return len(self._marks) - 1

    def rollback(self, mark: int) -> None:
        lengths, notes, self.duplicates, self.parked_records, self.quarantines, self.rejections = self._marks[mark]
        for (_, messages), length in zip(self._lists, lengths, strict=True):
            del messages[length:]
        del self.notes[notes:]
        del self._marks[mark:]
        self.count = sum(lengths)

    # ---- for the lane

    def balance(self, member: Member, updated_at_ms: int) -> Message:
        """The record of the member's balance as it is now; `balances` takes those that the commit is to carry."""
        waiting = waiting_points(member) if member.awaited else NOTHING_WAITS
        wallets = [
            WalletBalance(
                unit,
                wallet.available,
                wallet.pending,
                wallet.held,
                wallet.debt,
                points_in_review(member, unit),
                waiting.get(unit, 0),
            )
            for unit, wallet in sorted(member.wallets.items())
        ]
        record = MemberBalance(
            member.member_id, member.seq, member.tier, member.tier_until_ms, wallets, member.last_hash,
            member.version, updated_at_ms, member.quarantined, member.segment,
        )  # fmt: skip
        return {"key": member.member_id.encode(), "value": self._encoder.member_balance(record)}

    def balances(self, messages: list[Message]) -> None:
        """Members as the commit leaves them."""
        self._balances.extend(messages)

    def note_released(self, event: Event) -> None:
        """A release was asked for; said once, whatever it brings about."""
        assert isinstance(event.payload, QuarantineReleased)
        self._note("released", event, "", event.payload.reason)

    def messages(self) -> list[tuple[str, list[Message]]]:
        """(topic, messages) for the topics that have some. The lists are handed over and belong to the transaction."""
        headers_known(self._derived)
        return [(topic, list(messages)) for topic, messages in self._lists if messages]

    def clear(self) -> None:
        for _, messages in self._lists:
            messages.clear()
        self._marks.clear()
        self.notes = []
        self.quarantined = {}
        self.rejections = {}
        self.duplicates = 0
        self.parked_records = 0
        self.quarantines = 0
        self.count = 0

    def _note(self, what: str, event: Event | None, reason: str = "", detail: str = "") -> None:
        if len(self.notes) < NOTES_MAX:
            self.notes.append(Note(what, self._at.offset, event, reason, detail))
