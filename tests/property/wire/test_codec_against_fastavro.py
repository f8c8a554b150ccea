"""The generated codec does what fastavro does with our schemas, in both directions, and refuses whatever it refuses."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from avro_values import INPUTS, NAMES, built, fastavro_schema, fields_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.wire import schemas
from pipeline.wire.codec import UNDECODABLE, Decoder, Encoder, Undecodable
from pipeline.wire.codegen.sources import snake_case
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.schemas import CommittedSchemas

SOURCE = CommittedSchemas()
DECODER = Decoder(SOURCE)
ENCODER = Encoder(SOURCE.schema_ids)
ORACLES = {name: fastavro_schema(SCHEMAS[name][1]) for name in NAMES}
RECORDED_AT_MS = 7


def prefix(name: str) -> bytes:
    return b"\0" + SOURCE.schema_ids[name].to_bytes(4, "big")


def encoded(name: str, value: Any) -> bytes:
    if schemas.kind(name) == "events":
        return ENCODER.event(value)
    encode = getattr(ENCODER, snake_case(name.rpartition(".")[2]))
    return bytes(encode(value))


def decoded(name: str, value: bytes) -> Any:
    return DECODER.output(value) if schemas.kind(name) == "outputs" else DECODER.decode(value, RECORDED_AT_MS)


def oracle_bytes(name: str, fields: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, ORACLES[name], fields)
    return prefix(name) + out.getvalue()


def oracle_value(name: str, value: bytes) -> Any:
    """What fastavro makes of the bytes, as our value; None where it refuses them or leaves some over."""
    stream = io.BytesIO(value[5:])
    try:
        fields = fastavro.schemaless_reader(stream, ORACLES[name], None)
    except (ValueError, EOFError, IndexError, OverflowError, MemoryError, StopIteration):
        return None
    return None if stream.read(1) else built(name, dict(fields), RECORDED_AT_MS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_bytes_and_values_are_the_same_as_fastavros(name: str, data: st.DataObject) -> None:
    fields = data.draw(fields_of(name))
    value = built(name, fields, RECORDED_AT_MS)

    assert encoded(name, value) == oracle_bytes(name, fields)
    assert decoded(name, oracle_bytes(name, fields)) == value


def test_numbers_of_every_length_are_written_as_fastavro_writes_them() -> None:
    name = "accrue.events.TransactionCompleted"
    usual = {"event_id": "e", "member_id": "m", "source": "s", "traceparent": "", "attributes": {}, "order_id": "o"}
    usual |= {"currency": "EUR", "channel": "", "store_id": "", "country": "", "lines": []}
    usual |= {"points_paid": 0, "points_unit": "", "points_paid_minor": 0, "revision": 0}

    for bits in range(64):
        for number in ((1 << bits) - 1, -(1 << bits), min((1 << bits) + 1, (1 << 63) - 1)):
            fields = {**usual, "occurred_at": number, "amount_minor": number}
            assert encoded(name, built(name, fields)) == oracle_bytes(name, fields)


@st.composite
def damaged(draw: st.DrawFn, original: bytes) -> bytes:
    """The bytes after the prefix with a few of them changed, left out, doubled or added."""
    body = bytearray(original[5:])
    for _ in range(draw(st.integers(1, 4))):
        i = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(("set", "cut", "drop", "insert", "repeat"))):
            case "set" if i < len(body):
                body[i] = draw(st.sampled_from((0, 1, 2, 3, 0x7F, 0x80, 0x81, 0xFE, 0xFF)) | st.integers(0, 255))
            case "cut":
                del body[i:]
            case "drop":
                del body[i : i + draw(st.integers(1, 3))]
            case "insert":
                body[i:i] = draw(st.binary(min_size=1, max_size=12))
            case "repeat":
                body[i:i] = body[max(0, i - 4) : i]
    return original[:5] + bytes(body)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_damaged_bytes_are_refused_or_mean_what_fastavro_says(name: str, data: st.DataObject) -> None:
    value = data.draw(damaged(oracle_bytes(name, data.draw(fields_of(name)))))

    try:
        found = decoded(name, value)
    except Undecodable as error:
        assert error.reason == UNDECODABLE
        assert name.rpartition(".")[2] in error.detail
    else:
        assert found == oracle_value(name, value)


@given(st.sampled_from(NAMES), st.binary(max_size=60))
@settings(deadline=None, max_examples=400)
def test_arbitrary_bytes_are_refused_or_mean_what_fastavro_says(name: str, body: bytes) -> None:
    value = prefix(name) + body

    try:
        found = decoded(name, value)
    except Undecodable as error:
        assert error.reason == UNDECODABLE
    else:
        assert found == oracle_value(name, value)


@given(st.binary(max_size=12))
@settings(deadline=None, max_examples=300)
def test_no_value_makes_the_decoder_fail_otherwise(value: bytes) -> None:
    for call in (lambda: DECODER.decode(value, 0), lambda: DECODER.output(value)):
        try:
            found: object = call()
        except Undecodable:
            continue
        assert found is not None


@pytest.mark.parametrize("name", INPUTS)
@given(data=st.data())
@settings(deadline=None, max_examples=20)
def test_cut_values_are_always_refused(name: str, data: st.DataObject) -> None:
    value = oracle_bytes(name, data.draw(fields_of(name)))

    for end in range(5, len(value)):
        with pytest.raises(Undecodable):
            DECODER.decode(value[:end], 0)
