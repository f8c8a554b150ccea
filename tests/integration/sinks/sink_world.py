"""What the sinks' tests share: members with well-formed ledgers, output topics to write them to, and sinks to run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import OFFSET_END, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from pipeline.core.chain import entry_hash
from pipeline.core.member import NO_HASH
from pipeline.core.records import (
    DeadLetter,
    Evidence,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    Moment,
    Output,
    ReviewChange,
    ReviewPart,
    Reward,
    RewardDecision,
    RuleError,
    TierChange,
    WalletBalance,
)
from pipeline.settings import Settings
from pipeline.sinks.loop import Sink
from pipeline.sinks.postgres import PostgresTarget
from pipeline.sinks.postgres_tables import TOPICS as POSTGRES_TOPICS
from pipeline.sinks.redis_target import TOPICS as REDIS_TOPICS
from pipeline.sinks.redis_target import Keys, RedisTarget
from pipeline.sinks.source import LogSource
from pipeline.sinks.target import Target
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.schemas import SchemaSource
from pipeline.wire.topics import Topics

PROGRAM = "a" * 64
NOW_MS = 1_780_000_000_123
WAIT_S = 120.0
USED = (*POSTGRES_TOPICS, *REDIS_TOPICS, "member-events", "programs")
"""What sinks and commands of theirs read; a broker takes its time to make all topics."""


def wait_until(
    condition: Callable[[], bool], what: str, failed: Callable[[], BaseException | None] | None = None
) -> None:
    """Wait for a condition; on a slow machine it takes longer, never gives another result."""
    until_s = time.monotonic() + WAIT_S
    while not condition():
        error = failed() if failed else None
        if error is not None:
            raise error
        assert time.monotonic() < until_s, f"{what} did not come about within {WAIT_S:.0f} s"
        time.sleep(0.02)


class Account:
    """One member's ledger as the pipeline would write it."""

    def __init__(self, member_id: str) -> None:
        self.member_id = member_id
        self.seq = 0
        self.version = 0
        self.last_hash = NO_HASH
        self.points = {"available": 0, "pending": 0, "held": 0, "debt": 0}
        self.tier = "silver"

    def own(self, name: str) -> str:
        return f"member:{self.member_id}:{name}"

    def entry(self, kind: str, debit: str, credit: str, amount: int) -> LedgerEntry:
        """The next entry. Names without colon are the member's own accounts."""
        self.seq += 1
        for name, points in ((debit, -amount), (credit, amount)):
            if name in self.points:
                self.points[name] += points
        entry = LedgerEntry(
            entry_id=f"{self.member_id}-{self.seq:08x}",
            member_id=self.member_id,
            seq=self.seq,
            kind=kind,
            unit="points",
            amount=amount,
            debit=self.own(debit) if debit in self.points else debit,
            credit=self.own(credit) if credit in self.points else credit,
            lot=1,
            event_id=f"event-{self.member_id}-{self.seq}",
            source="shop",
            rule_id="base",
            leg=0,
            program_hash=PROGRAM,
            occurred_at_ms=NOW_MS + self.seq,
            recorded_at_ms=NOW_MS + self.seq + 500,
            previous_hash=self.last_hash,
            hash=b"",
        )
        entry.hash = self.last_hash = entry_hash(entry, self.last_hash)
        return entry

    def earn(self, amount: int = 100) -> LedgerEntry:
        return self.entry("earn", "program:issued", "available", amount)

    def balance(self) -> MemberBalance:
        """The state after the latest entry."""
        self.version += 1
        wallet = WalletBalance("points", **self.points)
        return MemberBalance(
            member_id=self.member_id,
            seq=self.seq,
            tier=self.tier,
            tier_until_ms=0,
            wallets=[wallet],
            last_hash=self.last_hash,
            version=self.version,
            updated_at_ms=NOW_MS + self.version,
            quarantined=False,
        )

    def decision(self, event_id: str, **changes: Any) -> RewardDecision:
        fields: dict[str, Any] = {
            "event_id": event_id,
            "member_id": self.member_id,
            "source": "shop",
            "event_type": "transaction_completed",
            "outcome": "applied",
            "reason": "",
            "rewards": [Reward("base", "points", "points", 100, 250, "per_member/month", "live")],
            "rule_errors": [RuleError("odd", "division by zero")],
            "program_hash": PROGRAM,
            "occurred_at_ms": NOW_MS,
            "recorded_at_ms": NOW_MS + 500,
            "traceparent": "",
        }
        return RewardDecision(**(fields | changes))

    def tier_change(self, event_id: str, tier: str = "gold", valid_until_ms: int = 0) -> TierChange:
        change = TierChange(
            f"change-{self.member_id}-{event_id}", self.member_id, self.tier, tier, "qualified", 5000, valid_until_ms,
            event_id, PROGRAM, NOW_MS, NOW_MS + 500, self.seq,
        )  # fmt: skip
        self.tier = tier
        return change

    def command(self, event_id: str) -> FulfillmentCommand:
        return FulfillmentCommand(
            f"fulfil-{self.member_id}-{event_id}", self.member_id, "rd-1", "fulfil", "voucher", "house", 1, "points",
            40, event_id, PROGRAM, NOW_MS, NOW_MS + 500, 0, "",
        )  # fmt: skip

    def alert(self, event_id: str) -> FraudAlert:
        return FraudAlert(
            f"alert-{self.member_id}-{event_id}", self.member_id, "hourly", "velocity", "deny", "live", event_id, "app",
            "redemption_requested", "redemptions within 1 hour", 2, 1, "", "", 40, [Evidence("tier", "gold")],
            [Moment(NOW_MS - 5, 1)], "", PROGRAM, NOW_MS, NOW_MS + 500, "",
        )  # fmt: skip

    def review(self, status: str, reviewer: str = "", verdict: str = "", reviewers: int = 2) -> ReviewChange:
        self.version += 1
        return ReviewChange(
            f"change-{self.member_id}-{status}-{self.version}", f"review-{self.member_id}", self.member_id, status,
            "hourly", [ReviewPart("points", 40)], "rd-1", "", False, reviewers, reviewer, verdict, "looked at",
            NOW_MS + 9_000, "reject", "e-1", PROGRAM, NOW_MS + self.version, NOW_MS + 500, self.seq,
        )  # fmt: skip

    def dead_letter(
        self, event_id: str, reason: str = "out_of_range", detail: str = "amount_minor is -1"
    ) -> DeadLetter:
        return DeadLetter(
            reason, detail, "member-events", 2, 17, NOW_MS, self.member_id.encode(), b"\0\0\0\0\1raw", event_id,
            self.member_id, "",
        )  # fmt: skip


TOPIC_OF = {
    LedgerEntry: ("ledger-entries", Encoder.ledger_entry),
    TierChange: ("tier-changes", Encoder.tier_change),
    RewardDecision: ("reward-decisions", Encoder.reward_decision),
    FulfillmentCommand: ("reward-fulfillments", Encoder.fulfillment_command),
    FraudAlert: ("fraud-alerts", Encoder.fraud_alert),
    ReviewChange: ("fraud-alerts", Encoder.review_change),
    MemberBalance: ("member-balances", Encoder.member_balance),
    DeadLetter: ("dead-letters", Encoder.dead_letter),
}


class World:
    """The topics that sinks read, of one test, written in transactions as a lane does, and the sinks."""

    def __init__(
        self, settings: Settings, schemas: SchemaSource, schema_ids: dict[str, int], names: Iterable[str] = USED
    ) -> None:
        self.settings = settings
        self.topics = Topics.load(prefix=settings.topic_prefix)
        self.decoder = Decoder(schemas)
        self.encoder = Encoder(schema_ids)
        self.keys = Keys(settings.app_id, settings.topic_prefix)
        self.admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
        self._producer: Producer | None = None
        self.create(*names)

    def create(self, *names: str) -> None:
        wanted = [topic for topic in self.topics if topic.name in names]
        new = [NewTopic(t.full_name, t.partitions, 1, config=dict(t.config)) for t in wanted]
        for created in self.admin.create_topics(new).values():
            created.result(60)
        latest = {TopicPartition(t.full_name, p): OffsetSpec.latest() for t in wanted for p in range(t.partitions)}
        wait_until(lambda: self._answer(latest), "the new topics' leaders")

    def _answer(self, places: dict[TopicPartition, OffsetSpec]) -> bool:
        try:
            return all(future.result() is not None for future in self.admin.list_offsets(places).values())
        except KafkaException:
            return False

    def close(self) -> None:
        """Let go of the clients, which would go on looking for their broker."""
        self._producer = None
        del self.admin

    def delete(self, *names: str) -> None:
        full = [self.topics.name(name) for name in names]
        for deleted in self.admin.delete_topics(full).values():
            deleted.result(60)
        wait_until(lambda: not set(full) & set(self.admin.list_topics(timeout=30).topics), "the topics' deletion")

    def truncate(self, name: str) -> None:
        """Delete all records that the topic holds now, as its retention would."""
        topic = self.topics.topic(name)
        everything = [TopicPartition(topic.full_name, p, OFFSET_END) for p in range(topic.partitions)]
        for deleted in self.admin.delete_records(everything).values():
            deleted.result(60)

    def write(self, *records: Output, commit: bool = True) -> None:
        """All of them in one transaction."""
        sent = [(*TOPIC_OF[type(record)], record) for record in records]
        self.send(
            [
                (self.topics.name(topic), getattr(record, "member_id", "").encode(), encode(self.encoder, record))
                for topic, encode, record in sent
            ],
            commit=commit,
        )

    def send(self, records: list[tuple[str, bytes, bytes | None]], *, commit: bool = True) -> None:
        """(full topic name, key, value) as they are, in one transaction."""
        producer = self._transactional()
        producer.begin_transaction()
        for topic, key, value in records:
            producer.produce(topic, value, key)
        if commit:
            producer.commit_transaction(60)
        else:
            producer.flush(60)
            producer.abort_transaction(60)

    def _transactional(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self.settings.bootstrap_servers,
                    "transactional.id": f"{self.settings.topic_prefix}writer",
                    "partitioner": "murmur2_random",
                }
            )
            self._producer.init_transactions(60)
        return self._producer

    def postgres_sink(self, target: Target | None = None, **options: Any) -> Sink:
        source = LogSource(self.settings, [self.topics.name(name) for name in POSTGRES_TOPICS], "test-sink-postgres")
        return Sink(source, self.decoder, target or PostgresTarget(self.settings.postgres_url), **options)

    def redis_sink(self, target: Target | None = None, **options: Any) -> Sink:
        source = LogSource(self.settings, [self.topics.name(name) for name in REDIS_TOPICS], "test-sink-redis")
        return Sink(source, self.decoder, target or RedisTarget(self.settings.redis_url, self.keys), **options)


class Running:
    """A sink in a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(sink,), name="sink")
        self._thread.start()

    def _run(self, sink: Sink) -> None:
        try:
            sink.run(self._stop)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._error = error

    def error(self) -> BaseException | None:
        return self._error

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, what, self.error)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the sink did not stop"
        if self._error is not None:
            raise self._error


@contextmanager
def running(sink: Sink) -> Iterator[Running]:
    """Run a sink for the length of a block; its error is raised at the end."""
    thread = Running(sink)
    try:
        yield thread
    finally:
        thread.end()


def run_to_end(sink: Sink) -> None:
    """Carry all there is, then stop."""
    sink.run(threading.Event(), until_end=True)
