"""Servers that are killed with SIGKILL come back on the same port with what they had acknowledged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.devstack import LocalStack, Server, ServerError

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def own() -> Iterator[LocalStack]:
    """A stack of this module's own: no other test's server may be killed."""
    with LocalStack.up(Path(tempfile.mkdtemp(prefix="accrue-tests-")), temporary=True) as running:
        yield running


def crash_and_return(server: Server) -> None:
    before, port = server.pid, server.port
    server.kill()
    assert not server.running
    server.start()
    assert server.running
    assert server.pid != before
    assert server.port == port


def schema(field: str) -> dict[str, str]:
    fields = [{"name": field, "type": "long"}]
    return {"schema": json.dumps({"type": "record", "name": "Purchase", "fields": fields})}


def test_the_registry_keeps_ids_that_it_gave_a_moment_before(own: LocalStack, prefix: str) -> None:
    url = own.settings.registry_url

    def register(field: str) -> int:
        answer = httpx.post(f"{url}/subjects/{prefix}-{field}/versions", json=schema(field), timeout=30)
        return int(answer.raise_for_status().json()["id"])

    earlier = register("first_amount_minor")
    last = register("second_amount_minor")
    crash_and_return(own.registry)

    for identity, field in ((earlier, "first_amount_minor"), (last, "second_amount_minor")):
        found = httpx.get(f"{url}/schemas/ids/{identity}", timeout=30).raise_for_status().json()
        assert json.loads(found["schema"]) == json.loads(schema(field)["schema"])
        assert register(field) == identity
    assert register("third_amount_minor") > last


def test_the_registry_refuses_an_incompatible_schema(own: LocalStack, prefix: str) -> None:
    subject = f"{own.settings.registry_url}/subjects/{prefix}/versions"
    config = f"{own.settings.registry_url}/config/{prefix}"
    httpx.post(subject, json=schema("amount_minor"), timeout=30).raise_for_status()
    httpx.put(config, json={"compatibility": "FULL_TRANSITIVE"}, timeout=30).raise_for_status()

    assert httpx.post(subject, json=schema("quantity"), timeout=30).status_code == 409


def test_kafka_keeps_records_transactions_and_offsets(own: LocalStack, prefix: str) -> None:
    servers = {"bootstrap.servers": own.settings.bootstrap_servers, "log_level": 0}
    admin = AdminClient(servers)
    for created in admin.create_topics([NewTopic(prefix, 1, 1)]).values():
        created.result(30)
    producer = Producer({**servers, "transactional.id": prefix})
    producer.init_transactions(60)
    for committed in (True, False):
        producer.begin_transaction()
        for number in range(10):
            producer.produce(prefix, str(number), key=b"kept" if committed else b"aborted")
        if committed:
            offsets = [TopicPartition(prefix, 0, 4)]
            group = Consumer({**servers, "group.id": prefix})
            producer.send_offsets_to_transaction(offsets, group.consumer_group_metadata(), 60)
            producer.commit_transaction(60)
            group.close()
        else:
            producer.flush(60)  # in the log, but never committed

    crash_and_return(own.kafka)

    Producer({**servers, "transactional.id": prefix}).init_transactions(60)  # ends the open transaction
    reader = Consumer(
        {**servers, "group.id": prefix, "isolation.level": "read_committed", "enable.partition.eof": True}
    )
    [position] = reader.committed([TopicPartition(prefix, 0)], timeout=60)
    assert position.offset == 4
    reader.assign([TopicPartition(prefix, 0, 0)])
    read = []
    while (message := reader.poll(60)) is not None and message.error() is None:
        read.append((message.key(), message.value()))
    reader.close()
    assert message is not None, "no end of the partition within 60 s"
    assert read == [(b"kept", str(number).encode()) for number in range(10)]


def test_valkey_keeps_what_it_acknowledged(own: LocalStack, prefix: str) -> None:
    with redis.Redis.from_url(own.settings.redis_url) as client:
        client.hset(prefix, mapping={"available": 120, "seq": 7})
    crash_and_return(own.valkey)
    with redis.Redis.from_url(own.settings.redis_url) as client:
        assert client.hgetall(prefix) == {b"available": b"120", b"seq": b"7"}


def test_postgres_keeps_what_was_committed_though_clients_are_connected(own: LocalStack, prefix: str) -> None:
    url = own.settings.postgres_url
    with psycopg.connect(url) as writer:
        writer.execute(f'CREATE TABLE "{prefix}" (entry int)')
        writer.execute(f'INSERT INTO "{prefix}" VALUES (1)')
        writer.commit()
        writer.execute(f'INSERT INTO "{prefix}" VALUES (2)')
        crash_and_return(own.postgres)
        with pytest.raises(psycopg.OperationalError):
            writer.execute("SELECT 1")
    idle = psycopg.connect(url, autocommit=True)
    assert idle.execute(f'SELECT entry FROM "{prefix}"').fetchall() == [(1,)]
    own.postgres.restart()  # in order, and without waiting for this client to leave
    idle.close()
    with psycopg.connect(url) as reader:
        assert reader.execute(f'SELECT entry FROM "{prefix}"').fetchall() == [(1,)]


def test_a_server_that_does_not_run_cannot_be_killed(own: LocalStack) -> None:
    own.valkey.stop()
    try:
        with pytest.raises(ServerError, match="valkey does not run"):
            own.valkey.kill()
    finally:
        own.valkey.start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(own: LocalStack) -> None:
    own.valkey.stop()
    manifest = own.valkey.data_dir / "appendonlydir" / "appendonly.aof.manifest"
    whole = manifest.read_bytes()
    manifest.write_bytes(b"nonsense\n")
    try:
        with pytest.raises(
            ServerError, match=r"valkey ended while starting with exit code 1\n--- .*valkey\.log\n(.|\n)*AOF manifest"
        ):
            own.valkey.start()
        assert not own.valkey.running
    finally:
        manifest.write_bytes(whole)
        own.valkey.start()


def test_every_socket_listens_on_loopback_only(own: LocalStack) -> None:
    for server in own.servers:
        assert server.pid is not None, f"{server.name} does not run"
        sockets = psutil.Process(server.pid).net_connections("inet")
        listening = {entry.laddr.ip for entry in sockets if entry.status == psutil.CONN_LISTEN}
        assert listening, server.name
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}, server.name


def test_the_data_folders_on_record_lie_in_the_stacks_directory(own: LocalStack) -> None:
    dirs = json.loads((own.directory / "stack.json").read_text())["dirs"]

    assert set(dirs) == {"kafka", "registry", "valkey", "postgres"}
    assert dirs["kafka"].endswith("kafka-4.3.1")
    for folder in map(Path, dirs.values()):
        assert folder.parent == own.directory
        assert any(folder.iterdir())
