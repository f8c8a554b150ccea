"""The session's own stack: every server answers a client at the address that the fixture gives."""

from __future__ import annotations

import httpx
import psycopg
import pytest
import redis
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.devstack import Settings

pytestmark = pytest.mark.kafka


def test_every_server_answers(settings: Settings, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    for created in admin.create_topics([NewTopic(prefix, 3, 1)]).values():
        created.result(30)
    assert len(admin.list_topics(prefix, timeout=30).topics[prefix].partitions) == 3
    assert httpx.get(f"{settings.registry_url}/config", timeout=30).status_code == 200
    with redis.Redis.from_url(settings.redis_url) as client:
        assert client.set(prefix, "1")
        assert client.get(prefix) == b"1"
    with psycopg.connect(settings.postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{prefix}"')
        row = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
        assert row == (18,)
        connection.execute(f'DROP DATABASE "{prefix}"')


def test_prefix_is_fresh_and_fits_everywhere(prefix: str) -> None:
    assert prefix.startswith("t_test_prefix_is_fresh")
    assert len(prefix) <= 40
    assert prefix == prefix.lower()
    assert prefix.replace("_", "").isalnum()
