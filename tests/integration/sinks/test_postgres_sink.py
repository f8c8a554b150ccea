"""The Postgres sink on real servers: rows and offsets together, once, whatever is repeated, killed or taken away."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sink_world import NOW_MS, Account, World, run_to_end, running

from pipeline.devstack import LocalStack
from pipeline.metrics import REGISTRY
from pipeline.sinks.migrate import Migration, migrate, migrations
from pipeline.sinks.postgres import PostgresTarget
from pipeline.sinks.postgres_tables import TOPICS
from pipeline.sinks.target import AwayError, Batch, SinkError
from pipeline.wire.codec import Decoder
from pipeline.wire.schemas import CommittedSchemas, RegistryUnavailable, SchemaNotFound

pytestmark = pytest.mark.kafka


def count(database: psycopg.Connection, table: str) -> int:
    """Rows of the table; 0 while the sink has not made it yet."""
    if database.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
        return 0
    row = database.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    assert row is not None
    return int(row[0])


def test_every_output_becomes_a_row_with_its_values(world: World, database: psycopg.Connection) -> None:
    account = Account("m-1")
    entry = account.earn(100)
    world.write(
        entry,
        account.tier_change("e-1", valid_until_ms=NOW_MS + 1000),
        account.tier_change("e-2", "platinum"),
        account.decision("e-1"),
        account.command("e-1"),
        account.dead_letter("e-3", detail="a\0b"),
    )

    run_to_end(world.postgres_sink())

    moment = datetime.fromtimestamp(NOW_MS // 1000, UTC).replace(microsecond=123_000)
    row = database.execute(
        "SELECT entry_id, member_id, seq, kind, unit, amount, debit, credit, lot, event_id, source, rule_id, leg,"
        " program_hash, previous_hash, hash FROM ledger_entries"
    ).fetchone()
    assert row == (
        entry.entry_id, "m-1", 1, "earn", "points", 100, "program:issued", "member:m-1:available", 1,
        "event-m-1-1", "shop", "base", 0, entry.program_hash, entry.previous_hash, entry.hash,
    )  # fmt: skip
    tiers = database.execute("SELECT tier, occurred_at, valid_until FROM tier_changes ORDER BY kafka_offset").fetchall()
    assert tiers == [("gold", moment, moment + timedelta(seconds=1)), ("platinum", moment, None)]
    decision = database.execute("SELECT rewards, rule_errors, outcome FROM decisions").fetchone()
    assert decision == (
        [
            {
                "rule_id": "base", "type": "points", "unit": "points", "value": 100, "desired": 250,
                "limited_by": "per_member/month", "mode": "live",
            }
        ],
        [{"rule_id": "odd", "error": "division by zero"}],
        "applied",
    )  # fmt: skip
    assert database.execute("SELECT fulfillment_id, points FROM fulfillments").fetchone() == ("fulfil-m-1-e-1", 40)
    letter = database.execute(
        "SELECT reason, detail, source_partition, source_offset, value FROM dead_letters"
    ).fetchone()
    assert letter == ("out_of_range", "a\ufffdb", 2, 17, b"\0\0\0\0\1raw")
    assert database.execute("SELECT sum(points) FROM account_balances").fetchone() == (0,)


def test_what_was_aborted_never_arrives(world: World, database: psycopg.Connection) -> None:
    account = Account("m-1")
    world.write(Account("m-1").earn(7), commit=False)
    world.write(account.earn(100))

    run_to_end(world.postgres_sink())

    assert database.execute("SELECT amount FROM ledger_entries").fetchall() == [(100,)]


def test_a_sink_that_comes_back_goes_on_where_it_stood(world: World, database: psycopg.Connection) -> None:
    accounts = [Account(f"m-{n}") for n in range(20)]
    world.write(*(account.earn() for account in accounts))
    run_to_end(world.postgres_sink())
    world.write(*(account.earn() for account in accounts))

    run_to_end(world.postgres_sink())

    assert count(database, "ledger_entries") == 40
    offsets = database.execute("SELECT count(*) FROM sink_offsets").fetchone()
    assert offsets == (len(TOPICS) * world.topics.partitions("member-events"),)


def test_redelivery_changes_nothing(world: World, database: psycopg.Connection) -> None:
    accounts = [Account(f"m-{n}") for n in range(20)]
    world.write(
        *(a.earn() for a in accounts), *(a.decision("e") for a in accounts), *(a.dead_letter("e") for a in accounts)
    )
    run_to_end(world.postgres_sink())
    before = database.execute("SELECT * FROM ledger_entries ORDER BY entry_id").fetchall()
    database.execute("DELETE FROM sink_offsets")

    run_to_end(world.postgres_sink())

    assert database.execute("SELECT * FROM ledger_entries ORDER BY entry_id").fetchall() == before
    assert (count(database, "decisions"), count(database, "dead_letters")) == (20, 20)


def test_two_instances_at_once_write_each_row_once(world: World, database: psycopg.Connection) -> None:
    accounts = [Account(f"m-{n}") for n in range(50)]
    with running(world.postgres_sink()) as one, running(world.postgres_sink()) as other:
        for _round in range(20):
            world.write(*(account.earn() for account in accounts))
        one.wait_until(lambda: count(database, "ledger_entries") == 1000, "1000 entries")
        assert other.error() is None

    assert count(database, "ledger_entries") == 1000


class DiesAfterCommit(PostgresTarget):
    """A target whose connection is cut right after every `nth` commit: whether it was done is unknown to the sink."""

    def __init__(self, url: str, nth: int) -> None:
        super().__init__(url)
        self.nth = nth
        self.batches = 0

    def write(self, batch: Batch) -> int:
        changed = super().write(batch)
        self.batches += 1
        if self.batches % self.nth == 0:
            raise AwayError("the connection was cut after the commit")
        return changed


def test_a_commit_of_unknown_outcome_is_looked_up(world: World, database: psycopg.Connection) -> None:
    accounts = [Account(f"m-{n}") for n in range(10)]
    target = DiesAfterCommit(world.settings.postgres_url, nth=2)
    with running(world.postgres_sink(target)) as sink:
        for number in range(1, 7):
            world.write(*(account.earn() for account in accounts))
            sink.wait_until(lambda number=number: count(database, "ledger_entries") == 10 * number, "the entries")

    assert target.batches >= 6
    assert count(database, "ledger_entries") == 60


def test_the_server_may_cut_connections_at_any_time(world: World, database: psycopg.Connection) -> None:
    accounts = [Account(f"m-{n}") for n in range(10)]
    with running(world.postgres_sink()) as sink:
        for number in range(1, 6):
            world.write(*(account.earn() for account in accounts))
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'accrue-sink' AND datname = current_database()"
            )
            sink.wait_until(lambda number=number: count(database, "ledger_entries") == 10 * number, "the entries")

    assert count(database, "ledger_entries") == 50


def test_entries_are_never_changed(world: World, database: psycopg.Connection) -> None:
    world.write(Account("m-1").earn())
    run_to_end(world.postgres_sink())

    for statement in (
        "UPDATE ledger_entries SET amount = 1",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "SET session_replication_role = replica; DELETE FROM ledger_entries",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
            database.execute(statement)
    assert count(database, "ledger_entries") == 1


def test_unusable_records_are_kept_aside_and_the_rest_goes_on(world: World, database: psycopg.Connection) -> None:
    account = Account("m-1")
    topic = world.topics.name("ledger-entries")
    world.send(
        [
            (topic, b"m-1", b"no avro"),
            (topic, b"m-1", None),
            (topic, b"m-1", world.encoder.member_balance(account.balance())),
            (topic, b"m-1", world.encoder.ledger_entry(account.earn())),
        ]
    )

    run_to_end(world.postgres_sink())

    rejects = database.execute('SELECT reason, value FROM sink_rejects ORDER BY "offset"').fetchall()
    assert [reason for reason, _ in rejects] == ["not_avro", "tombstone", "unexpected_type"]
    assert rejects[0][1] == b"no avro"
    assert count(database, "ledger_entries") == 1


class Registry:
    """Our schemas, in a registry that can lose them or be away."""

    def __init__(self, schemas: CommittedSchemas) -> None:
        self.schemas = schemas
        self.trouble: Exception | None = None
        self.asked_in_trouble = 0

    def schema(self, schema_id: int) -> str:
        if self.trouble is not None:
            self.asked_in_trouble += 1
            raise self.trouble
        return self.schemas.schema(schema_id)


@pytest.mark.parametrize("trouble", [SchemaNotFound("there is no such schema"), RegistryUnavailable("it is away")])
def test_a_registry_in_trouble_is_waited_for_and_nothing_is_rejected(
    world: World, database: psycopg.Connection, trouble: Exception
) -> None:
    registry = Registry(CommittedSchemas())
    registry.trouble = trouble
    ticks = itertools.count(0, 10)
    world.decoder = Decoder(registry, clock_s=lambda: float(next(ticks)))
    world.write(Account("m-1").earn())

    with running(world.postgres_sink()) as sink:
        sink.wait_until(lambda: registry.asked_in_trouble > 1, "a second attempt")
        assert count(database, "ledger_entries") == 0
        registry.trouble = None
        sink.wait_until(lambda: count(database, "ledger_entries") == 1, "the entry")

    assert count(database, "sink_rejects") == 0


def test_a_record_of_unknown_schema_is_set_aside_on_demand(world: World, database: psycopg.Connection) -> None:
    world.send([(world.topics.name("ledger-entries"), b"m-1", b"\0\0\0\x27\x0funknown")])

    run_to_end(world.postgres_sink(reject_unknown_schemas=True))

    assert database.execute("SELECT reason FROM sink_rejects").fetchall() == [("unknown_schema",)]


def test_topics_that_do_not_exist_yet_are_waited_for(world: World, database: psycopg.Connection) -> None:
    world.delete("dead-letters")
    before = waits()
    with running(world.postgres_sink()) as sink:
        sink.wait_until(lambda: waits() > before, "an attempt")
        world.create("dead-letters")
        world.write(Account("m-1").dead_letter("e"))
        sink.wait_until(lambda: has_tables(database) and count(database, "dead_letters") == 1, "the dead letter")


def test_a_topic_created_anew_is_not_mixed_into_the_old_ledger(world: World, database: psycopg.Connection) -> None:
    world.write(Account("m-1").earn())
    run_to_end(world.postgres_sink())
    world.delete("ledger-entries")
    world.create("ledger-entries")

    with pytest.raises(SinkError, match=r"ledger-entries was created anew.*database of its own"):
        run_to_end(world.postgres_sink())

    assert count(database, "ledger_entries") == 1


def test_a_gap_in_the_log_stops_the_sink_unless_it_is_accepted(world: World, database: psycopg.Connection) -> None:
    accounts = [Account(f"m-{n}") for n in range(40)]
    world.write(*(account.earn() for account in accounts))
    run_to_end(world.postgres_sink())
    world.write(*(account.earn() for account in accounts))
    world.truncate("ledger-entries")
    world.write(*(account.earn() for account in accounts))

    with pytest.raises(SinkError, match=r"ledger-entries\[\d\], but the log begins at .*--accept-gaps"):
        run_to_end(world.postgres_sink())
    assert count(database, "ledger_entries") == 40

    run_to_end(world.postgres_sink(accept_gaps=True))
    assert count(database, "ledger_entries") == 80


def test_the_server_may_be_away_for_a_while(world: World, stack: LocalStack, database_url: str) -> None:
    account = Account("m-1")
    world.write(account.earn())
    before = waits()
    stack.postgres.kill()
    try:
        with running(world.postgres_sink()) as sink:
            sink.wait_until(lambda: waits() > before + 1, "two attempts")
            stack.postgres.start()
            sink.wait_until(lambda: entries_in(database_url) == 1, "the entry")
            stack.postgres.kill()
            world.write(account.earn())
            stack.postgres.start()
            sink.wait_until(lambda: entries_in(database_url) == 2, "the second entry")
    finally:
        stack.postgres.start()


def test_many_instances_may_start_on_an_empty_database_at_once(database_url: str, database: psycopg.Connection) -> None:
    targets = [PostgresTarget(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for opened in [pool.submit(target.open) for target in targets]:
            opened.result()
    for target in targets:
        target.close()

    assert count(database, "schema_migrations") == len(migrations())


def test_a_database_of_a_newer_version_is_refused(database: psycopg.Connection) -> None:
    later = [*migrations(), Migration(len(migrations()) + 1, "9999_later.sql", "SELECT 1")]
    assert migrate(database, later) == [m.name for m in later]
    assert migrate(database, later) == []

    with pytest.raises(SinkError, match=r"9999_later\.sql.*update accrue"):
        migrate(database, migrations())


def test_a_migration_that_was_changed_afterwards_is_refused(database: psycopg.Connection) -> None:
    migrate(database, [Migration(1, "0001_a.sql", "CREATE TABLE a (x int)")])

    with pytest.raises(SinkError, match=r"0001_a\.sql differs"):
        migrate(database, [Migration(1, "0001_a.sql", "CREATE TABLE a (x bigint)")])


def test_a_migration_that_fails_leaves_nothing_behind(database: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        migrate(database, [Migration(1, "0001_a.sql", "CREATE TABLE a (x int); CREATE TABEL b (x int)")])

    assert database.execute("SELECT to_regclass('a'), to_regclass('schema_migrations')").fetchone() == (None, None)


def waits() -> float:
    return REGISTRY.get_sample_value("accrue_sink_waits_total", {"sink": "postgres"}) or 0.0


def has_tables(database: psycopg.Connection) -> bool:
    return database.execute("SELECT to_regclass('sink_offsets')").fetchone() != (None,)


def entries_in(url: str) -> int:
    """Entries as a new session sees them; -1 while the server is not there or has no tables."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return count(connection, "ledger_entries")
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return -1
