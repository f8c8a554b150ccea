"""The Postgres target: a batch is copied in, inserted where its ids are new, with its offsets in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import sql

from pipeline import logs, metrics
from pipeline.sinks.migrate import migrate, migrations
from pipeline.sinks.postgres_tables import TABLES, Row, Table, clean
from pipeline.sinks.target import AwayError, Batch, OffsetsMovedError, Position, Reject, SinkError, TopicPartition

CONNECT_S: Final = 10
LOCK_TIMEOUT: Final = "30s"

_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
"""Server gone or starting, connection cut, disk full, lock not had in time, transaction broken: all pass."""


class PostgresTarget:
    """Rows of the output topics in one database. Belongs to one thread.

    Append-only: a row whose id is there stays as it is, so redelivery changes nothing; an id that another record
    brought before is counted and logged.
    """

    name: Final = "postgres"
    record_types: Final = frozenset(TABLES)
    takes_tombstones: Final = False

    def __init__(self, url: str) -> None:
        """url: as libpq takes it; tables are created in the first schema of its search path."""
        self._url = url
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._log = logs.logger("accrue.sink").bind(sink=self.name)

    def open(self) -> None:
        """Connect and migrate. Raises AwayError, or SinkError for a database that this version cannot use."""
        self.close()
        try:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                application_name="accrue-sink",
                keepalives_idle=10,
                tcp_user_timeout=30_000,
            )
            self._connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            for name in migrate(self._connection, migrations()):
                self._log.info("database migrated", migration=name)
            for table in TABLES.values():
                columns = sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
                    for name, kind, _expression in table.columns
                )
                self._connection.execute(
                    sql.SQL("CREATE TEMP TABLE {} (ordinal integer, {}) ON COMMIT DELETE ROWS").format(
                        sql.Identifier(table.incoming), columns
                    )
                )
        except psycopg.Error as error:
            raise _translated(error) from error

    def positions(self) -> dict[TopicPartition, Position]:
        """As `Target.positions`."""
        try:
            rows = self._open().execute("SELECT topic, partition, next_offset, topic_id FROM sink_offsets").fetchall()
        except psycopg.Error as error:
            raise _translated(error) from error
        return {(str(t), _whole(p)): Position(_whole(offset), str(topic_id)) for t, p, offset, topic_id in rows}

    def begin(self, partition: TopicPartition, position: Position) -> None:
        """As `Target.begin`."""
        try:
            self._open().execute(
                "INSERT INTO sink_offsets (topic, partition, next_offset, topic_id) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (topic, partition) DO NOTHING",
                (*partition, position.next_offset, position.topic_id),
            )
        except psycopg.Error as error:
            raise _translated(error) from error

    def start_anew(self, reason: str) -> None:
        """Raises SinkError: the ledger is kept for good, and rows of two logs must not mix."""
        raise SinkError(
            f"{reason}; the database holds the ledger of the old one: give the new log a database of its own"
        )

    def write(self, batch: Batch) -> int:
        """As `Target.write`. The rows of `sink_offsets` are locked first: of two instances one waits, then gives up."""
        connection = self._open()
        rows: dict[type, list[Row]] = {}
        for record in batch.records:
            rows.setdefault(type(record.value), []).append(TABLES[type(record.value)].row(record))
        try:
            with connection.transaction():
                _lock_offsets(connection, batch)
                inserted = 0
                for kind, table in TABLES.items():
                    if kind in rows:
                        inserted += self._insert(connection, table, rows[kind])
                _keep_rejects(connection, batch.rejects)
                _move_offsets(connection, batch)
            return inserted
        except psycopg.Error as error:
            raise _translated(error) from error

    def close(self) -> None:
        """As `Target.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is None:
            raise AwayError("PostgreSQL: not connected")
        return self._connection

    def _insert(self, connection: psycopg.Connection[tuple[object, ...]], table: Table, rows: list[Row]) -> int:
        """Rows inserted; those whose id was there already are left alone."""
        names = [name for name, _kind, _expression in table.columns]
        copy = sql.SQL("COPY {} (ordinal, {}) FROM STDIN (FORMAT binary)").format(
            sql.Identifier(table.incoming), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with connection.cursor() as cursor:
            with cursor.copy(copy) as stream:
                stream.set_types(["integer", *(kind for _name, kind, _expression in table.columns)])
                for ordinal, row in enumerate(rows):
                    stream.write_row((ordinal, *row))
            cursor.execute(_INSERTS[table.name])
            inserted = cursor.rowcount
            if inserted < len(rows):
                self._report_conflicts(cursor, table, len(rows) - inserted)
        return inserted

    def _report_conflicts(self, cursor: psycopg.Cursor[tuple[object, ...]], table: Table, skipped: int) -> None:
        """Tell redelivery, which is fine, from an id that another record had brought."""
        cursor.execute(_CONFLICTS[table.name])
        found = cursor.fetchone()
        assert found is not None
        conflicts = _whole(found[0])
        if conflicts:
            metrics.sink_conflicts.labels(self.name, table.name).inc(conflicts)
            self._log.error(
                "row conflicts",
                table=table.name,
                rows=conflicts,
                detail="ids that the table holds from another record; the rows there stay: see `accrue ledger verify`",
            )
        self._log.info("rows redelivered", table=table.name, rows=skipped - conflicts)


def _inserting(table: Table) -> sql.Composed:
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _kind, _expression in table.columns)
    values = sql.SQL(", ").join(
        sql.SQL(expression.replace("{}", f'"{name}"')) for name, _kind, expression in table.columns
    )
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY ordinal ON CONFLICT ({}) DO NOTHING").format(
        sql.Identifier(table.name),
        names,
        values,
        sql.Identifier(table.incoming),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )


def _conflicting(table: Table) -> sql.Composed:
    return sql.SQL(
        "SELECT count(*) FROM {} AS incoming JOIN {} AS held USING ({})"
        " WHERE (incoming.kafka_partition, incoming.kafka_offset) <> (held.kafka_partition, held.kafka_offset)"
    ).format(
        sql.Identifier(table.incoming), sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, table.key))
    )


_INSERTS: Final = {table.name: _inserting(table) for table in TABLES.values()}
_CONFLICTS: Final = {table.name: _conflicting(table) for table in TABLES.values()}


def _lock_offsets(connection: psycopg.Connection[tuple[object, ...]], batch: Batch) -> None:
    partitions = sorted(batch.moves)
    rows = connection.execute(
        "SELECT topic, partition, next_offset FROM sink_offsets"
        " JOIN unnest(%s::text[], %s::integer[]) AS wanted (topic, partition) USING (topic, partition)"
        " ORDER BY topic, partition FOR UPDATE OF sink_offsets",
        ([topic for topic, _ in partitions], [partition for _, partition in partitions]),
    ).fetchall()
    held = {(str(topic), _whole(partition)): _whole(offset) for topic, partition, offset in rows}
    for topic, partition in partitions:
        expected, _next = batch.moves[topic, partition]
        if held.get((topic, partition)) != expected:
            raise OffsetsMovedError(f"{topic}[{partition}]: {held.get((topic, partition))} instead of {expected}")


def _move_offsets(connection: psycopg.Connection[tuple[object, ...]], batch: Batch) -> None:
    partitions = sorted(batch.moves)
    connection.execute(
        "UPDATE sink_offsets SET next_offset = moved.next_offset"
        " FROM unnest(%s::text[], %s::integer[], %s::bigint[]) AS moved (topic, partition, next_offset)"
        " WHERE sink_offsets.topic = moved.topic AND sink_offsets.partition = moved.partition",
        (
            [topic for topic, _ in partitions],
            [partition for _, partition in partitions],
            [batch.moves[partition][1] for partition in partitions],
        ),
    )


def _keep_rejects(connection: psycopg.Connection[tuple[object, ...]], rejects: Sequence[Reject]) -> None:
    for reject in rejects:
        connection.execute(
            'INSERT INTO sink_rejects (topic, partition, "offset", reason, detail, value)'
            ' VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (topic, partition, "offset") DO NOTHING',
            (reject.topic, reject.partition, reject.offset, reject.reason, clean(reject.detail), reject.value),
        )


def _translated(error: psycopg.Error) -> Exception:
    text = " ".join(str(error).split())
    if isinstance(error, _AWAY):
        return AwayError(f"PostgreSQL: {text}")
    return SinkError(f"PostgreSQL refuses what the sink asks for: {text}")


def _whole(value: object) -> int:
    assert isinstance(value, int), value
    return value
