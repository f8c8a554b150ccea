"""Plain Faust: the same decisions as users of Faust write them, an agent over events with tables in RocksDB.

The core, the form of its state in three `faust.Table`s and the codec are the pipeline's; everything else is Faust's
own: aiokafka, one message at a time, `topic.send`, at least once. After a crash its outputs may repeat or contradict
its tables; without one they are right, and that is what it is measured on.

    python -m bench.plain_faust      settings from ACCRUE_* variables, until SIGTERM
"""

from __future__ import annotations

from typing import Any, Final

import faust
import msgspec

from pipeline import settings
from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.memory import Dead, Derived, MemoryOutputs, Output
from pipeline.core.order import Order
from pipeline.core.payloads import Tick
from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    RewardDecision,
    TierChange,
    WalletBalance,
)
from pipeline.lane import keys
from pipeline.lane.context import LaneContext, connect
from pipeline.wire.state import pack_member, pack_order, unpack_member, unpack_order

MEMBERS_PER_TICK: Final = 1_000_000
DIGEST: Final = slice(0, 8)
ACTIVATIONS: Final = b"!activations"


class TableState:
    """Implements `pipeline.core.ports.State` over Faust's tables; a table knows the partition of the event at hand.

    `changed` are the members that the event at hand has changed.
    """

    def __init__(self, members: Any, orders: Any, seen: Any) -> None:
        self._members = members
        self._orders = orders
        self._seen = seen
        self.changed: dict[str, Member] = {}

    def member(self, member_id: str) -> Member | None:
        packed = self._members.get(keys.member_key(member_id))
        return None if packed is None else unpack_member(packed)

    def put_member(self, member: Member) -> None:
        self._members[keys.member_key(member.member_id)] = pack_member(member)
        self.changed[member.member_id] = member

    def order(self, member_id: str, order_id: str) -> Order | None:
        packed = self._orders.get(keys.order_key(member_id, order_id))
        return None if packed is None else unpack_order(packed)

    def put_order(self, member_id: str, order_id: str, order: Order) -> None:
        self._orders[keys.order_key(member_id, order_id)] = pack_order(order)

    def seen(self, identity: bytes, since_ms: int) -> bytes | None:
        found: bytes | None = self._seen.get(identity)
        return None if found is None or keys.unpack_number(found[8:]) < since_ms else found[DIGEST]

    def put_seen(self, identity: bytes, content_digest: bytes, recorded_at_ms: int) -> None:
        self._seen[identity] = content_digest + keys.pack_number(recorded_at_ms)

    def park(self, member_id: str, number: int, recorded_at_ms: int, value: bytes) -> None:
        self._orders[keys.parked_key(member_id, number)] = keys.pack_number(recorded_at_ms) + value

    def parked(self, member_id: str, number: int) -> tuple[int, bytes]:
        packed: bytes = self._orders[keys.parked_key(member_id, number)]
        return keys.unpack_number(packed), packed[8:]

    def unpark(self, member_id: str, number: int) -> None:
        del self._orders[keys.parked_key(member_id, number)]

    def due(self, until_ms: int, limit: int) -> list[str]:
        """By looking at every member: Faust's tables have no index."""
        members = [unpack_member(packed) for key, packed in self._members.items() if key != ACTIVATIONS]
        found = sorted((m.next_due_ms, m.member_id) for m in members if 0 < m.next_due_ms <= until_ms)
        return [member_id for _, member_id in found[:limit]]

    def activations(self) -> list[tuple[int, str]]:
        packed = self._members.get(ACTIVATIONS)
        return [] if packed is None else msgspec.msgpack.decode(packed, type=list[tuple[int, str]])

    def put_activations(self, activations: list[tuple[int, str]]) -> None:
        self._members[ACTIVATIONS] = msgspec.msgpack.encode(activations)


class Sender:
    """Encodes what was decided of one record and sends it, one message after the other."""

    def __init__(self, app: faust.App, context: LaneContext) -> None:
        self._context = context
        topics = context.topics
        self._topics = {
            name: app.topic(name, key_type=bytes, value_type=bytes)
            for name in (
                topics.entries, topics.decisions, topics.tier_changes, topics.commands, topics.balances,
                topics.derived, topics.dead_letters, topics.alerts,
            )
        }  # fmt: skip

    async def send(self, journal: list[Output], changed: dict[str, Member], event: Any) -> None:
        """Send the outputs of a record, and the balance of each member that it has changed."""
        topics, encoder = self._context.topics, self._context.encoder
        for output in journal:
            if isinstance(output, LedgerEntry):
                await self._send(topics.entries, output.member_id, encoder.ledger_entry(output))
            elif isinstance(output, RewardDecision):
                await self._send(topics.decisions, output.member_id, encoder.reward_decision(output))
            elif isinstance(output, TierChange):
                await self._send(topics.tier_changes, output.member_id, encoder.tier_change(output))
            elif isinstance(output, FulfillmentCommand):
                await self._send(topics.commands, output.member_id, encoder.fulfillment_command(output))
            elif isinstance(output, FraudAlert):
                await self._send(topics.alerts, output.member_id, encoder.fraud_alert(output))
            elif isinstance(output, Derived):
                await self._send(topics.derived, output.event.member_id, encoder.event(output.event))
            elif isinstance(output, Dead):
                await self._send_dead(output, event)
        for member in changed.values():
            await self._send(topics.balances, member.member_id, encoder.member_balance(_balance(member, event)))

    async def _send(self, topic: str, member_id: str, value: bytes) -> None:
        await self._topics[topic].send(key=member_id.encode(), value=value)

    async def _send_dead(self, dead: Dead, event: Any) -> None:
        message = event.message
        letter = DeadLetter(
            dead.reason, dead.detail, message.topic, message.partition, message.offset, _ms(message),
            message.key or b"", event.value, dead.event_id, "", "",
        )  # fmt: skip
        topic = self._topics[self._context.topics.dead_letters]
        await topic.send(key=message.key, value=self._context.encoder.dead_letter(letter))


def make_app(found: settings.Settings) -> faust.App:
    """The application: one agent, three tables."""
    context = connect(found)
    app = faust.App(
        found.app_id,
        broker=f"kafka://{found.bootstrap_servers}",
        store="rocksdb://",
        key_serializer="raw",
        value_serializer="raw",
        datadir=found.data_dir,
        topic_partitions=context.partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
    )
    tables = [
        app.Table(
            name, key_type=bytes, value_type=bytes, partitions=context.partitions, options={"driver": "rocksdict"}
        )
        for name in ("members", "orders", "seen")
    ]
    state, outputs = TableState(*tables), MemoryOutputs()
    engines = [
        Engine(number, state, outputs, context.programs, context.decoder.decode, context.horizons)  # type: ignore[arg-type]
        for number in range(context.partitions)
    ]
    sender = Sender(app, context)

    @app.agent(app.topic(context.topics.source, key_type=bytes, value_type=bytes))
    async def decide(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            engine, at_ms = engines[message.partition], _ms(message)
            record = context.decoder.decode(event.value, at_ms)
            if isinstance(record, Event):
                engine.apply(record, event.value, message.offset)
            elif isinstance(record, Tick):
                engine.tick(record.mode, at_ms, MEMBERS_PER_TICK)
            else:
                engine.activate(record, at_ms)
            await sender.send(outputs.journal, state.changed, event)
            outputs.journal.clear()
            state.changed.clear()

    return app


def _ms(message: Any) -> int:
    """Faust's timestamps are seconds."""
    return round(message.timestamp * 1000)


def _balance(member: Member, event: Any) -> MemberBalance:
    wallets = [
        WalletBalance(unit, wallet.available, wallet.pending, wallet.held, wallet.debt)
        for unit, wallet in sorted(member.wallets.items())
    ]
    return MemberBalance(
        member.member_id, member.seq, member.tier, member.tier_until_ms, wallets, member.last_hash, member.version,
        _ms(event.message), member.quarantined, member.segment,
    )  # fmt: skip


def main() -> None:
    """Run in the foreground."""
    worker = faust.Worker(make_app(settings.load()), loglevel="WARNING", quiet=True)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
