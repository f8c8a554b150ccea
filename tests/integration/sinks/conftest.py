"""One world per test: its own topics, database and Redis keys on the session's servers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from sink_world import World

from pipeline.devstack import LocalStack
from pipeline.settings import Settings, variable
from pipeline.wire.registry import Registry
from pipeline.wire.schemas import CommittedSchemas
from pipeline.wire.topics import Topics


@pytest.fixture
def database_url(stack: LocalStack, prefix: str) -> Iterator[str]:
    """An empty database of the test's own."""
    parts = urlsplit(stack.settings.postgres_url)
    with psycopg.connect(stack.settings.postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{prefix}"')
    yield urlunsplit(parts._replace(path=f"/{prefix}"))
    with psycopg.connect(stack.settings.postgres_url, autocommit=True) as connection:  # anew: tests may end the server
        connection.execute(f'DROP DATABASE "{prefix}" WITH (FORCE)')


@pytest.fixture
def redis_client(stack: LocalStack) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(stack.settings.redis_url, decode_responses=True)
    yield client
    client.close()


@pytest.fixture
def own_settings(stack: LocalStack, prefix: str, database_url: str) -> Settings:
    """The session's servers with the test's own database and prefix."""
    return Settings(
        bootstrap_servers=stack.settings.bootstrap_servers,
        registry_url=stack.settings.registry_url,
        redis_url=stack.settings.redis_url,
        postgres_url=database_url,
        topic_prefix=f"{prefix}.",
    )


@pytest.fixture
def world(own_settings: Settings) -> Iterator[World]:
    """Topics whose records need no registry."""
    schemas = CommittedSchemas()
    world = World(own_settings, schemas, schemas.schema_ids)
    yield world
    world.close()


@pytest.fixture
def registered_world(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Topics whose schemas are in the session's registry; commands that run in the test find them."""
    for name in ("bootstrap_servers", "registry_url", "redis_url", "postgres_url", "topic_prefix"):
        monkeypatch.setenv(variable(name), getattr(own_settings, name))
    registry = Registry(own_settings.registry_url)
    topics = Topics.load(prefix=own_settings.topic_prefix)
    registry.register(topics)
    world = World(own_settings, registry, registry.schema_ids(topics), [topic.name for topic in topics])
    yield world
    world.close()
    registry.close()


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection]:
    """A session in the test's database that sees each commit at once."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
