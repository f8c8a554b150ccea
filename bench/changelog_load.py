"""A lane's changelogs as work leaves them: members, orders and decided ids, packed by the pipeline's own code.

A few thousand members are brought about by the core out of the seeded load; all others are copies of these under ids of
their own, so that sizes, due times and orders are spread as the engine spreads them.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple

import msgspec

from bench.load import SPAN_MS, START_MS, Size, control, events
from bench.world import World
from pipeline.core.program import Program
from pipeline.core.simulate import Simulation
from pipeline.lane import keys
from pipeline.lane.commit import IDS_PER_RECORD
from pipeline.lane.kafka_transaction import KafkaTransaction
from pipeline.lane.ports import Message
from pipeline.program import Bundle, compile_bundle
from pipeline.wire.partitioner import partition_of
from pipeline.wire.state import pack_member, pack_order

TEMPLATES: Final = 5_000
EVENTS_PER_MEMBER: Final = 4
RECORDS_PER_TRANSACTION: Final = 5_000
LOG_BEGINNING: Final = 2
"""Records of control with which a partition of the log begins, and behind which the marker stands."""


class Template(NamedTuple):
    """A member as the core left it: packed under any id, orders by id, packed."""

    member: object
    orders: list[tuple[str, bytes]]


class Written(NamedTuple):
    """What a changelog load consists of; sizes in bytes of keys and values."""

    members: int
    records: int
    ids: int
    size_bytes: int


def member_id(number: int) -> str:
    return f"m-{number:07}"


def write_changelogs(world: World, members: int, partitions: int, seed: int = 1) -> Written:
    """Fill both changelogs of every lane and commit, each lane in transactions of its own. Raises LaneFailed."""
    load = _Load(world, partitions, seed)
    numbers = list(range(members))
    random.Random(seed).shuffle(numbers)  # the order of a changelog is that of its members' latest changes
    for number in numbers:
        load.add(number)
    return load.finish(members)


class _Load:
    """Collects records by partition and sends them when a transaction is full."""

    def __init__(self, world: World, partitions: int, seed: int) -> None:
        settings, topics = world.settings, world.topics
        self._state_topic, self._ids_topic = topics.name("member-changelog"), topics.name("member-ids-changelog")
        self._partitions = partitions
        self._draw = random.Random(seed)
        self._templates = _templates(world.bundle, seed)
        self._activations = msgspec.msgpack.encode([(at_ms, world.bundle.hash) for at_ms, _ in control("")[:1]])
        self._lanes = [KafkaTransaction(settings, f"{settings.app_id}-load-{p}", p) for p in range(partitions)]
        for lane in self._lanes:
            lane.fence()
        self._state: list[list[Message]] = [[] for _ in range(partitions)]
        self._ids: list[list[bytes]] = [[] for _ in range(partitions)]
        self._ids_end = [0] * partitions
        self._counts = [0, 0, 0]

    def add(self, number: int) -> None:
        name = member_id(number)
        partition = partition_of(name.encode(), self._partitions)
        template = self._templates[number % len(self._templates)]
        template.member.member_id = name  # type: ignore[attr-defined]
        state = self._state[partition]
        state.append({"key": keys.member_key(name), "value": pack_member(template.member)})  # type: ignore[arg-type]
        state += [{"key": keys.order_key(name, order_id), "value": order} for order_id, order in template.orders]
        draw = self._draw
        for _ in range(EVENTS_PER_MEMBER):
            at_ms = START_MS + draw.randrange(SPAN_MS)
            self._ids[partition].append(draw.randbytes(24) + keys.pack_number(at_ms))
        if len(state) >= RECORDS_PER_TRANSACTION:
            self._commit(partition)

    def finish(self, members: int) -> Written:
        for partition, state in enumerate(self._state):
            state.append({"key": keys.ACTIVATIONS, "value": self._activations})
            self._commit(partition)
            self._lanes[partition].close()
        return Written(members, *self._counts)

    def _commit(self, partition: int) -> None:
        lane, state, ids = self._lanes[partition], self._state[partition], self._ids[partition]
        packed: list[Message] = [
            {"key": None, "value": b"".join(ids[i : i + IDS_PER_RECORD])} for i in range(0, len(ids), IDS_PER_RECORD)
        ]
        if packed:
            packed[-1]["key"] = keys.MARKER
        log_time_ms = START_MS + SPAN_MS
        marker = keys.Marker(LOG_BEGINNING, log_time_ms, log_time_ms, self._ids_end[partition])
        state.append({"key": keys.MARKER, "value": marker.pack()})
        self._counts[0] += len(state)
        self._counts[1] += len(ids)
        self._counts[2] += sum(len(m["key"]) + len(m["value"]) for m in state) + keys.ID_BYTES * len(ids)
        lane.begin()
        lane.send(self._ids_topic, packed, tracked=True)
        lane.send(self._state_topic, state)
        self._ids_end[partition] = lane.commit()[self._ids_topic]
        self._state[partition], self._ids[partition] = [], []


def _templates(bundle: Bundle, seed: int) -> list[Template]:
    simulation = Simulation(_Only(bundle), relay=False)
    for timestamp_ms, record in control(bundle.hash):
        simulation.take(0, 0, timestamp_ms, record)
    orders: dict[str, list[str]] = {}
    for offset, event in enumerate(events(Size(TEMPLATES * EVENTS_PER_MEMBER, TEMPLATES), seed)):
        simulation.take(0, offset, event.recorded_at_ms, event)
        order_id = getattr(event.payload, "order_id", "")
        if order_id:
            orders.setdefault(event.member_id, []).append(order_id)
    state = simulation.state(0)
    templates: list[Template] = []
    for name, member in state.members.items():
        known = {order_id: state.order(name, order_id) for order_id in orders.get(name, ())}
        packed = [(order_id, pack_order(order)) for order_id, order in known.items() if order is not None]
        templates.append(Template(member, packed))
    return templates


class _Only:
    """The one programme that there is."""

    def __init__(self, bundle: Bundle) -> None:
        self._program = compile_bundle(bundle)

    def program(self, _program_hash: str) -> Program:
        return self._program
