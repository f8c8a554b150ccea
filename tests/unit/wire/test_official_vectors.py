"""The codec agrees with examples that others have published: Avro's specification and Confluent's framing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.wire.avro import BadSchema, parse, parse_record
from pipeline.wire.binary import long_bytes, read_long
from pipeline.wire.codec import NOT_AVRO, Decoder, Undecodable
from pipeline.wire.codegen.decoders import decoder_source
from pipeline.wire.explain import fault_in_bytes
from pipeline.wire.generated import decoders
from pipeline.wire.schemas import CommittedSchemas

FILE = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "avro_confluent.json"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"the published vectors are not at {FILE}")
VECTORS: dict[str, Any] = json.loads(FILE.read_text()) if FILE.is_file() else {}


def wrapped(schema: Any) -> str:
    """A schema in a record of one field, whose bytes are the same."""
    return json.dumps({"type": "record", "name": "Wrapped", "fields": [{"name": "value", "type": schema}]})


def read(schema: Any, ours: Any, data: bytes) -> Any:
    """What a decoder generated for the schema reads as our type `ours`."""
    source = decoder_source("decode", parse_record(wrapped(schema)), parse_record(wrapped(ours)), "outputs")
    namespace = {**vars(decoders), "Wrapped": lambda value: SimpleNamespace(value=value)}
    exec("\n".join(source), namespace)
    return namespace["decode"](bytes(5) + data).value


def test_zigzag_numbers() -> None:
    for vector in VECTORS["zigzag"]:
        data = bytes.fromhex(vector["hex"])
        raw, end = read_long(data, 0)

        assert long_bytes(vector["value"]) == data
        assert (raw >> 1 ^ -(raw & 1), end) == (vector["value"], len(data))


def test_strings_and_arrays_of_the_specification() -> None:
    read_here = [
        v for v in VECTORS["binary"] if v["schema"] in ({"type": "string"}, {"type": "array", "items": "long"})
    ]
    assert len(read_here) == 2

    for vector in read_here:
        assert read(vector["schema"], vector["schema"], bytes.fromhex(vector["hex"])) == vector["value"]


def test_the_record_of_the_specification() -> None:
    vector = next(v for v in VECTORS["binary"] if v["schema"]["type"] == "record")
    schema = {**vector["schema"], "name": "Test"}
    source = decoder_source("decode", parse_record(json.dumps(schema)), parse_record(json.dumps(schema)), "outputs")
    namespace = {**vars(decoders), "Test": lambda a, b: {"a": a, "b": b}}
    exec("\n".join(source), namespace)

    assert namespace["decode"](bytes(5) + bytes.fromhex(vector["hex"])) == vector["value"]


def test_the_unions_of_the_specification() -> None:
    string, null = (bytes.fromhex(v["hex"]) for v in VECTORS["binary"] if v["schema"] == ["null", "string"])

    assert read(["null", "string"], "string", string) == "a"
    with pytest.raises(ValueError, match="null cannot be read as our string"):
        read(["null", "string"], "string", null)


def test_the_message_of_avros_own_tests() -> None:
    vector = VECTORS["single_object"]
    schema = parse_record(vector["schema_canonical"])
    body = bytes.fromhex(vector["hex"])[10:]

    assert fault_in_bytes(body, 0, schema) == ""
    assert "left over" in fault_in_bytes(body + b"\0", 0, schema)
    assert fault_in_bytes(body[:-1], 0, schema) != ""


def test_confluent_framing() -> None:
    for vector in VECTORS["confluent_wire"]["examples"]:
        data = bytes.fromhex(vector["hex"])

        assert data[:5] == b"\0" + vector["schema_id"].to_bytes(4, "big")
        assert data[5:].hex() == vector["avro_hex"]


def test_framing_that_must_be_rejected() -> None:
    for vector in VECTORS["confluent_wire"]["must_reject"]:
        source = CommittedSchemas()
        source._texts[0] = wrapped("string").replace("Wrapped", "accrue.control.Tick")
        with pytest.raises(Undecodable) as caught:
            Decoder(source).decode(bytes.fromhex(vector["hex"]), 0)

        framing = "magic" in vector["why"] or "header" in vector["why"]
        assert (caught.value.reason == NOT_AVRO) == framing


REFUSED = {
    "016": "a union must have branches",
    "029": "not valid JSON",  # its comment asks whether a parser that takes it is broken
    "031": "its items take no bytes",
    "033": "PigValue contains itself",
}


def test_schemas_of_the_specification_are_understood_or_refused_for_good_reason() -> None:
    refused = {}
    for vector in VECTORS["canonical_form_fingerprints"]:
        try:
            parse(vector["schema"])
        except BadSchema as error:
            refused[vector["n"]] = str(error)

    assert refused.keys() == REFUSED.keys()
    assert [number for number, reason in REFUSED.items() if reason not in refused[number]] == []
