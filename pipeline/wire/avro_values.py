"""Reads a value of any Avro schema as plain Python: what others write by schemas of their own, which no code knows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from pipeline.wire.avro import Array, Enum, Fixed, Map, Primitive, Record, Type, Union
from pipeline.wire.binary import Malformed, read_block, read_int, read_length, read_long

_FLOATS: Final = {"float": struct.Struct("<f"), "double": struct.Struct("<d")}


def read_value(schema: Type, data: bytes) -> object:
    """The value that the bytes are: mappings, lists, texts, numbers, truths, bytes as hex digits, or None.

    Floats become texts, as they are written shortest. Raises Malformed, UnicodeDecodeError, or IndexError where the
    bytes end too soon.
    """
    reader = _Reader(data)
    value = reader.read(schema)
    if reader.i != len(data):
        raise Malformed(f"{len(data) - reader.i} bytes are left over after the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.i = 0

    def read(self, kind: Type) -> object:
        match kind:
            case Record(fields=fields):
                return {field.name: self.read(field.type) for field in fields}
            case Array(items=items):
                return [self.read(items) for _ in self._items()]
            case Map(values=values):
                return {self._take(self._length()).decode(): self.read(values) for _ in self._items()}
            case Union(branches=branches):
                return self.read(branches[self._index(len(branches))])
            case Enum(symbols=symbols):
                return symbols[self._index(len(symbols))]
            case Fixed(size=size):
                return self._take(size).hex()
            case Primitive(name=name):
                return self._primitive(name)

    def _primitive(self, name: str) -> object:
        if name == "null":
            return None
        if name == "boolean":
            truth = self._take(1)[0]
            if truth > 1:
                raise Malformed(f"{truth} is no boolean, which is 0 or 1")
            return truth == 1
        if name in ("int", "long"):
            n, self.i = (read_int if name == "int" else read_long)(self.data, self.i)
            return n >> 1 ^ -(n & 1)
        if name in _FLOATS:
            form = _FLOATS[name]
            (number,) = form.unpack(self._take(form.size))
            return repr(number)
        content = self._take(self._length())
        return content.decode() if name == "string" else content.hex()

    def _items(self) -> Iterator[int]:
        """Once for each item of an array or map, over all its blocks."""
        while True:
            count, self.i, stop = read_block(self.data, self.i)
            if not count:
                return
            yield from range(count)
            if stop and self.i != stop:
                raise Malformed("a block does not end where it says")

    def _length(self) -> int:
        n, self.i = read_length(self.data, self.i)
        return n >> 1

    def _index(self, count: int) -> int:
        index = self._length()
        if index >= count:
            raise Malformed(f"there is no branch or symbol {index}, only {count}")
        return index

    def _take(self, size: int) -> bytes:
        if size > len(self.data) - self.i:
            raise Malformed(f"{size} bytes are announced where {len(self.data) - self.i} are left")
        self.i += size
        return self.data[self.i - size : self.i]
