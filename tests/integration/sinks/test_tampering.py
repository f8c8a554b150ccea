"""A hundred random changes to PostgreSQL's rows, and to a copy of the topic: all are found, each at its place.

Chains are each member's own, so a hundred single changes to a hundred members are tried at once: every one must be
named as if it were the only one, and nobody else.
"""

from __future__ import annotations

import random

import psycopg
import pytest
from confluent_kafka.admin import NewTopic
from psycopg import sql
from sink_world import Account, World, run_to_end

from pipeline.core.records import LedgerEntry, Output
from pipeline.sinks.chain_check import Report
from pipeline.sinks.ledger_verify import LedgerVerifier

pytestmark = pytest.mark.kafka

MEMBERS, CHANGES, ENTRIES = 120, 100, 4
KINDS = ("changed", "removed", "inserted", "reordered")
FIELDS = ("amount", "kind", "unit", "debit", "credit", "lot", "event_id", "source", "rule_id", "leg", "program_hash")

Change = tuple[str, str, int, str]
"""(member, kind, seq, field)."""


def ledger_of(world: World) -> dict[str, list[LedgerEntry]]:
    """Every member's entries, written with their balances."""
    written: list[Output] = []
    entries: dict[str, list[LedgerEntry]] = {}
    for number in range(MEMBERS):
        account = Account(f"m-{number:03}")
        own = [
            account.earn(100),
            account.entry("hold", "available", "held", 40),
            account.entry("redeem", "held", "program:redeemed", 40),
            account.earn(5),
        ]
        entries[account.member_id] = own
        written += [*own, account.balance()]
    world.write(*written)
    return entries


def changes(seed: int) -> list[Change]:
    """One change for each of so many members; a fifth of them at the last entry."""
    draw = random.Random(seed)
    members = draw.sample([f"m-{number:03}" for number in range(MEMBERS)], CHANGES)
    found: list[Change] = []
    for number, member_id in enumerate(members):
        kind = KINDS[number % len(KINDS)]
        last = ENTRIES if kind != "reordered" else ENTRIES - 1
        seq = last if draw.random() < 0.2 else draw.randint(1, last)
        found.append((member_id, kind, seq, draw.choice(FIELDS)))
    assert {kind for _, kind, seq, _ in found if seq == ENTRIES} == {"changed", "removed", "inserted"}
    return found


def found_by(report: Report) -> dict[str, int]:
    """Member to the place that is named."""
    return {problem.member_id: problem.seq for problem in report.problems if problem.member_id}


def another(entry: LedgerEntry) -> LedgerEntry:
    """The same once more; a compiled class knows no other way."""
    return LedgerEntry(*entry.to_tuple())  # type: ignore[arg-type]


def in_topic(entries: list[LedgerEntry], kind: str, seq: int, field: str) -> tuple[list[LedgerEntry], int]:
    """(the member's entries after the change, the place that is to be named)."""
    at = seq - 1
    if kind == "removed":
        return entries[:at] + entries[at + 1 :], min(seq + 1, ENTRIES)
    if kind == "inserted":
        return [*entries[:seq], another(entries[at]), *entries[seq:]], seq
    if kind == "reordered":
        return [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]], seq + 1
    forged = another(entries[at])
    value = getattr(forged, field)
    setattr(forged, field, value + 1 if isinstance(value, int) else f"{value}x" if field != "kind" else "adjust")
    return [*entries[:at], forged, *entries[at + 1 :]], seq


def test_a_hundred_changes_to_a_copied_topic_are_found(world: World) -> None:
    ledger = ledger_of(world)
    wanted: dict[str, int] = {}
    for member_id, kind, seq, field in changes(11):
        ledger[member_id], wanted[member_id] = in_topic(ledger[member_id], kind, seq, field)
    name = f"{world.topics.name('ledger-entries')}-copy"
    for created in world.admin.create_topics([NewTopic(name, 1, 1)]).values():
        created.result(60)
    world.send(
        [
            (name, entry.member_id.encode(), world.encoder.ledger_entry(entry))
            for entries in ledger.values()
            for entry in entries
        ]
    )

    report = LedgerVerifier(world.settings, name, world.topics.name("member-balances"), world.decoder, 1.0).from_kafka()

    assert found_by(report) == wanted
    assert len(wanted) == CHANGES


def test_a_hundred_changes_to_rows_are_found(world: World, database: psycopg.Connection) -> None:
    ledger_of(world)
    run_to_end(world.postgres_sink())
    database.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    wanted: dict[str, int] = {}
    for member_id, kind, seq, field in changes(12):
        place = (member_id, seq)
        wanted[member_id] = seq
        if kind == "removed":
            database.execute("DELETE FROM ledger_entries WHERE member_id = %s AND seq = %s", place)
            wanted[member_id] = min(seq + 1, ENTRIES)
        elif kind == "inserted":
            database.execute(
                "INSERT INTO ledger_entries SELECT 'forged-' || member_id, member_id, seq, kind, unit, amount,"
                " debit, credit, lot, event_id, source, rule_id, leg, program_hash, occurred_at, recorded_at,"
                " previous_hash, hash, kafka_partition, 999999 FROM ledger_entries WHERE member_id = %s AND seq = %s",
                place,
            )
        elif kind == "reordered":
            database.execute(
                "UPDATE ledger_entries SET seq = %s - seq WHERE member_id = %s AND seq IN (%s, %s)",
                (2 * seq + 1, member_id, seq, seq + 1),
            )
        else:
            value = "{} + 1" if field in ("amount", "lot", "leg") else "{} || 'x'"
            column = sql.Identifier(field)
            assignment = sql.SQL("{} = ").format(column) + sql.SQL(value).format(column)
            where = sql.SQL(" WHERE member_id = %s AND seq = %s")
            database.execute(sql.SQL("UPDATE ledger_entries SET ") + assignment + where, place)
    names = world.topics.name("ledger-entries"), world.topics.name("member-balances")

    report = LedgerVerifier(world.settings, *names, world.decoder, 1.0).from_postgres()

    assert found_by(report) == wanted
    assert len(wanted) == CHANGES
