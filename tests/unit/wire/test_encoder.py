"""The encoder refuses what a schema cannot hold, and names field and value."""

from __future__ import annotations

from typing import Any

import pytest
from wire_samples import RECORDED_AT_MS, entry, purchase

from pipeline.core.payloads import Line, Tick
from pipeline.wire.codec import Decoder, Encoder, Unencodable
from pipeline.wire.schemas import CommittedSchemas

SOURCE = CommittedSchemas()
ENCODER = Encoder(SOURCE.schema_ids)


def test_a_value_begins_with_the_magic_byte_and_its_schemas_id() -> None:
    ids = {**SOURCE.schema_ids, "accrue.events.TransactionCompleted": 100_001}

    assert Encoder(ids).event(purchase())[:5] == bytes.fromhex("00000186a1")


def test_without_all_ids_there_is_no_encoder() -> None:
    ids = {name: i for name, i in SOURCE.schema_ids.items() if name != "accrue.control.Tick"}

    with pytest.raises(Unencodable, match=r"no schema id for accrue\.control\.Tick: run `accrue schemas register`"):
        Encoder(ids)


BEYOND_LONG = 1 << 63
UNENCODABLE: dict[str, tuple[dict[str, Any], str]] = {
    "a long of 65 bits": (
        {"amount_minor": BEYOND_LONG},
        "TransactionCompleted.amount_minor: 9223372036854775808 does not fit",
    ),
    "a time of 65 bits": (
        {"occurred_at_ms": -BEYOND_LONG - 1},
        "TransactionCompleted.occurred_at_ms: -9223372036854775809",
    ),
    "half a surrogate pair": (
        {"order_id": "\ud800"},
        r"TransactionCompleted.order_id: '\\ud800' holds half a surrogate",
    ),
    "half a pair in the header": ({"member_id": "\udfff"}, "TransactionCompleted.member_id: "),
    "half a pair in a map's key": ({"attributes": {"\ud800": ""}}, "TransactionCompleted.attributes key: "),
    "half a pair in a map's value": ({"attributes": {"a": "\ud800"}}, r"TransactionCompleted.attributes\['a'\]: "),
    "an int of 33 bits in a line": (
        {"lines": [Line("1", "a", "", 1 << 31, 1)]},
        "Line.quantity: 2147483648 does not fit",
    ),
}


@pytest.mark.parametrize(("changes", "fault"), UNENCODABLE.values(), ids=UNENCODABLE)
def test_an_event_that_its_schema_cannot_hold_is_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(Unencodable, match=fault):
        ENCODER.event(purchase(**changes))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"kind": "gift"}, "LedgerEntry.kind: 'gift' is none of other, earn"),
        ({"leg": 1 << 31}, "LedgerEntry.leg: 2147483648 does not fit into an int"),
        ({"seq": BEYOND_LONG}, "LedgerEntry.seq: 9223372036854775808 does not fit into a long"),
    ],
)
def test_an_output_that_its_schema_cannot_hold_is_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(Unencodable, match=fault):
        ENCODER.ledger_entry(entry(**changes))


def test_a_control_record_that_its_schema_cannot_hold_is_refused() -> None:
    with pytest.raises(Unencodable, match=r"Tick\.mode: 'slow' is none of live, import"):
        ENCODER.tick(Tick("slow"))


EDGES = sorted(
    edge + step
    for edge in (0, 64, 8192, 1 << 14, 1 << 20, 1 << 27, 1 << 28, 1 << 41, 1 << 42, 1 << 56)
    for step in (-1, 0, 1)
)


@pytest.mark.parametrize("number", [sign * edge for edge in EDGES for sign in (1, -1)] + [(1 << 63) - 1, -(1 << 63)])
def test_numbers_and_times_at_the_edges_of_every_length_come_back(number: int) -> None:
    event = purchase(amount_minor=number, occurred_at_ms=number)

    assert Decoder(SOURCE).decode(ENCODER.event(event), RECORDED_AT_MS) == event


@pytest.mark.parametrize("length", [0, 1, 63, 64, 127, 128, 8191, 8192, 70_000])
def test_texts_at_the_edges_of_every_length_come_back(length: int) -> None:
    event = purchase(order_id="x" * length, store_id="é" * length)

    assert Decoder(SOURCE).decode(ENCODER.event(event), RECORDED_AT_MS) == event


@pytest.mark.parametrize("count", [0, 1, 63, 64, 10_000])
def test_collections_of_every_size_come_back(count: int) -> None:
    event = purchase(lines=[Line("1", "a", "", 1, n) for n in range(count)])
    event.attributes = {str(n): "" for n in range(count)}

    assert Decoder(SOURCE).decode(ENCODER.event(event), RECORDED_AT_MS) == event
