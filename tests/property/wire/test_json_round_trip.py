"""JSON lines lose nothing, and an event's canonical content tells apart what differs and nothing else."""

from __future__ import annotations

import json
from typing import Any

from avro_values import EVENTS, built, fields_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.wire.json_events import control_from_json, control_to_json, event_from_json, event_to_json

recorded = st.integers(-(1 << 63), (1 << 63) - 1)


@st.composite
def events(draw: st.DrawFn) -> Event:
    name = draw(st.sampled_from(EVENTS))
    event: Event = built(name, draw(fields_of(name)), draw(recorded))
    return event


@given(events())
@settings(deadline=None, max_examples=300)
def test_an_event_survives_the_way_through_json(event: Event) -> None:
    line = json.dumps(event_to_json(event))

    assert event_from_json(json.loads(line)) == event


@given(st.sampled_from(["accrue.control.Tick", "accrue.control.ProgramActivated"]), st.data(), recorded)
@settings(deadline=None)
def test_a_control_record_survives_the_way_through_json(name: str, data: st.DataObject, recorded_at_ms: int) -> None:
    control = built(name, data.draw(fields_of(name)))

    line = json.dumps(control_to_json(control, recorded_at_ms))

    assert control_from_json(json.loads(line)) == (control, recorded_at_ms)


tricky = st.text("ab:;=0123456789(),'\"", max_size=6)


def content(fields: dict[str, Any]) -> str:
    """Content of a purchase with the given fields."""
    usual = {"event_id": "e", "member_id": "m", "occurred_at": 1, "source": "s", "traceparent": "", "attributes": {}}
    usual |= {
        "order_id": "",
        "amount_minor": 1,
        "currency": "",
        "channel": "",
        "store_id": "",
        "country": "",
        "lines": [],
        "points_paid": 0,
        "points_unit": "",
        "points_paid_minor": 0,
        "revision": 0,
    }
    event: Event = built("accrue.events.TransactionCompleted", usual | fields)
    return event.payload.content()


@given(
    st.fixed_dictionaries({"order_id": tricky, "currency": tricky, "channel": tricky, "store_id": tricky}),
    st.fixed_dictionaries({"order_id": tricky, "currency": tricky, "channel": tricky, "store_id": tricky}),
)
@settings(deadline=None, max_examples=300)
def test_contents_are_equal_exactly_if_the_fields_are(one: dict[str, str], other: dict[str, str]) -> None:
    assert (content(one) == content(other)) == (one == other)
