"""Records of writers with other versions of our schemas are read as fastavro resolves them into ours."""

from __future__ import annotations

import copy
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import fastavro
import pytest
from avro_values import NAMES, built, fastavro_schema, values_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.wire import schemas
from pipeline.wire.avro import parse_record
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.schemas import CommittedSchemas

RECORDED_AT_MS = 7
TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}


@st.composite
def foreign_types(draw: st.DrawFn, depth: int = 0) -> Any:
    """A type, as JSON, that a writer may have given a field of its own; `uniquely_named` makes its names differ."""
    simple = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
    kinds = [*simple, "enum", "fixed", "union"] + (["array", "map", "record"] if depth < 3 else [])
    kind = draw(st.sampled_from(kinds))
    name = "Foreign"
    match kind:
        case "enum":
            return {"type": "enum", "name": name, "symbols": [f"s{i}" for i in range(draw(st.integers(1, 70)))]}
        case "fixed":
            return {"type": "fixed", "name": name, "size": draw(st.integers(1, 20))}
        case "union":
            return draw(st.lists(st.sampled_from(simple), min_size=1, max_size=4, unique=True))
        case "array" | "map":
            inner = draw(foreign_types(depth + 1).filter(lambda t: t != "null"))
            return {"type": kind, "items" if kind == "array" else "values": inner}
        case "record":
            inner = [draw(foreign_types(depth + 1)) for _ in range(draw(st.integers(1, 3)))]
            fields = [{"name": f"f{i}", "type": t} for i, t in enumerate([*inner, "long"])]
            return {"type": "record", "name": name, "fields": fields}
    return kind


@st.composite
def writers_record(draw: st.DrawFn, ours: dict[str, Any]) -> dict[str, Any]:
    """A FULL compatible version of a record's schema: fields reordered, left out, added, narrowed; symbols changed."""
    fields = []
    for field in copy.deepcopy(ours["fields"]):
        if "default" in field and draw(st.booleans()):
            continue
        field["type"] = draw(writers_type(field["type"]))
        fields.append(field)
    for number in range(draw(st.integers(0, 2))):
        fields.append({"name": f"added_{number}", "type": draw(foreign_types())})
    return {**ours, "fields": draw(st.permutations(fields))}


@st.composite
def writers_type(draw: st.DrawFn, ours: Any) -> Any:
    if ours == "long":
        return draw(st.sampled_from(("long", "int")))
    if not isinstance(ours, dict) or ours == TIMESTAMP:
        return ours
    if ours["type"] == "enum":
        kept = draw(st.lists(st.sampled_from(ours["symbols"]), unique=True))
        return {**ours, "symbols": [*kept, "added_symbol"], "default": "added_symbol"}
    if ours["type"] == "array" and isinstance(ours["items"], dict):
        return {**ours, "items": draw(writers_record(ours["items"]))}
    return ours


def uniquely_named(schema: Any, numbers: Iterator[int]) -> Any:
    """The schema with each foreign type named once: two of the same name are no Avro schema."""
    if isinstance(schema, list):
        return [uniquely_named(inner, numbers) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    named = {key: uniquely_named(inner, numbers) for key, inner in schema.items()}
    if str(named.get("name", "")).startswith("Foreign"):
        named["name"] = f"Foreign{next(numbers)}"
    return named


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_what_other_versions_wrote_is_read_as_fastavro_resolves_it(name: str, data: st.DataObject) -> None:
    writer = uniquely_named(data.draw(writers_record(json.loads(SCHEMAS[name][1]))), itertools.count())
    text = json.dumps(writer)
    fields = data.draw(values_of(parse_record(text)))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro_schema(text), fields)
    source = CommittedSchemas()
    value = b"\0" + source.add(text).to_bytes(4, "big") + out.getvalue()
    decoder = Decoder(source)

    is_output = schemas.kind(name) == "outputs"
    found = decoder.output(value) if is_output else decoder.decode(value, RECORDED_AT_MS)

    resolved = fastavro.schemaless_reader(
        io.BytesIO(out.getvalue()), fastavro_schema(text), fastavro_schema(SCHEMAS[name][1])
    )
    assert found == built(name, resolved, RECORDED_AT_MS)  # type: ignore[arg-type]
    with pytest.raises(Undecodable):
        decoder.output(value + b"\0") if is_output else decoder.decode(value + b"\0", RECORDED_AT_MS)
