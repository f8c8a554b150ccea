"""Sinks by name, put together from the settings."""

from __future__ import annotations

from typing import Final

from pipeline.failpoints import armed
from pipeline.settings import Settings
from pipeline.sinks import postgres_tables, redis_target
from pipeline.sinks.failing import with_failpoints
from pipeline.sinks.ledger_verify import LedgerVerifier
from pipeline.sinks.loop import Sink
from pipeline.sinks.postgres import PostgresTarget
from pipeline.sinks.redis_target import Keys, RedisTarget
from pipeline.sinks.source import LogSource
from pipeline.sinks.target import Target
from pipeline.wire.codec import Decoder
from pipeline.wire.registry import Registry
from pipeline.wire.topics import TOPICS_FILE, Topics

SINKS: Final = ("postgres", "redis")


def topics_of(settings: Settings) -> Topics:
    """The topics that the settings speak of."""
    return Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)


def decoder_of(settings: Settings) -> Decoder:
    """A decoder over the registry that the settings name. Raises InvalidSettings where they name none."""
    return Decoder(Registry(settings.need("registry_url"), settings.registry))


def keys_of(settings: Settings) -> Keys:
    """Names of the Redis sink's keys."""
    return Keys(settings.app_id, settings.topic_prefix)


def sink(name: str, settings: Settings, *, accept_gaps: bool, reject_unknown_schemas: bool) -> Sink:
    """The sink of this name, out of SINKS; see `Sink` for the options. Raises InvalidSettings."""
    topics = topics_of(settings)
    target: Target
    wanted: tuple[str, ...]
    if name == "postgres":
        target, wanted = PostgresTarget(settings.need("postgres_url")), postgres_tables.TOPICS
    else:
        target, wanted = RedisTarget(settings.need("redis_url"), keys_of(settings)), redis_target.TOPICS
    target = with_failpoints(target, armed(settings.failpoints))
    source = LogSource(settings, [topics.name(topic) for topic in wanted], f"{settings.app_id}-sink-{name}")
    return Sink(
        source,
        decoder_of(settings),
        target,
        accept_gaps=accept_gaps,
        reject_unknown_schemas=reject_unknown_schemas,
    )


def ledger_verifier(settings: Settings) -> LedgerVerifier:
    """A verification of the ledger that the settings speak of. Raises InvalidSettings."""
    topics = topics_of(settings)
    return LedgerVerifier(settings, topics.name("ledger-entries"), topics.name("member-balances"), decoder_of(settings))
