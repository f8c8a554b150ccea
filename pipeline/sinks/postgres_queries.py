"""Questions that people ask of the Postgres sink's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from pipeline.sinks.target import SinkError

CONNECT_S: Final = 10

Row = dict[str, Any]
"""Column to value; times are datetimes with a zone, hashes bytes."""


@dataclass(frozen=True)
class Trace:
    """All rows that speak of one event id. An id may have been used by several members or sources."""

    decisions: list[Row]
    entries: list[Row]
    tier_changes: list[Row]
    fulfillments: list[Row]
    dead_letters: list[Row]
    fraud_alerts: list[Row]

    @property
    def empty(self) -> bool:
        """Whether nothing is known of the event."""
        known = (self.decisions, self.entries, self.tier_changes, self.fulfillments, self.dead_letters)
        return not (any(known) or self.fraud_alerts)


class Ledger:
    """The tables, as of one moment."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def trace(self, event_id: str, member_id: str | None = None) -> Trace:
        """What is known of an event, of one member's only or of all who have an event of this id.

        Rows are in the order in which they were decided.
        """

        def rows(table: str) -> list[Row]:
            return self._rows(
                f"SELECT * FROM {table} WHERE event_id = %(event)s"  # noqa: S608 - names from below, no data
                " AND (%(member)s::text IS NULL OR member_id = %(member)s) ORDER BY kafka_partition, kafka_offset",
                {"event": event_id, "member": member_id},
            )

        return Trace(
            rows("decisions"),
            rows("ledger_entries"),
            rows("tier_changes"),
            rows("fulfillments"),
            rows("dead_letters"),
            rows("fraud_alerts"),
        )

    def entries(self, member_id: str, limit: int) -> list[Row]:
        """The member's latest `limit` entries, the latest first."""
        return self._rows(
            'SELECT * FROM ledger_entries WHERE member_id COLLATE "C" = %s ORDER BY seq DESC LIMIT %s',
            (member_id, limit),
        )

    def reviews(self, only_open: bool | None, member_id: str | None) -> list[Row]:
        """Fraud reviews as they stand, or only open ones; those that time ends first, then the oldest."""
        return self._rows(
            "SELECT * FROM reviews WHERE (%(open)s::boolean IS NULL OR open)"
            " AND (%(member)s::text IS NULL OR member_id = %(member)s)"
            " ORDER BY due_at NULLS LAST, opened_at, review_id",
            {"open": only_open, "member": member_id},
        )

    def review(self, review_id: str) -> Row | None:
        """One review as it stands; None where there is none."""
        rows = self._rows("SELECT * FROM reviews WHERE review_id = %s", (review_id,))
        return rows[0] if rows else None

    def review_changes(self, review_id: str) -> list[Row]:
        """What became of a review, in order."""
        return self._rows("SELECT * FROM review_changes WHERE review_id = %s ORDER BY kafka_offset", (review_id,))

    def _rows(self, query: str, values: Any) -> list[Row]:
        try:
            return self._connection.execute(query.encode(), values).fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise SinkError("PostgreSQL holds no ledger yet: run `accrue sink run postgres`") from error


@contextmanager
def ledger(url: str) -> Iterator[Ledger]:
    """Read the tables at `url`. Raises psycopg.Error, and SinkError where the sink has never been."""
    with psycopg.connect(url, connect_timeout=CONNECT_S, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield Ledger(connection)
