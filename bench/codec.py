"""The generated codec beside fastavro, per record: `python -m bench.codec`. Read its ratios: times differ by machine.

fastavro is measured twice when decoding: alone, which ends with a dict, and with our values built from that dict, which
is what a decoder has to deliver.
"""

from __future__ import annotations

import io
import json
import time
import timeit
from collections.abc import Callable
from typing import Any, Final

import fastavro

from pipeline.core import payloads, records
from pipeline.core.events import Event
from pipeline.wire import schemas
from pipeline.wire.avro import Array, Enum, Map, Primitive, Record, Type
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.codegen.sources import HEADER, snake_case
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.schemas import CommittedSchemas

NOW_MS: Final = 1_763_800_000_000
REPEATS: Final = 7
CALLS: Final = 4_000


def main() -> None:
    """Measure every record and print a table."""
    source = CommittedSchemas()
    decoder, encoder = Decoder(source), Encoder(source.schema_ids)
    print(
        f"{'record':24}{'bytes':>6} | decode: ours  fastavro  ratio  with values  ratio | encode: ours  fastavro  ratio"
    )
    for name, (kind, text) in SCHEMAS.items():
        measure(name, kind, text, decoder, encoder)


def measure(name: str, kind: str, text: str, decoder: Decoder, encoder: Encoder) -> None:
    """Print one record's line."""
    schema = fastavro.parse_schema(_plain(json.loads(text)))
    record = schemas.record(name)
    fields = {field.name: sample(field.type, field.name) for field in record.fields}
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, fields)
    data = buffer.getvalue()
    value = bytes(5) + data
    build = builder(record, kind)
    built = build(fields)
    encode = encoder.event if kind == "events" else getattr(encoder, snake_case(record.short_name))
    value = encode(built)
    assert value[5:] == data, f"{name}: the encoders disagree"

    def read() -> dict[str, Any]:
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)  # type: ignore[return-value]

    def write() -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, fields)
        return out.getvalue()

    decode = (lambda: decoder.output(value)) if kind == "outputs" else (lambda: decoder.decode(value, NOW_MS))
    assert decode() == built, f"{name}: the decoders disagree"
    ours, plain, whole = _us(decode), _us(read), _us(lambda: build(read()))
    ours_out, plain_out = _us(lambda: encode(built)), _us(write)
    decoding = f"{ours:12.2f}{plain:10.2f}{plain / ours:6.1f}x{whole:13.2f}{whole / ours:6.1f}x"
    encoding = f"{ours_out:12.2f}{plain_out:10.2f}{plain_out / ours_out:6.1f}x"
    print(f"{record.short_name:24}{len(value):>6} | {decoding} | {encoding}")


def sample(kind: Type, name: str) -> Any:
    """A value of usual size for a field."""
    match kind:
        case Primitive(name="string"):
            return "9f86d081884c7d659a2feaa0c55ad015" * 2 if "hash" in name else f"{name[:6]}-1042"
        case Primitive(name="bytes"):
            return bytes(range(100, 132))
        case Primitive(name="boolean"):
            return True
        case Primitive(name="long", logical=logical) if logical:
            return NOW_MS
        case Primitive(name="int"):
            return 2
        case Primitive():
            return 12_550
        case Enum(symbols=symbols):
            return symbols[-1]
        case Array(items=Record() as record):
            return [{field.name: sample(field.type, field.name) for field in record.fields} for _ in range(2)]
        case Map(values=values):
            return {} if name == "attributes" else {"score": sample(values, name)}
    raise ValueError(f"no sample for {kind}")


def builder(record: Record, kind: str) -> Callable[[dict[str, Any]], Any]:
    """A function that makes our value of fastavro's dict with as little as possible."""
    module: Any = records if kind == "outputs" else payloads
    made = getattr(module, record.short_name)
    nested = [
        (index, getattr(module, field.type.items.short_name))
        for index, field in enumerate(record.fields)
        if isinstance(field.type, Array) and isinstance(field.type.items, Record)
    ]
    own = len(HEADER) if kind == "events" else 0

    def build(fields: dict[str, Any]) -> Any:
        values = list(fields.values())
        for index, item in nested:
            values[index] = [item(*entry.values()) for entry in values[index]]
        if not own:
            return made(*values)
        event_id, member_id, occurred_at_ms, source, traceparent, attributes = values[:own]
        payload = made(*values[own:])
        return Event(event_id, member_id, occurred_at_ms, source, traceparent, attributes, payload, NOW_MS)

    return build


def _plain(content: Any) -> Any:
    """The schema without logical types: timestamps stay longs on both sides."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items() if key != "logicalType"}
    return [_plain(item) for item in content] if isinstance(content, list) else content


def _us(call: Callable[[], object]) -> float:
    """Best CPU time of a call, in µs: what disturbs only adds."""
    return min(timeit.repeat(call, number=CALLS, repeat=REPEATS, timer=time.process_time)) / CALLS * 1e6


if __name__ == "__main__":
    main()
