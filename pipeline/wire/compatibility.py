"""Whether what was written with one schema can be read with another, by the resolution rules of Avro 1.12.

Source: https://avro.apache.org/docs/1.12.0/specification/#schema-resolution. Stricter in one place: a timestamp is only
read as a timestamp of the same unit.
"""

from __future__ import annotations

from typing import Final

from pipeline.wire.avro import Array, Enum, Fixed, Map, Primitive, Record, Type, Union, shown

PROMOTIONS: Final = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
"""Writer's type to the readers' types that it may be read as."""


def full_problems(new: Record, old: Record) -> list[str]:
    """Why `new` and `old` are not FULL compatible: each must read what the other wrote. Empty if they are."""
    return [f"it cannot read what the earlier version wrote: {problem}" for problem in problems(new, old)] + [
        f"the earlier version cannot read what it writes: {problem}" for problem in problems(old, new)
    ]


def problems(reader: Type, writer: Type, path: str = "") -> list[str]:
    """Why a reader cannot read everything that a writer may write, with the place of each reason; empty if it can."""
    match reader, writer:
        case (_, Union(branches=branches)):
            return [problem for branch in branches for problem in problems(reader, branch, path)]
        case (Union(branches=branches), _):
            if any(not problems(branch, writer, path) for branch in branches):
                return []
        case (Record(), Record()) if _same_name(reader, writer):
            return _record_problems(reader, writer, path or reader.short_name)
        case (Enum(), Enum()) if _same_name(reader, writer):
            lost = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
            if not lost or reader.default:
                return []
            return [
                f"{path}: the reader's {shown(reader)} lacks {', '.join(lost)} and has no default symbol: give it one"
            ]
        case (Array(), Array()):
            return problems(reader.items, writer.items, f"{path}[]")
        case (Map(), Map()):
            return problems(reader.values, writer.values, f"{path}{{}}")
        case (Fixed(), Fixed()) if _same_name(reader, writer) and reader.size == writer.size:
            return []
        case (Primitive(), Primitive()):
            readable = reader.name == writer.name or reader.name in PROMOTIONS.get(writer.name, ())
            if readable and not (reader.logical and writer.logical and reader.logical != writer.logical):
                return []
    return [
        f"{path or 'the schema'}: {shown(writer)} cannot be read as {shown(reader)}: keep the type, add a new field"
    ]


def _record_problems(reader: Record, writer: Record, path: str) -> list[str]:
    written = {field.name: field for field in writer.fields}
    found: list[str] = []
    for field in reader.fields:
        place = f"{path}.{field.name}"
        if field.name in written:
            found += problems(field.type, written[field.name].type, place)
        elif not field.has_default:
            found.append(f"{place}: the writer lacks it and it has no default: give it one")
    return found


def _same_name(one: Record | Enum | Fixed, other: Record | Enum | Fixed) -> bool:
    return one.name.rpartition(".")[2] == other.name.rpartition(".")[2]
