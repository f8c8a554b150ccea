"""Compatibility by Avro's resolution rules: what a reader can read of what a writer wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.wire.avro import parse, parse_record
from pipeline.wire.compatibility import full_problems, problems


def enum(*symbols: str, default: str = "", name: str = "E") -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **({"default": default} if default else {})}


def record(*fields: dict[str, Any], name: str = "R") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


A = {"name": "a", "type": "int"}
B = {"name": "b", "type": "string", "default": ""}
MILLIS, MICROS = ({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))
FIXED = {"type": "fixed", "name": "F", "size": 4}

# reader, writer, what is wrong (empty: nothing)
CASES: dict[str, tuple[Any, Any, str]] = {
    "the same": ("int", "int", ""),
    "int as long": ("long", "int", ""),
    "int as double": ("double", "int", ""),
    "float as double": ("double", "float", ""),
    "long as int": ("int", "long", "long cannot be read as int"),
    "double as long": ("long", "double", "double cannot be read as long"),
    "string as bytes": ("bytes", "string", ""),
    "bytes as string": ("string", "bytes", ""),
    "string as int": ("int", "string", "string cannot be read as int"),
    "ms as a number": ("long", MILLIS, ""),
    "µs as ms": (MILLIS, MICROS, r"long \(timestamp-micros\) cannot be read as long \(timestamp-millis\)"),
    "a symbol more in the reader": (enum("x", "y"), enum("x"), ""),
    "a symbol less in the reader": (enum("x"), enum("x", "y"), "lacks y and has no default symbol"),
    "a symbol less, with a default": (enum("x", default="x"), enum("x", "y"), ""),
    "an enum renamed": (enum("x", name="G"), enum("x"), "enum E cannot be read as enum G"),
    "a fixed of another size": (FIXED, {**FIXED, "size": 5}, "fixed F cannot be read as fixed F"),
    "the same fixed": (FIXED, FIXED, ""),
    "items promoted": ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}, ""),
    "items narrowed": ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, r"\[\]: long cannot"),
    "map for array": (
        {"type": "map", "values": "int"},
        {"type": "array", "items": "int"},
        "array of int cannot be read",
    ),
    "values narrowed": ({"type": "map", "values": "int"}, {"type": "map", "values": "long"}, r"{}: long cannot"),
    "a field more, with a default": (record(A, B), record(A), ""),
    "a field more, without": (record(A, B), record(B), r"R\.a: the writer lacks it and it has no default"),
    "a field less": (record(B), record(A, B), ""),
    "fields in another order": (record(B, A), record(A, B), ""),
    "a record renamed": (record(A, name="S"), record(A), "record R cannot be read as record S"),
    "a field of a field": (
        record({"name": "r", "type": record(A, name="S")}),
        record({"name": "r", "type": record(B, name="S")}),
        r"R\.r\.a: the writer lacks it",
    ),
    "into a union": (["null", "long"], "int", ""),
    "into a union without a branch for it": (
        ["null", "long"],
        "string",
        "string cannot be read as union of null, long",
    ),
    "out of a union": ("long", ["int", "long"], ""),
    "out of a union with null": ("long", ["null", "long"], "null cannot be read as long"),
}


@pytest.mark.parametrize(("reader", "writer", "fault"), CASES.values(), ids=CASES)
def test_what_can_be_read(reader: Any, writer: Any, fault: str) -> None:
    found = problems(parse(json.dumps(reader)), parse(json.dumps(writer)))

    assert bool(found) == bool(fault)
    if fault:
        with pytest.raises(AssertionError, match=fault):
            raise AssertionError("; ".join(found))


def test_full_compatibility_asks_in_both_directions() -> None:
    old, new = (parse_record(json.dumps(schema)) for schema in (record(B), record(A, B)))

    assert full_problems(new, old) == [
        "it cannot read what the earlier version wrote: R.a: the writer lacks it and it has no default: give it one"
    ]
    assert full_problems(old, new) == [
        "the earlier version cannot read what it writes: R.a: the writer lacks it and it has no default: give it one"
    ]
