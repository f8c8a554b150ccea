"""Says what is wrong with bytes or values that generated code refused: field, value, remedy. Not on the usual path."""

from __future__ import annotations

from typing import Final

from pipeline.wire.avro import Array, Enum, Field, Fixed, Map, Primitive, Record, Type, Union
from pipeline.wire.binary import (
    Malformed,
    OutOfRange,
    int_bytes,
    long_bytes,
    read_block,
    read_int,
    read_length,
    read_long,
)

WIDTHS: Final = {"null": 0, "float": 4, "double": 8}


def fault_in_bytes(data: bytes, start: int, schema: Record) -> str:
    """What keeps the bytes from `start` on from being one value of the writer's schema; empty if nothing does."""
    reader = _Reader(data, start)
    try:
        reader.skip(schema, schema.short_name)
    except (Malformed, UnicodeDecodeError) as error:
        return f"{reader.path}: {error} (byte {reader.i})"
    except IndexError:
        return f"{reader.path}: the value is cut off after {len(data)} bytes"
    if reader.i != len(data):
        return f"{schema.short_name}: {len(data) - reader.i} bytes are left over after the value"
    return ""


class _Reader:
    """Walks over a value by its schema and remembers where it is."""

    def __init__(self, data: bytes, i: int) -> None:
        self.data = data
        self.i = i
        self.path = ""

    def skip(self, kind: Type, path: str) -> None:
        self.path = path
        match kind:
            case Record(fields=fields):
                for field in fields:
                    self.skip(field.type, f"{path}.{field.name}")
            case Primitive(name="boolean"):
                if self.data[self.i] > 1:
                    raise Malformed(f"{self.data[self.i]} is no boolean, which is 0 or 1")
                self.i += 1
            case Primitive(name="int"):
                _n, self.i = read_int(self.data, self.i)
            case Primitive(name="long"):
                _n, self.i = read_long(self.data, self.i)
            case Primitive(name="string"):
                self.take(self.length()).decode()
            case Primitive(name="bytes"):
                self.take(self.length())
            case Primitive(name=name):
                self.take(WIDTHS[name])
            case Fixed(size=size):
                self.take(size)
            case Enum(symbols=symbols):
                self.index(len(symbols), "symbol")
            case Union(branches=branches):
                self.skip(branches[self.index(len(branches), "branch")], path)
            case Array(items=items):
                self.blocks(items, path, keyed=False)
            case Map(values=values):
                self.blocks(values, path, keyed=True)

    def length(self) -> int:
        n, self.i = read_length(self.data, self.i)
        return n >> 1

    def index(self, count: int, what: str) -> int:
        index = self.length()
        if index >= count:
            raise Malformed(f"there is no {what} {index}, only {count}")
        return index

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.i:
            raise Malformed(f"{size} bytes are announced where {len(self.data) - self.i} are left")
        self.i += size
        return self.data[self.i - size : self.i]

    def blocks(self, items: Type, path: str, keyed: bool) -> None:
        number = 0
        while True:
            count, self.i, stop = read_block(self.data, self.i)
            if not count:
                return
            for _ in range(count):
                if keyed:
                    self.path = f"{path} key {number}"
                    self.take(self.length()).decode()
                self.skip(items, f"{path}[{number}]")
                number += 1
            self.path = path
            if stop and self.i != stop:
                raise Malformed("a block does not end where it says")


def fault_in_value(value: object, schema: Record, header: object = None) -> str:
    """The first field of a value that its Avro type cannot hold; empty if there is none.

    `header`, for events, is where fields are looked for that the value does not have.
    """
    for field in schema.fields:
        owner = value if hasattr(value, field.attribute) else header
        fault = _fault_in_field(getattr(owner, field.attribute), field, f"{schema.short_name}.{field.attribute}")
        if fault:
            return fault
    return ""


def _fault_in_field(value: object, field: Field, path: str) -> str:
    match field.type:
        case Array(items=items) if isinstance(value, list):
            found = (_fault_in_field(item, Field("item", items), f"{path}[{i}]") for i, item in enumerate(value))
            return next((fault for fault in found if fault), "")
        case Map(values=values) if isinstance(value, dict):
            keys = (_fault_in_field(key, Field("key", Primitive("string")), f"{path} key") for key in value)
            found = (_fault_in_field(item, Field("value", values), f"{path}[{key!r}]") for key, item in value.items())
            return next((fault for fault in (*keys, *found) if fault), "")
        case Record():
            return fault_in_value(value, field.type)
    return _fault_in_scalar(value, field.type, path)


def _fault_in_scalar(value: object, kind: Type, path: str) -> str:
    expected = {"string": str, "bytes": bytes, "boolean": bool, "int": int, "long": int}
    try:
        match kind:
            case Enum(symbols=symbols) if value not in symbols:
                return f"{path}: {value!r} is none of {', '.join(symbols)}"
            case Primitive(name=name) if not isinstance(value, expected[name]):
                return f"{path}: {value!r} is no {name}"
            case Primitive(name="string") if isinstance(value, str):
                value.encode()
            case Primitive(name="int") if isinstance(value, int):
                int_bytes(value)
            case Primitive(name="long") if isinstance(value, int):
                long_bytes(value)
    except OutOfRange as error:
        return f"{path}: {error}"
    except UnicodeEncodeError:
        return f"{path}: {value!r} holds half a surrogate pair, which UTF-8 cannot express: leave it out"
    return ""
