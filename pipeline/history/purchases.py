"""Rows of purchases turned into events: ids and times derived from the row, money exact, enrolments added, in order."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.core.bounds import AMOUNT_MINOR_MAX
from pipeline.core.events import Event
from pipeline.core.faults import country_fault, id_fault
from pipeline.core.payloads import MemberEnrolled, TransactionCompleted
from pipeline.core.reasons import MALFORMED
from pipeline.history.columns import Columns, find_columns
from pipeline.history.money import BadAmountError, minor_units
from pipeline.history.tables import Row, open_table

DAY_MS: Final = 86_400_000
ENROLLED_BEFORE_MS: Final = 1_000
"""A member enrols this long before the first purchase."""

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_DATE: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadRowError(Exception):
    """A row that is no purchase: `line` in the file, `field`, `value` as it stands there, and the `remedy`."""

    def __init__(self, line: int, field: str, value: str, remedy: str) -> None:
        self.line = line
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(f"line {line}: {field} {value!r} {remedy}")


class Purchase(NamedTuple):
    """One purchase. `event_id` is the hash of the row's number and content; so is `order_id` if no column has it."""

    occurred_at_ms: int
    number: int
    event_id: str
    member_id: str
    order_id: str
    amount_minor: int
    currency: str
    channel: str
    store_id: str
    country: str
    attributes: tuple[tuple[str, str], ...]


class Reading(NamedTuple):
    """What a file held: `purchases` sorted by time (row number where equal), and the rows that were none."""

    purchases: list[Purchase]
    bad_rows: list[BadRowError]


def read_purchases(
    path: Path,
    chosen_columns: Mapping[str, str],
    currency: str,
    zone: ZoneInfo,
    on_bad_row: Callable[[BadRowError], None] | None = None,
) -> Reading:
    """Every purchase of the file.

    currency: of rows that have no column for it. zone: of dates and times that name none; a date without a time of day
    gets one derived from the row, so that the order is the same in every run. on_bad_row is told of each bad row as it
    is met, and may raise.

    Raises TableError, ColumnError, OSError; a bad row is no error but is in the result.
    """
    table = open_table(path)
    columns = find_columns(table.header, chosen_columns)
    reader = _RowReader(columns, currency, zone)
    purchases: list[Purchase] = []
    bad_rows: list[BadRowError] = []
    for row in table.rows():
        try:
            purchases.append(reader.purchase(row))
        except BadRowError as bad:
            bad_rows.append(bad)
            if on_bad_row is not None:
                on_bad_row(bad)
    purchases.sort()
    return Reading(purchases, bad_rows)


def shift_days(purchases: list[Purchase], before_ms: int) -> int:
    """Whole days by which the history must move (back if negative) for its last purchase to fall before `before_ms`."""
    return (before_ms - 1 - purchases[-1].occurred_at_ms) // DAY_MS if purchases else 0


def events(purchases: list[Purchase], source: str, shifted_days: int) -> Iterator[Event]:
    """The events of these sorted purchases, each member's enrolment a second before the first, all in order of time."""
    timeline: list[tuple[int, int, Purchase]] = []
    enrolled: set[str] = set()
    for purchase in purchases:
        at_ms = purchase.occurred_at_ms + shifted_days * DAY_MS
        if purchase.member_id not in enrolled:
            enrolled.add(purchase.member_id)
            timeline.append((at_ms - ENROLLED_BEFORE_MS, 0, purchase))
        timeline.append((at_ms, 1, purchase))
    timeline.sort(key=lambda item: (item[0], item[2].number, item[1]))
    for at_ms, which, purchase in timeline:
        if which == 0:
            payload: MemberEnrolled | TransactionCompleted = MemberEnrolled(purchase.country, "", "")
            event_id = f"enrol-{purchase.event_id}"
        else:
            payload = TransactionCompleted(
                purchase.order_id, purchase.amount_minor, purchase.currency, purchase.channel, purchase.store_id,
                purchase.country, [],
            )  # fmt: skip
            event_id = purchase.event_id
        attributes = dict(purchase.attributes) if which else {}
        yield Event(event_id, purchase.member_id, at_ms, source, "", attributes, payload, at_ms)


class _RowReader:
    """Reads rows of one table; holds what is the same for all."""

    def __init__(self, columns: Columns, currency: str, zone: ZoneInfo) -> None:
        self._columns = columns
        self._currency = currency
        self._zone = zone
        self._midnight_ms = lru_cache(maxsize=10_000)(self._midnight_uncached_ms)

    def purchase(self, row: Row) -> Purchase:
        """Raises BadRowError."""
        if len(row.cells) != self._columns.width:
            raise BadRowError(
                row.line, "row", " ".join(row.cells)[:80],
                f"has {len(row.cells)} columns where the header has {self._columns.width}: check delimiters and quotes",
            )  # fmt: skip
        cells = {field: row.cells[index] for field, index in self._columns.fields.items()}
        digest = blake2b("\0".join((str(row.number), *row.cells)).encode(), digest_size=16)
        event_id = digest.hexdigest()
        currency = cells.get("currency") or self._currency
        if not _CURRENCY.fullmatch(currency):
            raise BadRowError(
                row.line, "currency", currency, "is no ISO 4217 code: write three capital letters such as USD"
            )
        purchase = Purchase(
            self._occurred_at_ms(row.line, cells["date"], digest.digest()),
            row.number,
            event_id,
            cells["member_id"],
            cells.get("order_id") or event_id,
            _amount_minor(row.line, cells["amount"], currency),
            currency,
            cells.get("channel", ""),
            cells.get("store_id", ""),
            cells.get("country", ""),
            tuple((name, row.cells[index]) for name, index in self._columns.others if row.cells[index]),
        )
        _refuse_dead_letter(row.line, purchase)
        return purchase

    def _occurred_at_ms(self, line: int, text: str, digest: bytes) -> int:
        try:
            if matched := _DATE.fullmatch(text):
                start_ms, end_ms = self._midnight_ms(*matched.groups())
                # Never in the day's first second: the enrolment before it falls on the same day.
                room_ms = end_ms - start_ms - ENROLLED_BEFORE_MS
                return start_ms + ENROLLED_BEFORE_MS + int.from_bytes(digest[:8], "big") % room_ms
            at = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            raise BadRowError(
                line, "date", text, "is no date: write YYYYMMDD or ISO 8601 such as 1997-01-31 or 1997-01-31T18:05:00Z"
            ) from None
        return _ms(at if at.tzinfo else at.replace(tzinfo=self._zone))

    def _midnight_uncached_ms(self, year: str, month: str, day: str) -> tuple[int, int]:
        """Where the day starts and ends in the zone."""
        this = date(int(year), int(month), int(day))
        start, end = (
            datetime(at.year, at.month, at.day, tzinfo=self._zone) for at in (this, this + timedelta(days=1))
        )  # fmt: skip
        return _ms(start), _ms(end)


def _ms(at: datetime) -> int:
    return (at.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def _amount_minor(line: int, text: str, currency: str) -> int:
    try:
        amount_minor = minor_units(text, currency)
    except BadAmountError as bad:
        raise BadRowError(line, "amount", text, str(bad)) from None
    if amount_minor < 0:
        raise BadRowError(
            line, "amount", text, "is negative: a purchase is at least 0; a refund is an event of its own"
        )
    if amount_minor > AMOUNT_MINOR_MAX:
        raise BadRowError(line, "amount", text, f"is more than {AMOUNT_MINOR_MAX} minor units: check the column")
    return amount_minor


def _refuse_dead_letter(line: int, purchase: Purchase) -> None:
    """What the pipeline would put aside as invalid is a bad row already. Raises BadRowError."""
    member_id, country = purchase.member_id, purchase.country
    faults = {
        "member_id": id_fault("member_id", member_id),
        "order_id": id_fault("order_id", purchase.order_id),
        "country": country_fault(country) if country else None,
    }
    if "|" in member_id:
        faults["member_id"] = (MALFORMED, "send it without '|', which separates keys")
    for field, fault in faults.items():
        if fault is not None:
            raise BadRowError(line, field, getattr(purchase, field), f"would be refused as {fault[0]}: {fault[1]}")
