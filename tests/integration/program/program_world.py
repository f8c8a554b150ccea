"""Topics of a test's own with a publisher and the commands of `accrue program`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated
from pipeline.devstack import Settings as Servers
from pipeline.history.connection import Connection
from pipeline.lane.activation import Publisher
from pipeline.lane.kafka import new_admin
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import Record
from pipeline.lane.published import published, timeline
from pipeline.program import Bundle, load_program
from pipeline.settings import Settings
from pipeline.wire import topic_plan
from pipeline.wire.topics import LOG

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"
VISIBLE_SECONDS = 30.0


def variant(remark: str) -> Bundle:
    """The shop's programme with another hash."""
    shop = load_program(SHOP)
    return replace(shop, files=tuple((name, f"{text}# {remark}\n") for name, text in shop.files))


class World:
    """Topics of a test's own, schemas registered."""

    def __init__(self, servers: Servers, prefix: str) -> None:
        self.settings = Settings(
            bootstrap_servers=servers.bootstrap_servers,
            registry_url=servers.registry_url,
            topic_prefix=f"{prefix}-",
            app_id=prefix,
        )
        self.connection = Connection(self.settings)
        self.topics = self.connection.topics

    def prepare(self) -> None:
        admin = new_admin(self.settings)
        topic_plan.apply(admin, self.topics, topic_plan.plan(self.topics, topic_plan.read(admin, self.topics)))
        self.connection.registry.register(self.topics)

    def publisher(self, *times_ms: int) -> Publisher:
        """A publisher whose clock shows these times one after the other, the last for ever; the wall's without any."""
        shown = list(times_ms)

        def clock() -> int:
            if not shown:
                return time.time_ns() // 1_000_000
            return shown.pop(0) if len(shown) > 1 else shown[0]

        return Publisher(self.settings, self.topics, self.connection.encoder(), Horizons(), clock)

    def records(self, topic: str, partition: int) -> list[Record]:
        reader = KafkaReader(self.settings)
        try:
            name = self.topics.name(topic)
            chunks = reader.read(name, partition, *reader.bounds(name, partition))
            return [record for chunk in chunks for record in chunk]
        finally:
            reader.close()

    def activations(self, each: int) -> list[list[ProgramActivated]]:
        """The activations on each partition of the log, once there are so many on all of them.

        A transaction that is committed becomes visible partition by partition, a moment later.
        """
        deadline = time.monotonic() + VISIBLE_SECONDS
        while True:
            found = self._activations()
            if all(len(values) >= each for values in found) or time.monotonic() > deadline:
                return found

    def _activations(self) -> list[list[ProgramActivated]]:
        found = []
        for partition in range(self.topics.partitions(LOG)):
            values = []
            for _offset, recorded_at_ms, key, value in self.records(LOG, partition):
                assert key is None and value is not None
                activated = self.connection.decoder.decode(value, recorded_at_ms)
                assert isinstance(activated, ProgramActivated)
                values.append(activated)
            found.append(values)
        return found

    def timeline(self) -> list[tuple[int, str]]:
        return timeline(published(self.settings, self.topics))

    def run(self, *arguments: str) -> Result:
        env = {
            "ACCRUE_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "ACCRUE_REGISTRY_URL": self.settings.registry_url,
            "ACCRUE_TOPIC_PREFIX": self.settings.topic_prefix,
            "ACCRUE_APP_ID": self.settings.app_id,
        }
        return CliRunner().invoke(cli, ["program", *arguments], env=env)
