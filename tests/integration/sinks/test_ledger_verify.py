"""`accrue ledger verify` on real servers: a sound ledger holds; whatever was done to the rows is found and named."""

from __future__ import annotations

import json
import threading
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from sink_world import Account, World, run_to_end

from pipeline.cli.main import cli
from pipeline.core.chain import entry_hash
from pipeline.core.records import LedgerEntry, Output
from pipeline.sinks.chain_check import Report
from pipeline.sinks.ledger_verify import LedgerVerifier

pytestmark = pytest.mark.kafka

SHORT_S = 1.0


def verifier(world: World, patience_s: float = SHORT_S) -> LedgerVerifier:
    names = world.topics.name("ledger-entries"), world.topics.name("member-balances")
    return LedgerVerifier(world.settings, *names, world.decoder, patience_s)


def problem(report: Report) -> tuple[str, int, str]:
    assert report.problem_count == 1, report.problems
    return tuple(report.problems[0])


def fill(world: World) -> list[Account]:
    """Twenty members who earned, held, redeemed and earned again, over several transactions."""
    accounts = [Account(f"m-{n}") for n in range(20)]
    groups = [accounts[i : i + 10] for i in range(0, len(accounts), 10)]
    for group in groups:
        world.write(*(record for one in group for record in earned_and_held(one)))
    for group in groups:
        world.write(*(record for one in group for record in redeemed_and_earned(one)))
    return accounts


def earned_and_held(account: Account) -> tuple[Output, ...]:
    return account.earn(100), account.entry("hold", "available", "held", 40), account.balance()


def redeemed_and_earned(account: Account) -> tuple[Output, ...]:
    return account.entry("redeem", "held", "program:redeemed", 40), account.earn(5), account.balance()


def test_a_sound_ledger_holds_in_both_stores(world: World) -> None:
    fill(world)
    run_to_end(world.postgres_sink())

    for report in (verifier(world).from_kafka(), verifier(world).from_postgres()):
        assert report.ok, report.problems
        assert (report.entries, report.members) == (80, 20)
        assert report.totals["points"] == {
            "program:issued": -2100,
            "program:redeemed": 800,
            "member:*:available": 1300,
            "member:*:held": 0,
        }


TAMPERING = {
    "a changed amount": ("UPDATE ledger_entries SET amount = 101 WHERE member_id = 'm-7' AND seq = 1", 1, "changed"),
    "a changed event": ("UPDATE ledger_entries SET event_id = 'x' WHERE member_id = 'm-7' AND seq = 2", 2, "changed"),
    "a changed time": (
        "UPDATE ledger_entries SET occurred_at = occurred_at + interval '1 ms' WHERE member_id = 'm-7' AND seq = 2",
        2,
        "the entry was changed",
    ),
    "a time changed by a microsecond": (
        "UPDATE ledger_entries SET recorded_at = recorded_at + interval '1 us' WHERE member_id = 'm-7' AND seq = 2",
        2,
        "recorded_at with fractions of a millisecond",
    ),
    "a row given to another member": (
        "UPDATE ledger_entries SET member_id = 'm-new', seq = 1 WHERE member_id = 'm-7' AND seq = 4", None, "",
    ),
    "a removed row": ("DELETE FROM ledger_entries WHERE member_id = 'm-7' AND seq = 2", 3, "seq 3 follows 1"),
    "a removed first row": ("DELETE FROM ledger_entries WHERE member_id = 'm-7' AND seq = 1", 2, "seq 2 follows 0"),
    "a removed last row": (
        "DELETE FROM ledger_entries WHERE member_id = 'm-7' AND seq = 4",
        4,
        "entry 4 is missing: the published balance stands at 4",
    ),
    "a removed member": (
        "DELETE FROM ledger_entries WHERE member_id = 'm-7'",
        1,
        "entries 1 to 4 are missing: the published balance stands at 4",
    ),
    "an inserted row": (
        "INSERT INTO ledger_entries SELECT 'forged', member_id, seq, kind, unit, 1000, debit, credit, lot, event_id,"
        " source, rule_id, leg, program_hash, occurred_at, recorded_at, previous_hash, hash, kafka_partition, 999999"
        " FROM ledger_entries WHERE member_id = 'm-7' AND seq = 4",
        4,
        "seq 4 comes again after 4",
    ),
    "reordered rows": (
        "UPDATE ledger_entries SET seq = 5 - seq WHERE member_id = 'm-7' AND seq IN (2, 3)", 2, "previous_hash is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERING)
def test_what_was_done_to_the_rows_is_found_and_named(world: World, database: psycopg.Connection, case: str) -> None:
    statement, seq, what = TAMPERING[case]
    fill(world)
    run_to_end(world.postgres_sink())
    tamper(database, statement)

    report = verifier(world).from_postgres()

    if seq is None:
        assert sorted(p.member_id for p in report.problems) == ["m-7", "m-new"]
    else:
        member_id, found_seq, found = problem(report)
        assert (member_id, found_seq) == ("m-7", seq)
        assert what in found
    assert verifier(world).from_kafka().ok


def tamper(database: psycopg.Connection, statement: str, values: Any = None) -> None:
    """As whoever may switch the triggers off."""
    database.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    assert database.execute(statement, values).rowcount > 0
    database.execute("ALTER TABLE ledger_entries ENABLE ALWAYS TRIGGER ledger_entries_only_grow")


def test_a_last_row_forged_with_a_fitting_hash_is_found(world: World, database: psycopg.Connection) -> None:
    account = fill(world)[7]
    run_to_end(world.postgres_sink())
    forged = last_entry(world, account)
    forged.amount = 5000
    tamper(
        database,
        "UPDATE ledger_entries SET amount = %s, hash = %s WHERE member_id = %s AND seq = %s",
        (forged.amount, entry_hash(forged, forged.previous_hash), account.member_id, account.seq),
    )

    _, seq, what = problem(verifier(world).from_postgres())

    assert seq == account.seq
    assert "is not the published balance's last_hash" in what


def last_entry(world: World, account: Account) -> LedgerEntry:
    """The account's latest entry once more, as it was written."""
    twin = Account(account.member_id)
    twin.earn(100)
    twin.entry("hold", "available", "held", 40)
    twin.entry("redeem", "held", "program:redeemed", 40)
    entry = twin.earn(5)
    assert entry.hash == account.last_hash
    return entry


def test_a_row_appended_with_a_fitting_hash_is_found(world: World, database: psycopg.Connection) -> None:
    account = fill(world)[7]
    run_to_end(world.postgres_sink())
    twin = Account(account.member_id)
    twin.seq, twin.last_hash = account.seq, account.last_hash
    forged = twin.earn(5000)
    tamper(
        database,
        "INSERT INTO ledger_entries SELECT %s, member_id, %s, kind, unit, %s, debit, credit, lot, %s, source, rule_id,"
        " leg, program_hash, time_of_ms(%s), time_of_ms(%s), %s, %s, kafka_partition, 999999 FROM ledger_entries"
        " WHERE member_id = 'm-7' AND seq = 4",
        (
            forged.entry_id, forged.seq, forged.amount, forged.event_id, forged.occurred_at_ms, forged.recorded_at_ms,
            forged.previous_hash, forged.hash,
        ),
    )  # fmt: skip

    _, seq, what = problem(verifier(world).from_postgres())

    assert (seq, what) == (5, "entries 5 to 5 lie beyond the published balance")


def test_a_sink_that_is_behind_is_no_fault_and_still_no_hiding_place(
    world: World, database: psycopg.Connection
) -> None:
    accounts = fill(world)
    run_to_end(world.postgres_sink())
    for account in accounts:
        world.write(account.earn(1), account.balance())

    assert verifier(world).from_postgres().ok

    tamper(database, "DELETE FROM ledger_entries WHERE member_id = 'm-7' AND seq = 4")
    assert problem(verifier(world).from_postgres())[:2] == ("m-7", 5)


def test_a_pipeline_that_goes_on_writing_is_no_fault(world: World) -> None:
    accounts = fill(world)
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
        reports = [verifier(world, patience_s=20).from_kafka() for _time in range(5)]
    finally:
        stop.set()
        writer.join(60)
    assert not failures
    assert [report.problems for report in reports] == [[]] * 5
    assert reports[-1].entries > reports[0].entries


def test_forgery_in_the_topic_itself_is_found(world: World) -> None:
    accounts = fill(world)
    twin = Account(accounts[3].member_id)
    world.write(twin.earn(100))  # seq 1 once more
    world.send([(world.topics.name("ledger-entries"), b"m-5", b"garbage")])

    report = verifier(world).from_kafka()

    assert [(p.member_id, p.seq) for p in report.problems if p.member_id] == [("m-3", 1)]
    (unreadable,) = [p.what for p in report.problems if not p.member_id]
    assert "is unreadable: not_avro" in unreadable


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ledger", "verify", *arguments])


def test_the_command_says_so_and_exits_with_1(registered_world: World, database: psycopg.Connection) -> None:
    fill(registered_world)
    run_to_end(registered_world.postgres_sink())

    for store in ("kafka", "postgres"):
        sound = verify("--from", store)
        assert sound.exit_code == 0, sound.output
        assert f"80 entries of 20 members read from {store}" in sound.stdout
        assert "points\tprogram:issued\t-2100" in sound.stdout
        assert json.loads(verify("--from", store, "--json").stdout)["ok"] is True

    tamper(database, "UPDATE ledger_entries SET amount = 101 WHERE member_id = 'm-7' AND seq = 1")
    broken = verify("--from", "postgres")
    assert broken.exit_code == 1
    assert broken.stderr.startswith("Error: the ledger does not hold: member m-7, entry 1: hash is ")
    told = verify("--from", "postgres", "--json")
    assert told.exit_code == 1
    (found,) = json.loads(told.stdout)["problems"]
    assert (found["member_id"], found["seq"]) == ("m-7", 1)


def test_a_database_without_ledger_is_one_clear_line(registered_world: World) -> None:
    result = verify("--from", "postgres")

    assert result.exit_code == 1
    assert result.stderr == "Error: PostgreSQL holds no ledger yet: run `accrue sink run postgres`\n"
