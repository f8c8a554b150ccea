"""Events as JSON lines: what is read and written, and how mistakes are told."""

from __future__ import annotations

from typing import Any

import pytest
from wire_samples import OCCURRED_AT_MS, RECORDED_AT_MS, purchase

from pipeline.core.payloads import PAYLOAD_TYPES, Line, ProgramActivated, Tick
from pipeline.wire.json_events import (
    InvalidEventJson,
    control_from_json,
    control_to_json,
    event_from_json,
    event_to_json,
    is_control,
)

LINE: dict[str, Any] = {
    "event_id": "e-1",
    "type": "transaction_completed",
    "member_id": "m-1",
    "occurred_at": "2025-11-22T08:26:40Z",
    "source": "shop",
    "attributes": {"till": "7"},
    "data": {
        "order_id": "o-1",
        "amount_minor": 12_550,
        "currency": "EUR",
        "channel": "store",
        "country": "DE",
        "lines": [{"line_id": "1", "sku": "coffee", "category": "food", "quantity": 2, "amount_minor": 12_550}],
    },
    "recorded_at": "2025-11-22T08:26:41.250Z",
}


def test_an_event_is_read_and_written_as_the_same_line() -> None:
    assert event_from_json(LINE) == purchase()
    assert event_to_json(purchase()) == LINE


def test_a_line_without_options_is_an_event_recorded_when_it_occurred() -> None:
    line = {name: LINE[name] for name in ("event_id", "member_id", "occurred_at", "source")} | {
        "type": "member_enrolled"
    }

    event = event_from_json(line)

    assert event.recorded_at_ms == event.occurred_at_ms == OCCURRED_AT_MS
    assert (event.attributes, event.traceparent) == ({}, "")
    assert event_to_json(event) == line | {"data": {}}


def test_defaults_are_left_out_and_may_be_left_out() -> None:
    event = purchase(lines=[Line("1", "coffee", "", 1, 5)], store_id="")
    written = event_to_json(event)

    assert written["data"]["lines"] == [{"line_id": "1", "sku": "coffee", "amount_minor": 5}]
    assert "store_id" not in written["data"]
    assert event_from_json(written) == event


def test_each_event_has_collections_of_its_own() -> None:
    line = {**LINE, "data": {"order_id": "o", "amount_minor": 1, "currency": "EUR"}}
    one, other = event_from_json(line), event_from_json(line)

    one.payload.lines.append("line")

    assert other.payload.lines == []


def changed(**changes: Any) -> dict[str, Any]:
    return {**LINE, **changes}


def with_data(**changes: Any) -> dict[str, Any]:
    return {**LINE, "data": {**LINE["data"], **changes}}


INVALID: dict[str, tuple[Any, str]] = {
    "no object": ([], r"the event: expected a JSON object, found \[\]"),
    "no id": ({k: v for k, v in LINE.items() if k != "event_id"}, "event_id is missing"),
    "an id that is no text": (changed(event_id=7), "event_id: expected text, found 7: put it in quotes"),
    "an unknown field": (changed(ocurred_at="x"), r"ocurred_at is not known: did you mean occurred_at\?"),
    "an unknown type": (changed(type="transaction"), "type: 'transaction' is no type of event"),
    "a control record": (changed(type="tick"), "type: 'tick' is no type of event"),
    "data that is no object": (changed(data=[]), "data: expected a JSON object"),
    "attributes that are no text": (changed(attributes={"a": 1}), "attributes.a: expected text, found 1"),
    "a missing field": (
        changed(data={"amount_minor": 1, "currency": "EUR"}),
        "data.order_id is missing: Unique per member",
    ),
    "an unknown field of data": (with_data(amount=1), r"data.amount is not known: did you mean amount_minor\?"),
    "an amount with a fraction": (
        with_data(amount_minor=1.5),
        "data.amount_minor: expected a whole number .* found 1.5",
    ),
    "an amount in quotes": (with_data(amount_minor="1"), "data.amount_minor: expected a whole number .* found '1'"),
    "a truth for an amount": (with_data(amount_minor=True), "data.amount_minor: expected a whole number .* found True"),
    "an amount of 65 bits": (with_data(amount_minor=1 << 63), "data.amount_minor: 9223372036854775808 is out of range"),
    "null": (with_data(channel=None), "data.channel: expected text, found None"),
    "lines that are no list": (with_data(lines={}), "data.lines: expected a list, found {}"),
    "a line that is no object": (with_data(lines=["x"]), r"data.lines\[0\]: expected a JSON object, found 'x'"),
    "a quantity of 33 bits": (
        with_data(lines=[{**LINE["data"]["lines"][0], "quantity": 1 << 31}]),
        r"data.lines\[0\].quantity: 2147483648 is out of range: at most 2147483647",
    ),
    "half a surrogate pair": (with_data(order_id="\ud800"), "data.order_id: .* holds half a surrogate pair"),
    "a time without a zone": (changed(occurred_at="2025-11-22T08:26:40"), "occurred_at: .* has no zone: append Z"),
    "a date": (changed(occurred_at="2025-11-22"), "occurred_at: '2025-11-22' has no zone"),
    "no time": (changed(recorded_at="yesterday"), "recorded_at: 'yesterday' is no ISO 8601 time"),
    "a time as a fraction": (changed(occurred_at=1.5), "occurred_at: expected a time such as"),
    "a number of 65 bits": (changed(occurred_at=1 << 63), "occurred_at: expected a time such as"),
}


@pytest.mark.parametrize(("line", "fault"), INVALID.values(), ids=INVALID)
def test_a_mistake_is_told_with_field_value_and_remedy(line: Any, fault: str) -> None:
    with pytest.raises(InvalidEventJson, match=fault):
        event_from_json(line)


def test_truth_and_symbols_are_checked() -> None:
    emi = {"loan_id": "l", "instalment_number": 1, "amount_minor": 5, "currency": "EUR"}
    outcome = {"fulfillment_id": "f", "redemption_id": "r"}

    with pytest.raises(InvalidEventJson, match=r"data\.on_time: 1 is neither true nor false"):
        event_from_json(changed(type="emi_payment_succeeded", data={**emi, "on_time": 1}))
    with pytest.raises(InvalidEventJson, match=r"data\.outcome: 'done' is none of unknown, confirmed"):
        event_from_json(changed(type="fulfillment_outcome", data={**outcome, "outcome": "done"}))


def test_numbers_of_a_custom_event_are_read() -> None:
    line = changed(type="custom_event", data={"name": "review", "numbers": {"stars": 5}})

    event = event_from_json(line)

    assert event.payload == PAYLOAD_TYPES["custom_event"]("review", {"stars": 5})
    assert event_to_json(event)["data"] == {"name": "review", "numbers": {"stars": 5}}


def test_control_records_have_their_own_lines() -> None:
    activation = ProgramActivated("ab" * 32, OCCURRED_AT_MS, "ada", "")
    line = {
        "type": "program_activated",
        "recorded_at": "2025-11-22T08:26:41.250Z",
        "data": {"program_hash": "ab" * 32, "effective_at": "2025-11-22T08:26:40Z", "author": "ada"},
    }

    assert control_to_json(activation, RECORDED_AT_MS) == line
    assert control_from_json(line) == (activation, RECORDED_AT_MS)
    assert control_from_json({"type": "tick", "recorded_at": 5}) == (Tick("live"), 5)
    assert is_control(line)
    assert not is_control(LINE)
    assert not is_control([])


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"type": "tock", "recorded_at": 5}, r"type: 'tock' is no type of control record: did you mean tick\?"),
        ({"type": "tick"}, "recorded_at: expected a time such as"),
        ({"type": "tick", "recorded_at": 5, "event_id": "e"}, "event_id is not known"),
        ({"recorded_at": 5}, "type: expected text, found None"),
    ],
)
def test_mistakes_in_control_records_are_told(line: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidEventJson, match=fault):
        control_from_json(line)
