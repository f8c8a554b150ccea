"""A pipeline of a test's own on real servers: topics, a programme, worker processes, and the oracle of its log."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from types import TracebackType
from typing import Self

from click.testing import CliRunner, Result
from confluent_kafka import OFFSET_END, TopicPartition

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.memory import Dead, Derived
from pipeline.core.payloads import (
    MemberEnrolled,
    ProgramActivated,
    Tick,
)
from pipeline.core.program import Program
from pipeline.core.records import DeadLetter, FulfillmentCommand, LedgerEntry, RewardDecision, TierChange
from pipeline.core.simulate import Simulation
from pipeline.demo.crew import Crew
from pipeline.demo.positions import Positions
from pipeline.history.append import Appender, NotDelivered
from pipeline.history.connection import Connection
from pipeline.lane.kafka import new_admin, new_producer
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import Record
from pipeline.program import Bundle, compile_bundle, load_program
from pipeline.settings import Settings
from pipeline.wire import topic_plan
from pipeline.wire.codec import Undecodable
from pipeline.wire.topics import TOPICS_FILE

POISONED_WORKER = Path(__file__).with_name("poisoned_worker.py")
SHOP = Path(__file__).parents[3] / "programs" / "shop"
WAIT_S = 120.0
PAUSE_S = 0.2
SESSION_TIMEOUT_MS = "3000"
"""So long the partitions of a worker that was killed are nobody's."""
DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; on a slow machine it takes longer, never gives another result."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {WAIT_S:.0f} s"
        time.sleep(PAUSE_S)


class LaneWorld:
    """As a context manager it ends its processes on leaving, whatever happened."""

    def __init__(self, servers: Settings, prefix: str, folder: Path, partitions: int, program: Path = SHOP) -> None:
        self.partitions = partitions
        topics_file = folder / "topics.yaml"
        text = re.sub(r"(?m)^log_partitions:.*$", f"log_partitions: {partitions}", TOPICS_FILE.read_text("utf-8"))
        topics_file.write_text(text, "utf-8")
        self.settings = Settings(
            bootstrap_servers=servers.bootstrap_servers,
            registry_url=servers.registry_url,
            topic_prefix=f"{prefix}-",
            topics_file=topics_file,
            app_id=prefix,
            data_dir=folder / "data",
        )
        self.folder = folder
        self.connection = Connection(self.settings)
        self.topics = self.connection.topics
        admin = new_admin(self.settings)
        topic_plan.apply(admin, self.topics, topic_plan.plan(self.topics, topic_plan.read(admin, self.topics)))
        self.connection.registry.register(self.topics)
        self.encoder = self.connection.encoder()
        self.bundle = load_program(program)
        self.compiled: Program = compile_bundle(self.bundle)
        self.appender = Appender(self.settings, self.topics.name("member-events"), partitions)
        self.publish_bundle(self.bundle)
        self.activate(self.bundle.hash, now_ms() - 100 * DAY_MS)
        self.flush()
        self.crew = Crew(folder, self.environment())
        self.defective = Crew(folder, self.environment(), (sys.executable, str(POISONED_WORKER)))
        self.positions = Positions(self.connection, partitions)

    def environment(self) -> dict[str, str]:
        return {
            "ACCRUE_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "ACCRUE_REGISTRY_URL": self.settings.registry_url,
            "ACCRUE_TOPIC_PREFIX": self.settings.topic_prefix,
            "ACCRUE_TOPICS_FILE": str(self.settings.topics_file),
            "ACCRUE_APP_ID": self.settings.app_id,
            "ACCRUE_DATA_DIR": str(self.settings.data_dir),
            "ACCRUE_KAFKA_SESSION_TIMEOUT_MS": SESSION_TIMEOUT_MS,
        }

    def accrue(self, *arguments: str, **own: str) -> Result:
        """`accrue ARGUMENTS` in the world's folder, with its settings and those of the command's `own`."""
        with chdir(self.folder):
            return CliRunner().invoke(cli, arguments, env={**self.environment(), **own})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.positions.close()
        self.connection.close()
        self.defective.__exit__(kind, error, trace)
        self.crew.__exit__(kind, error, trace)
        if error is not None:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-6000:]}")

    def worker(
        self,
        name: str,
        *options: str,
        data: str = "",
        registry_url: str = "",
        defective: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a worker with a data folder of its own, or that of an earlier one.

        A `defective` one raises on what `poisoned_worker` says. `environment` is added to its settings.
        """
        own = {"ACCRUE_DATA_DIR": str(self.folder / (data or name)), **(environment or {})}
        if registry_url:
            own["ACCRUE_REGISTRY_URL"] = registry_url
        crew = self.defective if defective else self.crew
        crew.start(name, ["worker", *options], own)

    def ends_in_order(self, name: str) -> bool:
        """Ask a worker to end. Whether it did, by itself and with exit code 0."""
        pid = self.crew.pid(name)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: self.crew.ended(name), f"the end of {name}")
        return True

    def activate(self, program_hash: str, effective_at_ms: int) -> None:
        """Append an activation to every partition."""
        value = self.encoder.program_activated(ProgramActivated(program_hash, effective_at_ms, "ada", "test"))
        self.appender.append_everywhere(value, now_ms())

    def publish_bundle(self, bundle: Bundle) -> None:
        """Put a bundle on the programs topic, without activating it."""
        producer = new_producer(self.settings)
        producer.produce(self.topics.name("programs"), bundle.canonical(), bundle.hash.encode(), 0)
        assert producer.flush(30) == 0

    def delete_records(self, partition: int) -> None:
        """Delete everything that is on a partition of the log."""
        name = self.topics.name("member-events")
        place = TopicPartition(name, partition, OFFSET_END)
        admin = new_admin(self.settings)
        admin.delete_records([place])[place].result(30)

    def takes_old(self, timestamp_ms: int) -> bool:
        """Whether the broker takes a record that old; a tick of that time does no harm."""
        try:
            self.appender.append_to(0, None, self.encoder.tick(Tick("live")), timestamp_ms)
            self.appender.flush()
        except NotDelivered:
            return False
        return True

    def send(self, event: Event) -> None:
        """Append a live event; it is on the log after the next `flush`."""
        self.appender.append(event.member_id.encode(), self.encoder.event(event), event.recorded_at_ms)

    def flush(self) -> None:
        self.appender.flush()

    def wait_until_quiet(self) -> None:
        """Until everything on the log is decided and everything that follows from it is on the log and decided."""

        def quiet() -> bool:
            self.crew.check()
            self.defective.check()
            return self.positions.quiet()

        wait_until(quiet, "quiet")

    def records(self, topic: str, partition: int) -> list[Record]:
        """All committed records of a partition."""
        name = self.topics.name(topic)
        reader = KafkaReader(self.settings)
        try:
            bounds = reader.bounds(name, partition)
            return [record for chunk in reader.read(name, partition, *bounds) for record in chunk]
        finally:
            reader.close()

    def outputs(self, topic: str, partition: int) -> list[object]:
        """All committed records of an output topic's partition, decoded."""
        return [self.connection.decoder.output(value or b"") for _, _, _, value in self.records(topic, partition)]

    def program(self, program_hash: str) -> Program:
        """For the oracle."""
        assert program_hash == self.bundle.hash
        return self.compiled

    def oracle(self, partition: int, programs: object = None) -> Simulation:
        """The core's own simulation of what is on a partition of the log."""
        simulation = Simulation(programs or self, relay=False)  # type: ignore[arg-type]
        for offset, timestamp_ms, key, value in self.records("member-events", partition):
            try:
                item = self.connection.decoder.decode(value or b"", timestamp_ms)
            except Undecodable as error:
                simulation.reject(0, "", error.reason, error.detail)
                continue
            if isinstance(item, Event) and key != item.member_id.encode():
                simulation.reject(0, item.event_id, "wrong_partition", "")
                continue
            simulation.take(0, offset, timestamp_ms, item)
        return simulation

    def check_against_oracle(self, programs: object = None) -> int:
        """Outputs equal the oracle exactly and in order, in every partition. Returns the number of ledger entries."""
        entries = 0
        for partition in range(self.partitions):
            simulation = self.oracle(partition, programs)
            journal = simulation.journal(0)
            for topic, kind in (
                ("ledger-entries", LedgerEntry),
                ("reward-decisions", RewardDecision),
                ("tier-changes", TierChange),
                ("reward-fulfillments", FulfillmentCommand),
            ):
                expected = [output for output in journal if isinstance(output, kind)]
                assert self.outputs(topic, partition) == expected, f"{topic}/{partition}"
                entries += len(expected) if kind is LedgerEntry else 0
            dead_letters = [x for x in self.outputs("dead-letters", partition) if isinstance(x, DeadLetter)]
            letters = [(x.reason, x.event_id) for x in dead_letters if x.topic == self.topics.name("member-events")]
            assert letters == [(dead.reason, dead.event_id) for dead in journal if isinstance(dead, Dead)]
            derived = [own for record in self.records("derived-events", partition) if (own := self._derived(record))]
            assert derived == [one.event.event_id for one in journal if isinstance(one, Derived)]
        return entries

    def _derived(self, record: Record) -> str:
        event = self.connection.decoder.decode(record[3] or b"", record[1])
        assert isinstance(event, Event)
        others = event.source.startswith(("accrue-partners", "partner:")) or event.type_name == "pool_answered"
        return "" if others else event.event_id  # that is no decision of the member's core


def enrolments(members: int) -> Iterator[Event]:
    """Every member joins now."""
    for number in range(members):
        at_ms = now_ms()
        yield Event(f"join-{number}", f"m-{number}", at_ms, "crm", "", {}, MemberEnrolled("US", "", ""), at_ms)
