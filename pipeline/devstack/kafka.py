"""Apache Kafka: one node that is broker and controller (KRaft)."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import ClassVar

from confluent_kafka.admin import AdminClient

from pipeline.devstack import java
from pipeline.devstack.errors import DevstackError, ServerError
from pipeline.devstack.jars import Jar, cache_dir, fetch, read_lock
from pipeline.devstack.server import Launch, OnBytes, Server, address_of
from pipeline.devstack.state import StateFile, write_atomically

VERSION = "4.3.1"

SETTINGS: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A topic that appears by itself has the wrong number of partitions.
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # Members may be declared dead after a second where a test wants a fast hand-over; the default asks for six.
    "group.min.session.timeout.ms": "1000",
    # A broker that comes back after kill -9 is refused until its old session is over: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # How long a start may take is for the starter to say; the broker would give up after 60 s.
    "initial.broker.registration.timeout.ms": "600000",
    # A dead worker's transaction is aborted within a second of its time-out, not ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # Compaction and retention are looked at soon after a topic allows them (defaults: 15 s, 5 min and a 30 s start).
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.retention.check.interval.ms": "1000",
    "log.initial.task.delay.ms": "1000",
}
"""Broker settings that hold wherever it runs; docker-compose.yml has the same."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


class Kafka(Server):
    """The broker; topics, offsets and transactions survive `kill`."""

    name: ClassVar[str] = "kafka"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, state: StateFile) -> None:
        super().__init__(state)
        self._admin: AdminClient | None = None

    @property
    def address(self) -> str:
        return address_of(self.port)

    @property
    def data_dir(self) -> Path:
        return self._state.directory / f"kafka-{VERSION}"

    def obtain(self, on_bytes: OnBytes | None = None) -> None:
        fetch(_jars(), _folder(), on_bytes and (lambda done, total: on_bytes("fetch", done, total)))

    def _launch(self) -> Launch:
        folder = self.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        record = self._state.read()
        properties = folder / "server.properties"
        write_atomically(properties, _properties(folder / "data", self.port, record.ports["kafka_controller"]))
        logging_file = folder / "log4j2.properties"
        write_atomically(logging_file, _LOGGING)
        if not (folder / "data" / "meta.properties").exists():
            self._format(properties)
        common = [f"-Dlog4j2.configurationFile={logging_file}", "-cp", _class_path()]
        return Launch(
            command=java.command(folder, record.kafka_heap_mb, [*common, "kafka.Kafka", str(properties)]), cwd=folder
        )

    def _format(self, properties: Path) -> None:
        """Prepare the empty data folder. Raises ServerError with what the tool said."""
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ["format", "--standalone", f"--cluster-id={cluster}", "--config", str(properties)]
        folder = properties.parent / "format"
        folder.mkdir(exist_ok=True)
        tool = ["-XX:TieredStopAtLevel=1", "-cp", _class_path(), "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(  # noqa: S603 - the command is made of our own paths
            java.command(folder, 128, tool), cwd=folder, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode != 0:
            raise ServerError(f"kafka's data folder {self.data_dir} could not be prepared:\n{done.stdout}{done.stderr}")

    def _probe(self) -> None:
        if self._admin is None:
            # While the broker is down librdkafka reports every refused connection; that is no news here.
            silent = logging.Logger("kafka-probe")
            silent.addHandler(logging.NullHandler())
            self._admin = AdminClient(
                {"bootstrap.servers": self.address, "reconnect.backoff.max.ms": 100, "log_level": 0}, logger=silent
            )
        metadata = self._admin.list_topics(timeout=1)
        if not metadata.brokers:
            raise ServerError("the broker is not registered yet")
        self._admin = None


def _folder() -> Path:
    return cache_dir() / f"kafka-{VERSION}"


def _jars() -> list[Jar]:
    return [jar for jar in read_lock() if jar.server == "kafka"]


def _class_path() -> str:
    """Exactly the locked jars, in the lock's order."""
    paths = [str(_folder() / jar.file_name) for jar in _jars()]
    if os.pathsep in "".join(paths):
        raise DevstackError(
            f"the cache folder {_folder()} holds {os.pathsep!r}, which Java cannot take: set ACCRUE_CACHE_DIR"
        )
    return os.pathsep.join(paths)


def _properties(data: Path, port: int, controller_port: int) -> str:
    """The text of server.properties."""
    broker, controller = address_of(port), address_of(controller_port)
    settings = {
        **SETTINGS,
        "controller.quorum.bootstrap.servers": controller,
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "log.dirs": str(data).replace("\\", "\\\\"),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
