"""Questions that people ask of the Postgres sink's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from pipeline.core.ids import cause_prefix, derived_id
from pipeline.core.pool_ids import OF_REDEMPTION, OF_RULE, OF_SIGNAL
from pipeline.sinks.target import SinkError

CONNECT_S: Final = 10

TRACED: Final = (
    "decisions", "ledger_entries", "tier_changes", "fulfillments", "dead_letters", "fraud_alerts",
)  # fmt: skip
"""Tables whose rows speak of events, in the order of `Trace`."""

Row = dict[str, Any]
"""Column to value; times are datetimes with a zone, hashes bytes."""


@dataclass(frozen=True)
class Trace:
    """All rows that speak of one event id. An id may have been used by several members or sources.

    `answers` are decisions of what pools answered to the event; "pool" says which, "" where that is not known. Rows of
    what an answer did stand among the others, under its event id.
    """

    decisions: list[Row]
    entries: list[Row]
    tier_changes: list[Row]
    fulfillments: list[Row]
    dead_letters: list[Row]
    fraud_alerts: list[Row]
    answers: list[Row] = field(default_factory=list)

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

        return Trace(*[self._of_events(table, [event_id], member_id) for table in TRACED])

    def add_answers(self, trace: Trace, decision: Row, asked: dict[str, str] | None) -> None:
        """Add to the trace what pools answered to the event of one of its decisions, and what that did.

        `asked` is each request's id and pool; None where that is not known: then answers to awards and to rewards
        with a pool are found, and of fraud signals those that set one off.
        """
        member_id = decision["member_id"]
        if asked is None:
            asked = dict.fromkeys(_requests_of(decision, self._signals_of(member_id)), "")
        found = [self._of_events(table, list(asked), member_id) for table in TRACED] if asked else [[] for _ in TRACED]
        trace.answers.extend(row | {"pool": asked[row["event_id"]]} for row in found[0])
        trace.entries.extend(found[1])
        trace.tier_changes.extend(found[2])
        trace.fulfillments.extend(found[3])
        trace.dead_letters.extend(found[4])
        trace.fraud_alerts.extend(found[5])

    def _of_events(self, table: str, event_ids: list[str], member_id: str | None) -> list[Row]:
        return self._rows(
            f"SELECT * FROM {table} WHERE event_id = ANY(%(events)s)"  # noqa: S608 - names from below, no data
            " AND (%(member)s::text IS NULL OR member_id = %(member)s) ORDER BY kafka_partition, kafka_offset",
            {"events": event_ids, "member": member_id},
        )

    def _signals_of(self, member_id: str) -> list[str]:
        """Signals that the member has set off."""
        rows = self._rows("SELECT DISTINCT signal_id FROM fraud_alerts WHERE member_id = %s", (member_id,))
        return [row["signal_id"] for row in rows]

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


def _requests_of(decision: Row, signals: list[str]) -> list[str]:
    """Ids of all that the event of a decision can have asked of pools, of signals' only these."""
    prefix = cause_prefix(decision["member_id"], decision["source"], decision["event_id"])
    rules = [reward["rule_id"] for reward in decision["rewards"]]
    names = [OF_REDEMPTION, *(OF_RULE + rule for rule in rules), *(OF_SIGNAL + signal for signal in signals)]
    return [derived_id(prefix, name, 0) for name in names]


@contextmanager
def ledger(url: str) -> Iterator[Ledger]:
    """Read the tables at `url`. Raises psycopg.Error, and SinkError where the sink has never been."""
    with psycopg.connect(url, connect_timeout=CONNECT_S, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield Ledger(connection)
