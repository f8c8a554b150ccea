"""Records of other versions of our schemas are read into ours by Avro's rules, or refused with the reason."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from wire_samples import OCCURRED_AT_MS, RECORDED_AT_MS

from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome, TransactionCompleted
from pipeline.wire.codec import UNDECODABLE, Decoder, Undecodable
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.schemas import CommittedSchemas

HEADER = {"event_id": "e", "member_id": "m", "occurred_at": OCCURRED_AT_MS, "source": "s"}
PURCHASE = {**HEADER, "order_id": "o", "amount_minor": 100, "currency": "EUR"}
OUTCOME = {**HEADER, "fulfillment_id": "f", "redemption_id": "r", "outcome": "confirmed"}

Schema = dict[str, Any]
Change = Callable[[Schema], None]


def field(schema: Schema, name: str) -> Schema:
    return next(entry for entry in schema["fields"] if entry["name"] == name)


def decoded(record: str, change: Change, values: dict[str, Any]) -> Any:
    """What becomes of values that were written with our schema of the record after a change of it."""
    schema = json.loads(SCHEMAS[f"accrue.events.{record}"][1])
    change(schema)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), values)
    source = CommittedSchemas()
    value = b"\0" + source.add(json.dumps(schema)).to_bytes(4, "big") + out.getvalue()
    return Decoder(source).decode(value, RECORDED_AT_MS)


def purchase(**changes: Any) -> Event:
    values = {"channel": "", "store_id": "", "country": "", "lines": [], "amount_minor": 100} | changes
    payload = TransactionCompleted(
        "o", values["amount_minor"], "EUR", *(values[n] for n in ("channel", "store_id", "country", "lines"))
    )
    return Event("e", "m", OCCURRED_AT_MS, "s", "", {}, payload, RECORDED_AT_MS)


def drop(*names: str) -> Change:
    return lambda schema: schema.update(fields=[f for f in schema["fields"] if f["name"] not in names])


def retype(name: str, kind: Any) -> Change:
    return lambda schema: field(schema, name).update(type=kind)


def add(kind: Any) -> Change:
    return lambda schema: schema["fields"].insert(3, {"name": "added", "type": kind})


def test_fields_that_the_writer_lacks_take_our_defaults() -> None:
    change = drop("channel", "store_id", "country", "lines", "attributes", "traceparent")

    assert decoded("TransactionCompleted", change, PURCHASE) == purchase()


def test_each_decoded_value_has_collections_of_its_own() -> None:
    change = drop("lines", "attributes")
    one, other = (decoded("TransactionCompleted", change, PURCHASE) for _ in range(2))

    one.attributes["a"] = "b"
    one.payload.lines.append("line")

    assert other == purchase()


def test_fields_are_found_by_name_whatever_their_order() -> None:
    assert decoded("TransactionCompleted", lambda s: s["fields"].reverse(), PURCHASE) == purchase()


NESTED = {
    "type": "record",
    "name": "Place",
    "fields": [{"name": "lat", "type": "double"}, {"name": "ok", "type": "boolean"}],
}
ADDED: dict[str, tuple[Any, Any]] = {
    "null": ("null", None),
    "boolean": ("boolean", True),
    "int": ("int", -70_000),
    "long": ("long", 1 << 60),
    "float": ("float", 1.5),
    "double": ("double", 2.5),
    "bytes": ("bytes", b"x" * 70),
    "string": ("string", "é" * 70),
    "fixed": ({"type": "fixed", "name": "F", "size": 9}, b"123456789"),
    "enum": ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, "b"),
    "optional": (["null", "string"], None),
    "one of several": (["null", "string", NESTED], {"lat": 1.0, "ok": False}),
    "record": (NESTED, {"lat": 1.0, "ok": False}),
    "array of records": ({"type": "array", "items": NESTED}, [{"lat": 1.0, "ok": False}] * 3),
    "map of arrays": ({"type": "map", "values": {"type": "array", "items": "long"}}, {"a": [1, -2], "b": []}),
}


@pytest.mark.parametrize(("kind", "value"), ADDED.values(), ids=ADDED)
def test_fields_that_we_do_not_know_are_passed_over(kind: Any, value: Any) -> None:
    assert decoded("TransactionCompleted", add(kind), {**PURCHASE, "added": value}) == purchase()


def test_an_int_is_read_as_a_long() -> None:
    found = decoded("TransactionCompleted", retype("amount_minor", "int"), {**PURCHASE, "amount_minor": -70_000})

    assert found == purchase(amount_minor=-70_000)


def test_bytes_are_read_as_a_string() -> None:
    found = decoded("TransactionCompleted", retype("channel", "bytes"), {**PURCHASE, "channel": "wéb".encode()})

    assert found == purchase(channel="wéb")


def test_bytes_that_are_no_utf8_are_not_read_as_a_string() -> None:
    with pytest.raises(Undecodable, match="TransactionCompleted"):
        decoded("TransactionCompleted", retype("channel", "bytes"), {**PURCHASE, "channel": b"\xff"})


def test_an_optional_string_of_the_writer_is_read_where_it_is_there() -> None:
    change = retype("channel", ["null", "string"])

    assert decoded("TransactionCompleted", change, {**PURCHASE, "channel": "web"}) == purchase(channel="web")
    with pytest.raises(
        Undecodable, match=r"TransactionCompleted\.channel: the writer's null cannot be read as our string"
    ):
        decoded("TransactionCompleted", change, {**PURCHASE, "channel": None})


def outcome_of(symbols: list[str], symbol: str) -> str:
    change = retype("outcome", {"type": "enum", "name": "Outcome", "namespace": "accrue.events", "symbols": symbols})
    event = decoded("FulfillmentOutcome", change, {**OUTCOME, "outcome": symbol})
    assert isinstance(event.payload, FulfillmentOutcome)
    return event.payload.outcome


def test_enum_symbols_are_read_by_name_and_unknown_ones_as_our_default() -> None:
    symbols = ["cancelled", "delayed", "confirmed"]

    assert [outcome_of(symbols, symbol) for symbol in symbols] == ["cancelled", "unknown", "confirmed"]


REFUSED: dict[str, tuple[Change, str]] = {
    "a required field is missing": (
        drop("order_id"),
        "TransactionCompleted.order_id: the writer's schema lacks this field",
    ),
    "a header field is missing": (drop("source"), "TransactionCompleted.source: the writer's schema lacks this field"),
    "another type": (retype("amount_minor", "double"), "the writer's double cannot be read as our long"),
    "a long for a string": (retype("order_id", "long"), "the writer's long cannot be read as our string"),
    "a number for a time of another unit": (
        retype("occurred_at", {"type": "long", "logicalType": "timestamp-micros"}),
        r"occurred_at: the writer's long \(timestamp-micros\) is not our long \(timestamp-millis\)",
    ),
    "an enum of another name": (
        retype("country", {"type": "enum", "name": "Country", "symbols": ["DE"]}),
        "the writer's enum accrue.events.Country cannot be read as our string",
    ),
    "a line of another name": (
        retype("lines", {"type": "array", "items": NESTED}),
        "the writer's record accrue.events.Place is not our record accrue.events.Line",
    ),
    "a union without a branch for us": (
        retype("order_id", ["null", "long"]),
        "no branch of the writer's union of null, long",
    ),
}


@pytest.mark.parametrize(("change", "fault"), REFUSED.values(), ids=REFUSED)
def test_what_can_never_be_read_as_ours_is_refused_with_the_reason(change: Change, fault: str) -> None:
    schema = json.loads(SCHEMAS["accrue.events.TransactionCompleted"][1])
    change(schema)
    source = CommittedSchemas()
    value = b"\0" + source.add(json.dumps(schema)).to_bytes(4, "big") + bytes(40)

    with pytest.raises(Undecodable, match=fault) as caught:
        Decoder(source).decode(value, RECORDED_AT_MS)

    assert caught.value.reason == UNDECODABLE


def test_a_plain_long_is_read_as_a_time_in_ms() -> None:
    values = {**PURCHASE, "occurred_at": 300}

    assert decoded("TransactionCompleted", retype("occurred_at", "long"), values).occurred_at_ms == 300


def test_a_schema_that_differs_only_in_documentation_is_read_by_the_committed_decoder() -> None:
    schema = json.loads(SCHEMAS["accrue.events.TransactionCompleted"][1])
    for entry in (schema, *schema["fields"]):
        entry["doc"] = "Other words."
    source = CommittedSchemas()
    decoder = Decoder(source)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), PURCHASE)
    value = b"\0" + source.add(json.dumps(schema)).to_bytes(4, "big") + out.getvalue()

    assert decoder.decode(value, RECORDED_AT_MS) == purchase()
    assert decoder._inputs[value[:5]].__name__ == "decode_transaction_completed"
