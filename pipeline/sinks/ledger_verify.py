"""Verifies the whole ledger, from Kafka or from PostgreSQL, against the published balances."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg

from pipeline.core.records import LedgerEntry, MemberBalance
from pipeline.lane.kafka import new_admin, partition_counts
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.settings import Settings
from pipeline.sinks.chain_check import ChainCheck, Entry, Head, Report
from pipeline.sinks.target import SinkError
from pipeline.wire.codec import Decoder, Undecodable

PATIENCE_S: Final = 10.0
"""How long entries and balances may stay apart: a transaction becomes visible partition by partition."""
PAUSE_S: Final = 0.1
ROWS: Final = 10_000

_SELECT: Final = (
    "SELECT entry_id, member_id, seq, kind, unit, amount, debit, credit, lot, event_id, source, rule_id, leg,"
    " program_hash, (extract(epoch FROM occurred_at) * 1000000)::bigint,"
    " (extract(epoch FROM recorded_at) * 1000000)::bigint, previous_hash, hash"
    ' FROM ledger_entries ORDER BY member_id COLLATE "C", seq, kafka_offset'
)


class LedgerVerifier:
    """One verification. Reads the balances, then the entries, then the balances that came meanwhile.

    A live pipeline may go on writing: an entry counts as missing, or as too much, only if its counterpart does not show
    within `patience_s`.
    """

    def __init__(
        self,
        settings: Settings,
        ledger_topic: str,
        balances_topic: str,
        decoder: Decoder,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """ledger_topic, balances_topic: full names."""
        self._settings = settings
        self._ledger = ledger_topic
        self._balances = balances_topic
        self._decoder = decoder
        self._patience_s = patience_s
        self._reader = KafkaReader(settings)
        self._check = ChainCheck()

    def from_kafka(self) -> Report:
        """Verify the topic itself. Raises LaneFailed or KafkaException when Kafka is away, SinkError without topics."""
        try:
            balances = self._read_balances(self._partitions(self._balances))
            return self._finish(dict.fromkeys(self._partitions(self._ledger), 0), balances)
        finally:
            self._reader.close()

    def from_postgres(self) -> Report:
        """Verify the table, and what the sink has not brought there yet from the topic.

        Raises as `from_kafka`, psycopg.Error, and SinkError for a database without a ledger.
        """
        try:
            balances = self._read_balances(self._partitions(self._balances))
            positions = self._read_table()
            return self._finish(positions, balances)
        finally:
            self._reader.close()

    def _finish(self, ledger: dict[int, int], balances: dict[int, int]) -> Report:
        """Read entries from these positions (partition to offset), then balances from theirs, and judge."""
        self._read_entries(ledger)
        self._until_calm(lambda: self._read_entries(ledger), self._check.behind)
        self._confirm(balances)
        self._until_calm(lambda: self._confirm(balances), self._check.unconfirmed)
        return self._check.finish()

    def _until_calm(self, read_on: Callable[[], None], open_cases: Callable[[], int]) -> None:
        """Read on until no case is open, or none was closed for the length of the patience."""
        left = open_cases()
        until_s = time.monotonic() + self._patience_s
        while left and time.monotonic() < until_s:
            time.sleep(PAUSE_S)
            read_on()
            now_left = open_cases()
            if now_left < left:
                until_s = time.monotonic() + self._patience_s
            left = now_left

    def _read_balances(self, positions: dict[int, int]) -> dict[int, int]:
        """Expect every balance there is now; returns the positions after them."""
        for _place, value in self._advance(self._balances, positions):
            balance = self._balance(value)
            if balance is not None:
                self._check.expect(balance.member_id, _head(balance))
        return positions

    def _confirm(self, positions: dict[int, int]) -> None:
        for _place, value in self._advance(self._balances, positions):
            balance = self._balance(value)
            if balance is not None:
                self._check.confirm(balance.member_id, _head(balance))

    def _read_entries(self, positions: dict[int, int]) -> None:
        for place, value in self._advance(self._ledger, positions):
            try:
                entry = self._decoder.output(value) if value is not None else None
            except Undecodable as error:
                self._check.note("", 0, f"{place} is unreadable: {error}")
                continue
            if isinstance(entry, LedgerEntry):
                self._check.feed(entry_of_record(entry))
            else:
                self._check.note("", 0, f"{place} is no ledger entry: {entry!r}")

    def _balance(self, value: bytes | None) -> MemberBalance | None:
        """None for a tombstone. Raises SinkError for anything but a balance: without it nothing can be compared."""
        if value is None:
            return None
        try:
            balance = self._decoder.output(value)
        except Undecodable as error:
            raise SinkError(f"{self._balances} holds a record that is unreadable: {error}") from error
        if not isinstance(balance, MemberBalance):
            raise SinkError(f"{self._balances} holds a {type(balance).__name__}: only MemberBalance belongs there")
        return balance

    def _advance(self, topic: str, positions: dict[int, int]) -> Iterator[tuple[str, bytes | None]]:
        """(place, value) of every record from `positions` to the present end, moving `positions` along."""
        for partition, position in positions.items():
            first, end = self._reader.bounds(topic, partition)
            for chunk in self._reader.read(topic, partition, max(first, position), end):
                for offset, _timestamp_ms, _key, value in chunk:
                    yield f"{topic}[{partition}]:{offset}", value
            positions[partition] = max(position, end)

    def _partitions(self, topic: str) -> dict[int, int]:
        """Every partition of the topic at its beginning."""
        counts = partition_counts(new_admin(self._settings))
        if topic not in counts:
            raise SinkError(f"Kafka does not have topic {topic}: create it with `accrue topics apply`")
        return dict.fromkeys(range(counts[topic]), 0)

    def _read_table(self) -> dict[int, int]:
        """Feed the table as of one moment; returns where the sink stood in the topic at that moment."""
        with psycopg.connect(self._settings.need("postgres_url"), connect_timeout=10) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            try:
                rows = connection.execute(
                    "SELECT partition, next_offset FROM sink_offsets WHERE topic = %s", (self._ledger,)
                ).fetchall()
            except psycopg.errors.UndefinedTable as error:
                raise SinkError("PostgreSQL holds no ledger yet: run `accrue sink run postgres`") from error
            positions = {int(partition): int(next_offset) for partition, next_offset in rows}
            missing = self._partitions(self._ledger).keys() - positions.keys()
            if missing:
                raise SinkError(
                    f"PostgreSQL's sink_offsets has no row for {self._ledger}{sorted(missing)}: "
                    "the sink has not read it yet, or the row was removed; run `accrue sink run postgres`"
                )
            with connection.cursor("ledger_verify") as cursor:
                cursor.itersize = ROWS
                cursor.execute(_SELECT)
                for row in cursor:
                    self._check.feed(_entry_of_row(row))
            return positions


def entry_of_record(e: LedgerEntry) -> Entry:
    """As the judge takes it, field by field."""
    return Entry(
        e.entry_id, e.member_id, e.seq, e.kind, e.unit, e.amount, e.debit, e.credit, e.lot, e.event_id, e.source,
        e.rule_id, e.leg, e.program_hash, e.occurred_at_ms, e.recorded_at_ms, e.previous_hash, e.hash,
    )  # fmt: skip


def _entry_of_row(row: tuple[Any, ...]) -> Entry:
    occurred_us, recorded_us = row[14], row[15]
    odd = [name for name, us in (("occurred_at", occurred_us), ("recorded_at", recorded_us)) if us % 1000]
    flaw = f"{' and '.join(odd)} with fractions of a millisecond: the row was changed" if odd else ""
    return Entry._make((*row[:14], occurred_us // 1000, recorded_us // 1000, *row[16:], flaw))


def _head(balance: MemberBalance) -> Head:
    wallets = {
        w.unit: {"available": w.available, "pending": w.pending, "held": w.held, "review": w.review, "debt": w.debt}
        for w in balance.wallets
    }
    return Head(balance.seq, balance.last_hash, wallets)
