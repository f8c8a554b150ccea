"""Hypothesis strategies for our records, as fastavro's dicts, and the way from those to our values."""

from __future__ import annotations

import json
from typing import Any

import fastavro
from hypothesis import strategies as st

from pipeline.core import payloads, records
from pipeline.core.events import Event
from pipeline.wire import schemas
from pipeline.wire.avro import Array, Enum, Fixed, Map, Primitive, Record, Type, Union
from pipeline.wire.codegen.sources import HEADER
from pipeline.wire.generated.schemas import SCHEMAS

NAMES = list(SCHEMAS)
INPUTS = [name for name in NAMES if schemas.kind(name) != "outputs"]
EVENTS = [name for name in NAMES if schemas.kind(name) == "events"]

texts = st.one_of(st.just(""), st.text(max_size=12), st.text("abcé-01", min_size=60, max_size=70))
longs = st.one_of(
    st.integers(-70, 70), st.integers(-20_000, 20_000), st.integers(0, 1 << 44), st.integers(-(1 << 63), (1 << 63) - 1)
)
ints = st.one_of(st.integers(-70, 70), st.integers(-(1 << 31), (1 << 31) - 1))


def values_of(kind: Type) -> st.SearchStrategy[Any]:
    """Values of an Avro type in the form that fastavro reads and writes; branches of unions are written as tuples."""
    match kind:
        case Primitive(name=name):
            return {
                "null": st.none(),
                "boolean": st.booleans(),
                "int": ints,
                "long": longs,
                "float": st.floats(width=32, allow_nan=False),
                "double": st.floats(allow_nan=False),
                "bytes": st.binary(max_size=70),
                "string": texts,
            }[name]
        case Enum(symbols=symbols):
            return st.sampled_from(symbols)
        case Fixed(size=size):
            return st.binary(min_size=size, max_size=size)
        case Array(items=items):
            return st.lists(values_of(items), max_size=3)
        case Map(values=values):
            return st.dictionaries(texts, values_of(values), max_size=3)
        case Record(fields=fields):
            return st.fixed_dictionaries({field.name: values_of(field.type) for field in fields})
        case Union(branches=branches):
            return st.one_of([values_of(branch).map(lambda v, b=branch: (branch_name(b), v)) for branch in branches])


def branch_name(branch: Type) -> str:
    """As fastavro's tuple notation names a branch."""
    assert isinstance(branch, Primitive | Record | Enum | Fixed)
    return branch.name


def fields_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Values of all fields of our record with this full name."""
    return values_of(schemas.record(name))


def built(name: str, fields: dict[str, Any], recorded_at_ms: int = 7) -> Any:
    """Our value of a dict of fields."""
    record = schemas.record(name)
    if schemas.kind(name) == "events":
        own = Record(record.name, tuple(field for field in record.fields if field.name not in HEADER))
        header = {field: fields[field] for field in HEADER}
        return Event(*header.values(), _value(own, fields, payloads), recorded_at_ms)
    return _value(record, fields, records if schemas.kind(name) == "outputs" else payloads)


def _value(record: Record, fields: dict[str, Any], module: Any) -> Any:
    values = [
        [_value(field.type.items, item, module) for item in fields[field.name]]
        if isinstance(field.type, Array) and isinstance(field.type.items, Record)
        else fields[field.name]
        for field in record.fields
    ]
    return getattr(module, record.short_name)(*values)


def without_logical_types(content: Any) -> Any:
    """A schema's JSON whose timestamps fastavro leaves as numbers."""
    if isinstance(content, dict):
        return {key: without_logical_types(value) for key, value in content.items() if key != "logicalType"}
    return [without_logical_types(item) for item in content] if isinstance(content, list) else content


def fastavro_schema(text: str) -> Any:
    """A schema's JSON text as fastavro takes it."""
    return fastavro.parse_schema(without_logical_types(json.loads(text)))
