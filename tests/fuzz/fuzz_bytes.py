"""Values of records at random, and the ways in which their bytes are damaged."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import fastavro
from avro_values import branch_name, fastavro_schema

from pipeline.wire.avro import Array, Enum, Fixed, Map, Primitive, Record, Type, Union, parse_record

EDGES = (0, 1, 2, 3, 63, 64, 127, 128, 8191, 8192, (1 << 31) - 1, 1 << 31, (1 << 62), (1 << 63) - 1)
TEXTS = ("", "a", "m-1", "order-8", "é", "日本", "\x00", "x" * 64, "y" * 130, "\U0001f600", "USD", "shop")
HUGE = tuple(
    bytes.fromhex(text)
    for text in (
        "ffffffffffffffffff01", "feffffffffffffffff01", "ffffffffffffffffff7f", "ffffffffffffffffffff01",
        "80808080808080808000",
        "ffffffff0f", "feffffff0f", "8080808010", "80808080808080808080808080808080", "01", "02", "ffffff7f",
        "fefffe07",
    )
)  # fmt: skip
"""Varints beyond any length, negative ones, longer ones than need be."""


def value_of(draw: Random, kind: Type) -> Any:
    """A value of an Avro type in the form that fastavro writes."""
    match kind:
        case Primitive(name=name):
            return _primitive(draw, name)
        case Enum(symbols=symbols):
            return draw.choice(symbols)
        case Fixed(size=size):
            return draw.randbytes(size)
        case Array(items=items):
            return [value_of(draw, items) for _ in range(draw.choice((0, 1, 1, 2, 5)))]
        case Map(values=values):
            return {draw.choice(TEXTS): value_of(draw, values) for _ in range(draw.choice((0, 1, 2)))}
        case Union(branches=branches):
            branch = draw.choice(branches)
            return branch_name(branch), value_of(draw, branch)
        case Record(fields=fields):
            return {field.name: value_of(draw, field.type) for field in fields}


def _primitive(draw: Random, name: str) -> Any:
    match name:
        case "null":
            return None
        case "boolean":
            return draw.random() < 0.5
        case "int" | "long":
            limit = 31 if name == "int" else 63
            near = draw.choice(EDGES) * draw.choice((1, 1, -1))
            usual = draw.choice(
                (draw.randrange(200), draw.randrange(1 << 20), 1_772_323_200_000 + draw.randrange(10**9))
            )
            return min(max(near if draw.random() < 0.3 else usual, -(1 << limit)), (1 << limit) - 1)
        case "float":
            return struct.unpack("f", struct.pack("f", draw.uniform(-1e6, 1e6)))[0]
        case "double":
            return draw.uniform(-1e12, 1e12)
        case "bytes":
            return draw.randbytes(draw.choice((0, 1, 16, 100)))
    return draw.choice(TEXTS)


def encoder_of(text: str) -> Callable[[Random], bytes]:
    """Writes random values of a record's schema as Avro, without a prefix."""
    record, schema = parse_record(text), fastavro_schema(text)

    def encoded(draw: Random) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, value_of(draw, record))
        return out.getvalue()

    return encoded


def mutated(draw: Random, value: bytes, other: bytes) -> bytes:
    """The value with one to four things done to it; `other` is what it may be spliced with."""
    data = bytearray(value)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        _mutate(draw, data, other)
    return bytes(data)


def _mutate(draw: Random, data: bytearray, other: bytes) -> None:
    at = draw.randrange(len(data) + 1)
    match draw.randrange(12):
        case 0:
            del data[at:]
        case 1 | 2 if at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        case 3 if at < len(data):
            data[at] = draw.choice((0, 1, 2, 0x7F, 0x80, 0x81, 0xFE, 0xFF, draw.randrange(256)))
        case 4:
            data[at:at] = draw.choice(HUGE)
        case 5:
            size = draw.choice((1, 2, 5))
            data[at : at + size] = draw.choice(HUGE)
        case 6:
            cut = draw.randrange(len(other) + 1)
            data[at:] = other[cut:]
        case 7:
            del data[at : at + draw.choice((1, 2, 3, 16))]
        case 8:
            size = draw.choice((1, 4, 32))
            data[at:at] = data[at : at + size] * draw.choice((1, 2, 50))
        case 9:
            data[at:at] = draw.randbytes(draw.choice((1, 4, 40)))
        case 10:
            data += draw.randbytes(draw.choice((1, 1, 8, 300)))
        case _:  # blocks within blocks, each with its size or without
            data[at:at] = bytes((draw.choice((1, 2, 3, 4)), draw.choice((0, 2, 8, 40)))) * draw.choice((2, 30))
