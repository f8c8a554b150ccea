"""Which column of a table holds what: by the usual names, or as said with `--map field=column`."""

from collections.abc import Mapping, Sequence
from typing import Final

SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    field: tuple(names.split())
    for field, names in {
        "member_id": "member_id member customer_id customer customer_no customer_number user_id client_id shopper_id",
        "date": "date occurred_at datetime timestamp time purchased_at purchase_date order_date invoice_date",
        "amount": "amount dollar_value value total order_total total_amount paid revenue sales",
        "currency": "currency currency_code",
        "order_id": "order_id order order_no order_number transaction_id invoice invoice_no invoice_id receipt_id",
        "channel": "channel sales_channel",
        "store_id": "store_id store shop shop_id merchant_id",
        "country": "country country_code",
    }.items()
}
"""Names under which a field is found by itself, in lower case with underscores."""

REQUIRED: Final = ("member_id", "date", "amount")


class ColumnError(Exception):
    """The columns cannot be told; the message names the field, what there is, and the option that settles it."""


class Columns:
    """Index of the column of each field found, and of every other column by name."""

    def __init__(self, fields: dict[str, int], others: tuple[tuple[str, int], ...], width: int) -> None:
        self.fields = fields
        self.others = others
        self.width = width


def normal_name(name: str) -> str:
    """`Customer ID` and `customer-id` are both customer_id."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def find_columns(header: Sequence[str], chosen: Mapping[str, str]) -> Columns:
    """Fields of a purchase found in this header. `chosen` maps field to column name and wins over the usual names.

    Raises ColumnError for an unknown field or column, a required field not found, or one found twice.
    """
    names = [normal_name(name) for name in header]
    shown = ", ".join(header)
    for name in names:
        if names.count(name) > 1:
            raise ColumnError(f"the header has two columns {name!r}: rename one")
    fields: dict[str, int] = {}
    for field, column in chosen.items():
        if field not in SYNONYMS:
            raise ColumnError(f"--map {field}={column}: no such field: choose from {', '.join(SYNONYMS)}")
        if normal_name(column) not in names:
            raise ColumnError(f"--map {field}={column}: the header has no column {column!r}, only {shown}")
        fields[field] = names.index(normal_name(column))
    taken = set(fields.values())
    for field, synonyms in SYNONYMS.items():
        if field in fields:
            continue
        found = [index for index, name in enumerate(names) if name in synonyms and index not in taken]
        if len(found) > 1:
            columns = " and ".join(repr(header[index]) for index in found)
            raise ColumnError(f"{field} could be {columns}: settle it with --map {field}=COLUMN")
        if found:
            fields[field] = found[0]
        elif field in REQUIRED:
            raise ColumnError(
                f"no column for {field} among {shown}: name it with --map {field}=COLUMN, "
                "and give the file a header line if it has none"
            )
    used = set(fields.values())
    others = tuple((name, index) for index, name in enumerate(names) if index not in used and name)
    return Columns(fields, others, len(names))
