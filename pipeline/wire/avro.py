"""Avro schemas as values: parsed strictly, names resolved, recursion and items without bytes refused."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
TIMESTAMP: Final = "timestamp-millis"
DEPTH_LIMIT: Final = 16
SIZE_LIMIT: Final = 2_000
"""Most types in a schema, a named type counted as often as it is used. No record of ours has more than 30."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class BadSchema(Exception):
    """A schema that is no Avro, or whose values cannot be decoded safely; the message names the place and the fault."""


@dataclass(frozen=True)
class Primitive:
    """One of PRIMITIVES; `logical` is the logical type or empty."""

    name: str
    logical: str = ""


@dataclass(frozen=True)
class Enum:
    """Symbols by index; `default` is what a reader takes for a symbol that it does not know, or empty."""

    name: str
    symbols: tuple[str, ...]
    default: str = ""


@dataclass(frozen=True)
class Fixed:
    """`size` bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Array:
    """Any number of `items`."""

    items: Type


@dataclass(frozen=True)
class Map:
    """String keys to `values`."""

    values: Type


@dataclass(frozen=True)
class Union:
    """One of `branches`."""

    branches: tuple[Type, ...]


@dataclass(frozen=True)
class Field:
    """A field of a record. `default` is JSON; it means something only where `has_default`."""

    name: str
    type: Type
    doc: str = ""
    has_default: bool = False
    default: Any = None

    @property
    def attribute(self) -> str:
        """Name in the value classes: timestamps say their unit."""
        is_time = isinstance(self.type, Primitive) and self.type.logical == TIMESTAMP
        return self.name + ("_ms" if is_time else "")


@dataclass(frozen=True)
class Record:
    """Fields in the order in which they are written."""

    name: str
    fields: tuple[Field, ...]
    doc: str = ""

    @property
    def short_name(self) -> str:
        """Name without the namespace, which is the value class's name."""
        return self.name.rpartition(".")[2]


Type: TypeAlias = Primitive | Enum | Fixed | Array | Map | Union | Record


def parse(text: str) -> Type:
    """The schema that a JSON text describes. Raises BadSchema."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSchema(f"the schema is not valid JSON: {error}") from error
    return _Parser().type_of(content, "", "", 0)


def parse_record(text: str) -> Record:
    """As `parse`, for schemas of whole messages. Raises BadSchema also for a schema that is no record."""
    schema = parse(text)
    if not isinstance(schema, Record):
        raise BadSchema("the schema is no record: a message is always a record")
    return schema


def least_bytes(schema: Type) -> int:
    """The fewest bytes that a value takes."""
    match schema:
        case Primitive(name=name):
            return {"null": 0, "float": 4, "double": 8}.get(name, 1)
        case Fixed(size=size):
            return size
        case Record(fields=fields):
            return sum(least_bytes(field.type) for field in fields)
        case _:
            return 1


def shown(schema: Type) -> str:
    """A type as error messages name it."""
    match schema:
        case Primitive(name=name, logical=logical):
            return f"{name} ({logical})" if logical else name
        case Array(items=items):
            return f"array of {shown(items)}"
        case Map(values=values):
            return f"map of {shown(values)}"
        case Union(branches=branches):
            return f"union of {', '.join(shown(branch) for branch in branches)}"
        case Enum(name=name):
            return f"enum {name}"
        case Fixed(name=name):
            return f"fixed {name}"
        case Record(name=name):
            return f"record {name}"


def written_form(schema: Type) -> object:
    """What decides how values are written: names, types and order. Equal for schemas whose bytes mean the same.

    Documentation and defaults of fields are left out; they are the reader's.
    """
    match schema:
        case Record(name=name, fields=fields):
            return ("record", name, tuple((field.name, written_form(field.type)) for field in fields))
        case Array(items=items):
            return ("array", written_form(items))
        case Map(values=values):
            return ("map", written_form(values))
        case Union(branches=branches):
            return ("union", tuple(written_form(branch) for branch in branches))
        case Enum(name=name, symbols=symbols):
            return ("enum", name, symbols)
        case Primitive() | Fixed():
            return schema


class _Parser:
    """Parses one schema; names that are defined may be used after their definition, not inside it."""

    def __init__(self) -> None:
        self.named: dict[str, Type | None] = {}  # None while the definition is being read
        self.sizes: dict[str, int] = {}
        self.types = 0

    def type_of(self, content: Any, namespace: str, place: str, depth: int) -> Type:
        where = place or "the schema"
        self.types += 1
        if depth > DEPTH_LIMIT or self.types > SIZE_LIMIT:
            raise BadSchema(f"{where}: nested deeper than {DEPTH_LIMIT}, or more than {SIZE_LIMIT} types in all")
        if isinstance(content, str):
            return Primitive(content) if content in PRIMITIVES else self.reference(content, namespace, where)
        if isinstance(content, list):
            return self.union(content, namespace, place, depth)
        if not isinstance(content, dict):
            raise BadSchema(f"{where}: {content!r} is no Avro type")
        kind = content.get("type")
        match kind:
            case "record" | "error":
                return self.record(content, namespace, place, depth)
            case "enum":
                return self.enum(content, namespace, where)
            case "fixed":
                return self.fixed(content, namespace, where)
            case "array":
                items = self.type_of(content.get("items"), namespace, f"{place}[]", depth + 1)
                if least_bytes(items) == 0:
                    raise BadSchema(f"{where}: its items take no bytes, so a few bytes could claim any number of them")
                return Array(items)
            case "map":
                return Map(self.type_of(content.get("values"), namespace, f"{place}{{}}", depth + 1))
        if isinstance(kind, str) and kind in PRIMITIVES:
            logical = content.get("logicalType", "")
            return Primitive(kind, logical if isinstance(logical, str) else "")
        return self.type_of(kind, namespace, place, depth + 1)

    def reference(self, name: str, namespace: str, where: str) -> Type:
        for full in [name] if "." in name else [f"{namespace}.{name}" if namespace else name, name]:
            if full in self.named:
                found = self.named[full]
                if found is None:
                    raise BadSchema(f"{where}: {full} contains itself, so its values could nest without end")
                self.types += self.sizes.get(full, 0)
                return found
        raise BadSchema(f"{where}: {name!r} is no Avro type and no name defined before")

    def define(self, content: dict[str, Any], namespace: str, where: str) -> tuple[str, str]:
        """Full name and namespace of a named type, noted as being defined."""
        name = content.get("name")
        own = content.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(own, str):
            raise BadSchema(f"{where}: name {name!r} and namespace {own!r} must be text")
        full = name if "." in name else f"{own}.{name}" if own else name
        if not all(_NAME.fullmatch(part) for part in full.split(".")) or full in PRIMITIVES:
            raise BadSchema(f"{where}: {full!r} is no Avro name")
        if full in self.named:
            raise BadSchema(f"{where}: {full} is defined twice")
        self.named[full] = None
        return full, full.rpartition(".")[0]

    def record(self, content: dict[str, Any], namespace: str, place: str, depth: int) -> Record:
        before = self.types
        full, inner = self.define(content, namespace, place or "the schema")
        entries = content.get("fields")
        if not isinstance(entries, list):
            raise BadSchema(f"{place or full}: fields {entries!r} must be a list")
        fields: dict[str, Field] = {}
        for entry in entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in fields:
                raise BadSchema(f"{place or full}: field {name!r} has no valid name, or one that is taken")
            kind = self.type_of(entry.get("type"), inner, f"{place}.{name}" if place else name, depth + 1)
            fields[name] = Field(name, kind, str(entry.get("doc", "")), "default" in entry, entry.get("default"))
        found = Record(full, tuple(fields.values()), str(content.get("doc", "")))
        self.named[full] = found
        self.sizes[full] = self.types - before
        return found

    def enum(self, content: dict[str, Any], namespace: str, where: str) -> Enum:
        full, _inner = self.define(content, namespace, where)
        symbols = content.get("symbols")
        if (
            not isinstance(symbols, list)
            or not all(isinstance(s, str) and _NAME.fullmatch(s) for s in symbols)
            or len(set(symbols)) != len(symbols)
        ):
            raise BadSchema(f"{where}: symbols {symbols!r} must be a list of different names")
        default = content.get("default", "")
        if default and default not in symbols:
            raise BadSchema(f"{where}: default {default!r} is none of the symbols")
        found = Enum(full, tuple(symbols), default)
        self.named[full] = found
        return found

    def fixed(self, content: dict[str, Any], namespace: str, where: str) -> Fixed:
        full, _inner = self.define(content, namespace, where)
        size = content.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise BadSchema(f"{where}: size {size!r} must be a whole number from 0")
        found = Fixed(full, size)
        self.named[full] = found
        return found

    def union(self, content: list[Any], namespace: str, place: str, depth: int) -> Union:
        branches = tuple(self.type_of(branch, namespace, place, depth + 1) for branch in content)
        if not branches or any(isinstance(branch, Union) for branch in branches):
            raise BadSchema(f"{place or 'the schema'}: a union must have branches, and none may be a union")
        return Union(branches)
