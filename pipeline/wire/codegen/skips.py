"""Writes the code that passes over what a writer's schema has and ours does not, and what reading lengths shares."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.wire.avro import Array, Enum, Fixed, Map, Primitive, Record, Type, Union
from pipeline.wire.codegen.layout import indented


def length_lines() -> list[str]:
    """Reads a length or index that is not negative into `n`, doubled, as zigzag has it."""
    return ["n = data[i]", "i += 1", "if n & 129:", "    n, i = read_length(data, i - 1)"]


def block_lines(body: Sequence[str], local: str, path: str) -> list[str]:
    """Reads the blocks of an array or map; `body` reads one item. `local` begins the names that only these blocks use.

    The number of items has a name of its own, which the body does not change: compiled code reads it again and again.
    """
    count, stop = f"{local}_count", f"{local}_stop"
    return [
        "n = data[i]",
        "i += 1",
        "while n:",
        f"    {stop} = 0",
        "    if n & 129:",
        f"        {count}, i, {stop} = read_block(data, i - 1)",
        "    else:",
        f"        {count} = n >> 1",
        f"    for _ in range({count}):",
        *indented(body, 2),
        f"    if {stop} and i != {stop}:",
        f'        raise Malformed("{path}: a block does not end where it says")',
        "    n = data[i]",
        "    i += 1",
    ]


class Skips:
    """Skips for one decoder. Arrays and maps are skipped by functions of their own, so that nothing nests deeply."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.functions: list[str] = []
        self.count = 0

    def lines(self, writer: Type, path: str) -> list[str]:
        """Lines that move `i` behind a value of the writer's type."""
        match writer:
            case Primitive(name="null"):
                return []
            case Primitive(name="boolean"):
                return ["i += 1", "if data[i - 1] > 1:", f'    raise Malformed("{path}: a boolean is neither 0 nor 1")']
            case Primitive(name="int" | "long" as name):
                return [f"i = read_{name}(data, i)[1]"]
            case Primitive(name="float"):
                return ["i += 4"]
            case Primitive(name="double"):
                return ["i += 8"]
            case Fixed(size=size):
                return [f"i += {size}"]
            case Primitive():
                return [*length_lines(), "i += n >> 1"]
            case Enum(symbols=symbols):
                fault = f'    raise Malformed("{path}: the enum has no such symbol")'
                return [*length_lines(), f"if n >> 1 >= {len(symbols)}:", fault]
            case Record(fields=fields):
                return [line for field in fields for line in self.lines(field.type, f"{path}.{field.name}")]
            case Array(items=items):
                return self.call(self.lines(items, f"{path}[]"), path)
            case Map(values=values):
                return self.call([*length_lines(), "i += n >> 1", *self.lines(values, f"{path}{{}}")], path)
            case Union(branches=branches):
                return self.union(branches, path)

    def union(self, branches: Sequence[Type], path: str) -> list[str]:
        lines = length_lines()
        for index, branch in enumerate(branches):
            lines += [
                f"{'elif' if index else 'if'} n == {index << 1}:",
                *indented(self.lines(branch, path) or ["pass"]),
            ]
        return [*lines, "else:", f'    raise Malformed("{path}: the union has no such branch")']

    def call(self, body: Sequence[str], path: str) -> list[str]:
        """Puts the skipping of a collection into a function, and calls it."""
        self.count += 1
        name = f"_skip_{self.name}_{self.count}"
        blocks = block_lines(body, "items", path)
        self.functions += [f"def {name}(data: bytes, i: int) -> int:", *indented(blocks), "    return i", "", ""]
        return [f"i = {name}(data, i)"]
