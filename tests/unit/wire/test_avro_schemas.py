"""Schemas are parsed strictly: what is no Avro, or could not be decoded safely, is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.wire.avro import SIZE_LIMIT, BadSchema, Primitive, Record, least_bytes, parse, parse_record, shown


def record(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "namespace": "n", "fields": list(fields), **more}


def test_names_are_resolved_against_the_namespace_they_stand_in() -> None:
    content = record(
        {"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["x"]}},
        {"name": "b", "type": "E"},
        {"name": "c", "type": {"type": "array", "items": "n.E"}},
        {"name": "d", "type": {"type": {"type": "long", "logicalType": "timestamp-millis"}}},
    )

    parsed = parse_record(json.dumps(content))

    a, b, c, d = (field.type for field in parsed.fields)
    assert parsed.name == "n.R"
    assert a == b
    assert shown(a) == "enum n.E"
    assert shown(c) == "array of enum n.E"
    assert d == Primitive("long", "timestamp-millis")


REFUSED = {
    "not json": ("{", "not valid JSON"),
    "no type": ('{"type": "recor"}', "'recor' is no Avro type"),
    "a number": ("7", "7 is no Avro type"),
    "recursion": (record({"name": "next", "type": ["null", "R"]}), "n.R contains itself"),
    "recursion through an array": (
        record({"name": "a", "type": {"type": "array", "items": "R"}}),
        "n.R contains itself",
    ),
    "items of null": (record({"name": "a", "type": {"type": "array", "items": "null"}}), "take no bytes"),
    "items of empty records": (
        record({"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "E", "fields": []}}}),
        "take no bytes",
    ),
    "items of fixed 0": (
        record({"name": "a", "type": {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}}),
        "take no bytes",
    ),
    "code in a name": (record({"name": "a\nimport os", "type": "int"}), "no valid name"),
    "code in a symbol": (record({"name": "a", "type": {"type": "enum", "name": "E", "symbols": ['x"]']}}), "symbols"),
    "a letter beyond ASCII": (record(name="Ré"), "no Avro name"),
    "a field twice": (record({"name": "a", "type": "int"}, {"name": "a", "type": "int"}), "taken"),
    "a name twice": (
        record(
            {"name": "a", "type": {"type": "fixed", "name": "F", "size": 1}},
            {"name": "b", "type": {"type": "fixed", "name": "F", "size": 2}},
        ),
        "defined twice",
    ),
    "a primitive's name": ({"type": "record", "name": "string", "fields": []}, "no Avro name"),
    "a name before its definition": (record({"name": "a", "type": "Later"}), "no name defined before"),
    "an empty union": (record({"name": "a", "type": []}), "a union must have branches"),
    "a union in a union": (record({"name": "a", "type": ["null", ["int"]]}), "none may be a union"),
    "a negative size": (record({"name": "a", "type": {"type": "fixed", "name": "F", "size": -1}}), "size -1"),
    "a default that is no symbol": (
        record({"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["x"], "default": "y"}}),
        "default 'y'",
    ),
    "fields that are no list": (record(fields=3), "must be a list"),
}


@pytest.mark.parametrize(("content", "fault"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_decoded_safely_is_refused(content: Any, fault: str) -> None:
    with pytest.raises(BadSchema, match=fault):
        parse(content if isinstance(content, str) else json.dumps(content))


def test_deep_nesting_is_refused() -> None:
    nested: Any = "int"
    for _ in range(40):
        nested = {"type": "array", "items": nested}

    with pytest.raises(BadSchema, match="nested deeper"):
        parse(json.dumps(nested))


def test_json_nested_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(BadSchema, match="not valid JSON"):
        parse("[" * 100_000)


def test_a_schema_that_doubles_itself_by_names_is_refused() -> None:
    fields: list[dict[str, Any]] = [{"name": "f0", "type": record({"name": "x", "type": "int"}, name="N0")}]
    for level in range(1, 40):
        pair = [{"name": side, "type": f"N{level - 1}"} for side in ("left", "right")]
        fields.append({"name": f"f{level}", "type": record(*pair, name=f"N{level}")})

    with pytest.raises(BadSchema, match=f"more than {SIZE_LIMIT} types"):
        parse(json.dumps(record(*fields, name="Top")))


def test_a_message_must_be_a_record() -> None:
    with pytest.raises(BadSchema, match="no record"):
        parse_record('"string"')


def test_the_least_size_of_a_value_follows_from_its_fields() -> None:
    content = record({"name": "a", "type": "double"}, {"name": "b", "type": "null"}, {"name": "c", "type": "string"})

    parsed = parse(json.dumps(content))

    assert isinstance(parsed, Record)
    assert least_bytes(parsed) == 9
