"""Faults of servers and sinks, and changes of programme and schema while everything runs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any, Final

import redis

from pipeline.core.horizons import Horizons
from pipeline.demo.run import PROGRAM as SHOP
from pipeline.lane.activation import Publisher
from pipeline.lane.control import ControlFailed, ControlRefused
from pipeline.lane.ports import LaneFailed
from pipeline.lane.published import published
from pipeline.program import load_program
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.registry import SchemaRefused
from pipeline.wire.schemas import RegistryUnavailable
from tests.chaos import schedule
from tests.chaos.process_logs import Said
from tests.chaos.run_state import Injected, Run
from tests.chaos.schedule import Fault
from tests.chaos.staff import sink_deck

EVIDENCE_S: Final = 60.0
CHANGE_S: Final = 120.0
"""A change is tried for so long while servers it needs are away."""
PURCHASE: Final = "accrue.events.TransactionCompleted"
WELCOME: Final = "award: {points: 20}"


def down_broker(run: Run, fault: Fault) -> list[Injected]:
    """The broker is killed, or ended in order, and started again while records wait for it."""
    began_s = time.time()
    if fault.kind == schedule.BROKER_KILL:
        run.stack.kafka.kill()
    else:
        run.stack.kafka.stop()
    try:
        run.pause(run.draw(fault).uniform(0.2, 2.0))
        bit = run.load.waiting > 0
    finally:
        run.stack.kafka.start()
    return [Injected(fault.kind, began_s, time.time(), bit)]


def down_registry(run: Run, fault: Fault) -> list[Injected]:
    """The registry is killed; a worker that starts meanwhile has to wait for it."""
    began_s = time.time()
    with run.staff.taken(run.draw(fault), lambda _name: True) as name:
        run.stack.registry.kill()
        try:
            run.staff.kill(name)
            run.staff.start(name)
            everyone = [*run.staff.workers, *run.staff.sinks]
            bit = run.wait_for(lambda: run.logs.found(everyone, began_s, _waits), EVIDENCE_S)
        finally:
            run.stack.registry.start()
    return [Injected(fault.kind, began_s, time.time(), bit)]


def down_redis(run: Run, fault: Fault) -> list[Injected]:
    """Redis is killed and started again once its sink waits for it."""
    began_s = time.time()
    run.stack.valkey.kill()
    try:
        bit = run.wait_for(lambda: run.logs.found(["sink-redis"], began_s, _waits), EVIDENCE_S)
    finally:
        run.stack.valkey.start()
    return [Injected(fault.kind, began_s, time.time(), bit, of="redis")]


def down_postgres(run: Run, fault: Fault) -> list[Injected]:
    """PostgreSQL is killed and started again once its sink waits for it."""
    began_s = time.time()
    run.stack.postgres.kill()
    try:
        bit = run.wait_for(lambda: run.logs.found(["sink-postgres"], began_s, _waits), EVIDENCE_S)
    finally:
        run.stack.postgres.start()
    return [Injected(fault.kind, began_s, time.time(), bit, of="postgres")]


def flush_redis(run: Run, fault: Fault) -> list[Injected]:
    """All of Redis is deleted under its sink."""
    began_s = time.time()
    with redis.Redis.from_url(run.stage.settings.need("redis_url"), socket_timeout=10) as client:
        held = client.dbsize()
        client.flushall()
    return [Injected(fault.kind, began_s, time.time(), bool(held), of="redis")]


def fail_sink(run: Run, fault: Fault) -> list[Injected]:
    """A sink is killed and comes back armed with a failpoint, until that has bitten."""
    cards = sink_deck(run.seed)
    name = run.staff.sinks[fault.number % len(run.staff.sinks)]
    with run.staff.alone_with(name):
        began_s = time.time()
        run.staff.kill(name)
        run.staff.start(name, cards[fault.number % len(cards)])
        bit = run.wait_for(lambda: run.logs.found([name], began_s, lambda said: said.event == "failpoint"), EVIDENCE_S)
    return [Injected(fault.kind, began_s, time.time(), bit, of=name.removeprefix("sink-"))]


def activate_program(run: Run, fault: Fault) -> list[Injected]:
    """Another programme is put in force as soon as can be; decisions under it show that it took effect."""
    began_s = time.time()
    folder = run.stage.directory / f"program-{fault.number}"
    shutil.copytree(SHOP, folder, dirs_exist_ok=True)
    file = folder / "rules" / "membership.yaml"
    text = file.read_text("utf-8")
    assert WELCOME in text, f"{file} no longer has the award that the run changes"
    file.write_text(text.replace(WELCOME, f"award: {{points: {21 + fault.number}}}"), "utf-8")
    bundle = load_program(folder)
    publisher = Publisher(run.stage.settings, run.stage.connection.topics, run.stage.encoder, Horizons())

    def publish() -> None:
        history = published(run.stage.settings, run.stage.connection.topics)
        if not any(each.program_hash == bundle.hash and each.activations for each in history):
            publisher.publish(bundle, None, "chaos", "a change under load")

    _persist(run, publish, (ControlFailed, ControlRefused, LaneFailed))
    return [Injected(fault.kind, began_s, time.time(), None, note=bundle.hash)]


def evolve_schema(run: Run, fault: Fault) -> list[Injected]:
    """A producer registers a compatible version of the purchase with another field, and writes with it."""
    began_s = time.time()
    schema: dict[str, Any] = json.loads(SCHEMAS[PURCHASE][1])
    for number in range(fault.number + 1):
        schema["fields"].append({"name": f"added_{number}", "type": "long", "default": 0})
    subject = f"{run.stage.connection.log.full_name}-{PURCHASE}"
    ids: list[int] = []

    def register() -> None:
        ids.append(run.stage.connection.registry.register_schema(subject, json.dumps(schema)).schema_id)

    _persist(run, register, (RegistryUnavailable, SchemaRefused))
    # The fields of a record stand one behind the other, a long as a zigzag number: those added come last.
    run.load.evolve(ids[0], bytes(2 * (number % 60) for number in range(fault.number + 1)))
    return [Injected(fault.kind, began_s, time.time(), None, note=str(ids[0]))]


def _persist(run: Run, change: Callable[[], None], passing: tuple[type[Exception], ...]) -> None:
    """Try until it is done: what it needs may be away at the moment. Raises the last error after CHANGE_S."""
    deadline = time.monotonic() + CHANGE_S
    while True:
        try:
            change()
            return
        except passing:
            if time.monotonic() > deadline:
                raise
        run.pause(1.0)


def _waits(said: Said) -> bool:
    return said.event in ("worker waits for its servers", "lane waits", "sink waits")
