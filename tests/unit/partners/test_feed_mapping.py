"""Messages of feeds become events as partners.yaml declares them: JSON or Avro, exact numbers, nothing guessed."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import fastavro
import pytest
from feed_samples import AT_MS, FEED, body, sale

from pipeline.core.payloads import CustomEvent, TransactionCompleted
from pipeline.partners.feed_mapping import EVENTS_MAX, NotMapped, events_of
from pipeline.program.feeds import FeedEvent

AVRO = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["ping", "sale"]}},
        {"name": "id", "type": "long"},
        {"name": "card", "type": "string"},
        {"name": "at", "type": "long"},
        {"name": "paid", "type": "double"},
        {"name": "where", "type": ["null", {"type": "record", "name": "Place", "fields": [
            {"name": "currency", "type": "string"}, {"name": "land", "type": "string"}]}]},
        {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "int"}}},
    ],
}  # fmt: skip


def test_each_sale_becomes_an_event() -> None:
    first, second = events_of(FEED, body(sale(1), {"kind": "ping"}, sale(2, paid=7)))

    assert (first.event_id, first.member_id, first.occurred_at_ms) == ("1", "m-1", AT_MS)
    assert (first.source, first.attributes) == ("partner:airmiles", {"desk": "north", "partner": "airmiles"})
    assert first.payload == TransactionCompleted("1", 1_250, "USD", "partner", "", "US", [])
    assert isinstance(second.payload, TransactionCompleted) and second.payload.amount_minor == 700


@pytest.mark.parametrize("paid", [12.5, "12.50", "1.25e1", 12.500])
def test_amounts_are_exact_however_they_are_written(paid: object) -> None:
    (event,) = events_of(FEED, body(sale(1, paid=paid)))
    assert isinstance(event.payload, TransactionCompleted) and event.payload.amount_minor == 1_250


def test_a_float_that_no_binary_number_is_stays_what_it_says() -> None:
    (event,) = events_of(FEED, b'{"sales": [' + json.dumps(sale(1)).replace("12.5", "1.15").encode() + b"]}")
    assert isinstance(event.payload, TransactionCompleted) and event.payload.amount_minor == 115


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"sales": [{"paid": NaN}]}', "NaN is no number"),
        (b'{"sale": []}', "/sales: no list stands there"),
        (body(*[sale(1)] * (EVENTS_MAX + 1)), f"{EVENTS_MAX + 1} items, at most {EVENTS_MAX}"),
        (body({"kind": "gift"}), "none of the feed's events fits it"),
        (body(sale(1, card=None)), "/card: nothing stands there for member_id"),
        (body(sale(1, card=True)), "/card: bool is no text for member_id"),
        (body(sale(1, card={"no": 1})), "/card: dict is no text for member_id"),
        (body(sale(1, paid="12.505")), "/paid: 12.505 has more than 2 digits behind the point"),
        (body(sale(1, paid="1e999999999")), "/paid: 1e999999999 is too large"),
        (body(sale(1, paid="twelve")), "/paid: 'twelve' is no number"),
        (body(sale(1, paid="9" * 41)), "is no number"),
        (body(sale(1, at="yesterday")), "/at: 'yesterday' is no number"),
    ],
)
def test_what_does_not_fit_is_named(message: bytes, says: str) -> None:
    with pytest.raises(NotMapped) as error:
        events_of(FEED, message)
    assert says in str(error.value)


def test_times_are_read_as_declared() -> None:
    iso = replace(FEED, events=tuple(replace(event, time="iso") for event in FEED.events))
    (event,) = events_of(iso, body(sale(1, at="2026-03-01T10:30:00+01:00")))
    assert event.occurred_at_ms == AT_MS
    with pytest.raises(NotMapped, match="has no zone"):
        events_of(iso, body(sale(1, at="2026-03-01T10:30:00")))


def test_numbers_and_attributes_are_filled_by_name() -> None:
    fields = (("event_id", "/id"), ("member_id", "/card"), ("occurred_at", "/at"), ("numbers.nights", "/nights"),
              ("attributes.hotel", "/hotel"))  # fmt: skip
    stay = FeedEvent("custom_event", (), fields, (("name", "hotel-stay"),), (), "s")
    (event,) = events_of(
        replace(FEED, events=(stay,)),
        body({"id": "a", "card": "m-1", "at": AT_MS // 1000, "nights": "3", "hotel": "H"}),
    )
    assert event.payload == CustomEvent("hotel-stay", {"nights": 3})
    assert event.attributes == {"hotel": "H", "partner": "airmiles"}


def encoded(**changes: object) -> bytes:
    place = {"currency": "USD", "land": "US"}
    value = {"kind": "sale", "id": 7, "card": "m-1", "at": AT_MS, "paid": 12.5, "where": place, "tags": {"a": [1, -2]}}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO), {**value, **changes})
    return out.getvalue()


def test_avro_of_the_partners_own_schema_is_read() -> None:
    (sold, ping) = FEED.events
    fields = [
        (name, f"/where{pointer}" if pointer in ("/currency", "/land") else pointer) for name, pointer in sold.fields
    ]
    feed = replace(
        FEED, list_at="", avro=json.dumps(AVRO), events=(replace(sold, fields=tuple(fields), time="ms"), ping)
    )

    (event,) = events_of(feed, encoded())

    assert (event.event_id, event.occurred_at_ms) == ("7", AT_MS)
    assert event.payload == TransactionCompleted("7", 1_250, "USD", "partner", "", "US", [])
    assert events_of(feed, encoded(kind="ping", where=None)) == []
    for wrong in (encoded()[:-1], encoded() + b"\0", b"\x7f"):
        with pytest.raises(NotMapped, match="is no value of the feed's Avro schema"):
            events_of(feed, wrong)
    with pytest.raises(NotMapped, match="Avro schema cannot be used"):
        events_of(replace(feed, avro='{"type": "recrod"}'), encoded())
