"""A fresh set of topics for one run, filled with the load and the programme that decides it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from bench.load import LogRecord
from pipeline.devstack.stack import LocalStack
from pipeline.history.relaxed import ANY_AGE_MS
from pipeline.lane.kafka import new_admin, new_producer
from pipeline.program import Bundle, load_program
from pipeline.settings import Settings, variable
from pipeline.wire import topic_plan
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.registry import Registry
from pipeline.wire.topic_plan import RELAXED_BY_IMPORT
from pipeline.wire.topics import LOG, TOPICS_FILE, Topics

ROOT: Final = Path(__file__).resolve().parents[1]
SHOP: Final = ROOT / "programs" / "shop"
SERVERS: Final = ("kafka", "registry")
FLUSH_S: Final = 120.0
DELETE_S: Final = 30.0


class LoadLost(Exception):
    """The broker did not take the whole load; the message says why the first record was refused."""


@dataclass(frozen=True)
class World:
    """One run's own topics, with what is needed to write and read them."""

    settings: Settings
    topics: Topics
    encoder: Encoder
    decoder: Decoder
    schema_ids: Mapping[str, int]
    bundle: Bundle

    def environment(self) -> dict[str, str]:
        """The ACCRUE_* variables of a contender that works on these topics."""
        names = ("bootstrap_servers", "registry_url", "topic_prefix", "topics_file", "app_id", "data_dir")
        return {variable(name): str(getattr(self.settings, name)) for name in names}


@contextlib.contextmanager
def world(
    stack: LocalStack, name: str, directory: Path, *, history: bool, partitions: int | None = None
) -> Iterator[World]:
    """Topics with the prefix `name.`, schemas registered, the shop's bundle published; all deleted on leaving.

    `directory` is where contenders keep their stores. With `history` the log takes records of any age from the start.
    `partitions` of the log are as many as topics.yaml says, if not given.
    """
    topics_file = directory / f"{name}.topics.yaml"
    text = TOPICS_FILE.read_text("utf-8")
    topics_file.write_text(
        text if partitions is None else re.sub(r"(?m)^log_partitions:.*$", f"log_partitions: {partitions}", text),
        "utf-8",
    )
    settings = Settings(
        bootstrap_servers=stack.settings.bootstrap_servers,
        registry_url=stack.settings.registry_url,
        topic_prefix=f"{name}.",
        app_id=name,
        data_dir=directory / name,
        topics_file=topics_file,
    )
    topics = Topics.load(topics_file, settings.topic_prefix)
    if history:
        log = topics.topic(LOG)
        relaxed = replace(log, config={**log.config, RELAXED_BY_IMPORT: str(ANY_AGE_MS)})
        topics = Topics({topic.name: relaxed if topic is log else topic for topic in topics})
    admin = new_admin(settings)
    topic_plan.apply(admin, topics, topic_plan.plan(topics, topic_plan.read(admin, topics)))
    registry = Registry(settings.registry_url)
    try:
        registry.register(topics)
        schema_ids = registry.schema_ids(topics)
        bundle = load_program(SHOP)
        write(settings, topics.name("programs"), [LogRecord(0, bundle.hash.encode(), bundle.canonical(), 0)])
        yield World(settings, topics, Encoder(schema_ids), Decoder(registry), schema_ids, bundle)
    finally:
        registry.close()
        _delete(settings)


def write(settings: Settings, topic: str, records: Sequence[LogRecord]) -> None:
    """Write records in order and wait until the broker has them. Raises LoadLost."""
    refused: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            refused.append(error)

    producer = new_producer(settings, {"delivery.report.only.error": True, "on_delivery": delivered})
    for partition, key, value, timestamp_ms in records:
        _produce(producer, topic, partition, key, value, timestamp_ms)
    left = producer.flush(FLUSH_S)
    if refused or left:
        raise LoadLost(f"{topic}: {left + len(refused)} of {len(records)} records were not taken: {refused[:1]}")


def _produce(
    producer: Producer, topic: str, partition: int, key: bytes | None, value: bytes, timestamp_ms: int
) -> None:
    """Queue a record, waiting for room; librdkafka's `produce_batch` is faster but takes no timestamps."""
    deadline = time.monotonic() + FLUSH_S
    while True:
        try:
            producer.produce(topic, value, key, partition, timestamp=timestamp_ms)
            return
        except BufferError:
            if time.monotonic() > deadline:
                raise LoadLost(f"{topic}: no room in the queue within {FLUSH_S:.0f} s") from None
            producer.poll(0.05)


def _delete(settings: Settings) -> None:
    """Delete the run's topics and whatever else begins with its name, such as changelogs that Faust has made."""
    admin = new_admin(settings)
    names = [name for name in admin.list_topics(timeout=DELETE_S).topics if name.startswith(settings.app_id)]
    for future in admin.delete_topics(names, operation_timeout=DELETE_S).values():
        future.result()
