"""`accrue sink` as a process: killed in the middle, asked to end, and told to rebuild."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from click.testing import CliRunner
from sink_world import WAIT_S, Account, World, run_to_end, running, wait_until

from pipeline.cli.main import cli
from pipeline.sinks.ledger_verify import LedgerVerifier

pytestmark = pytest.mark.kafka


@contextmanager
def sink_process(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`accrue sink run ...` with its log in a file; killed at the end of the block if it still runs."""
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli.main", "sink", "run", *arguments], stderr=stderr, env=os.environ
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(WAIT_S)


def alive(process: subprocess.Popen[bytes], log: Path) -> None:
    assert process.poll() is None, f"the sink ended with {process.returncode}: {log.read_text()[-2000:]}"


def entries(database: psycopg.Connection) -> int:
    if database.execute("SELECT to_regclass('ledger_entries')").fetchone() == (None,):
        return 0
    row = database.execute("SELECT count(*) FROM ledger_entries").fetchone()
    assert row is not None
    return int(row[0])


def test_killed_again_and_again_it_writes_every_row_once(
    registered_world: World, database: psycopg.Connection, tmp_path: Path
) -> None:
    world, log = registered_world, tmp_path / "sink.log"
    accounts = [Account(f"m-{n}") for n in range(100)]
    stop = threading.Event()
    failures: list[BaseException] = []

    def write_on() -> None:
        try:
            while not stop.is_set():
                world.write(*(r for account in accounts for r in (account.earn(1), account.balance())))
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        for _life in range(4):
            with sink_process(log, "postgres") as process:
                before = entries(database)

                def grown(before: int = before, process: subprocess.Popen[bytes] = process) -> bool:
                    alive(process, log)
                    return entries(database) > before

                wait_until(grown, "a first batch of this life")
                process.send_signal(signal.SIGKILL)
    finally:
        stop.set()
        writer.join(WAIT_S)
    assert not failures
    run_to_end(world.postgres_sink())

    assert entries(database) == sum(account.seq for account in accounts)
    report = LedgerVerifier(
        world.settings, world.topics.name("ledger-entries"), world.topics.name("member-balances"), world.decoder
    ).from_postgres()
    assert report.ok, report.problems


def test_asked_to_end_it_finishes_and_exits_with_0(
    registered_world: World, redis_client: redis.Redis, tmp_path: Path
) -> None:
    world, log = registered_world, tmp_path / "sink.log"
    account = Account("m-1")
    world.write(account.earn(), account.balance())
    with sink_process(log, "redis", "--metrics-port", "0") as process:

        def arrived() -> bool:
            alive(process, log)
            return redis_client.hget(world.keys.member("m-1"), "seq") == "1"

        wait_until(arrived, "the state")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        (port,) = [line["port"] for line in lines if line["event"] == "metrics served"]
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S).text
        process.send_signal(signal.SIGTERM)

        assert process.wait(WAIT_S) == 0
    assert 'accrue_sink_records_total{sink="redis"} 1.0' in metrics
    assert 'accrue_sink_up{sink="redis"} 1.0' in metrics


def test_until_end_stops_by_itself(registered_world: World, database: psycopg.Connection) -> None:
    registered_world.write(Account("m-1").earn())

    result = CliRunner().invoke(cli, ["sink", "run", "postgres", "--until-end", "--log-level", "ERROR"])

    assert result.exit_code == 0, result.output
    assert entries(database) == 1


def test_rebuilding_restores_what_was_lost_or_altered(registered_world: World, redis_client: redis.Redis) -> None:
    world = registered_world
    accounts = [Account(f"m-{n}") for n in range(10)]
    world.write(*(record for account in accounts for record in (account.earn(), account.balance())))
    run_to_end(world.redis_sink())
    redis_client.delete(world.keys.member("m-1"))
    redis_client.hset(world.keys.member("m-2"), mapping={"points:available": "999999", "version": "77"})
    redis_client.set(f"{world.keys.prefix}other", "kept")

    result = CliRunner().invoke(cli, ["sink", "rebuild", "redis", "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"members_deleted": 9, "rebuilt": True}
    points = [redis_client.hget(world.keys.member(account.member_id), "points:available") for account in accounts]
    assert points == ["100"] * 10
    assert redis_client.get(f"{world.keys.prefix}other") == "kept"
    redis_client.delete(f"{world.keys.prefix}other")


def test_rebuilding_beside_a_running_sink_ends_with_everything_there(
    registered_world: World, redis_client: redis.Redis
) -> None:
    world = registered_world
    accounts = [Account(f"m-{n}") for n in range(50)]
    world.write(*(record for account in accounts for record in (account.earn(), account.balance())))

    def all_there() -> bool:
        return all(redis_client.hget(world.keys.member(account.member_id), "seq") == "1" for account in accounts)

    with running(world.redis_sink()) as sink:
        sink.wait_until(all_there, "all states")
        assert CliRunner().invoke(cli, ["sink", "rebuild", "redis"]).exit_code == 0
        sink.wait_until(all_there, "all states again")


@pytest.mark.parametrize("arguments", [["run", "kafka"], ["run"], ["rebuild", "postgres"], ["run", "redis", "--what"]])
def test_misuse_exits_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["sink", *arguments]).exit_code == 2


def test_a_missing_setting_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ACCRUE_")]:
        monkeypatch.delenv(name)

    result = CliRunner().invoke(cli, ["sink", "run", "redis"])

    assert result.exit_code == 1
    assert result.stderr == "Error: ACCRUE_REDIS_URL is not set: start the local stack with `accrue up`, or set it\n"
