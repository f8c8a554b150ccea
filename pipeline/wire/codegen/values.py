"""Writes the core's value classes from the schemas: `pipeline/core/payloads.py` and `pipeline/core/records.py`.

The classes are plain, final and slotted, as the core's style asks; a field of logical type timestamp-millis gets the
suffix `_ms`. Event payloads leave out the common header, which `pipeline.core.events.Event` carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pipeline.wire.avro import Array, BadSchema, Enum, Field, Map, Primitive, Record, Type, shown
from pipeline.wire.codegen.layout import indented, listed
from pipeline.wire.codegen.sources import HEADER, Source, nested_records

PYTHON_TYPES: Final = {"string": "str", "long": "int", "int": "int", "boolean": "bool", "bytes": "bytes"}
CEL_TYPES: Final = {"string": "string", "long": "int", "int": "int", "boolean": "bool"}


def python_type(kind: Type) -> str:
    """Annotation for an Avro type. Raises BadSchema for one that the values do not use."""
    match kind:
        case Primitive(name=name) if name in PYTHON_TYPES:
            return PYTHON_TYPES[name]
        case Enum():
            return "str"
        case Map(values=values):
            return f"dict[str, {python_type(values)}]"
        case Array(items=items):
            return f"list[{python_type(items)}]"
        case Record():
            return kind.short_name
    raise BadSchema(
        f"no value type for {shown(kind)}: use string, long, int, boolean, bytes, enum, map, array or record"
    )


def default_source(field: Field) -> str:
    """Python source of a field's default. Raises BadSchema for one that is not of the field's type."""
    value: Any = field.default
    match field.type:
        case Primitive(name="string") if isinstance(value, str):
            return repr(value)
        case Primitive(name="bytes") if isinstance(value, str):
            return repr(value.encode("latin-1"))
        case Primitive(name="boolean") if isinstance(value, bool):
            return repr(value)
        case Primitive(name="int" | "long") if isinstance(value, int) and not isinstance(value, bool):
            return repr(value)
        case Enum(symbols=symbols) if value in symbols:
            return repr(value)
        case Array() if value == []:
            return "[]"
        case Map() if value == {}:
            return "{}"
    raise BadSchema(
        f"field {field.name}: default {value!r} is none for {shown(field.type)}, or not an empty collection"
    )


def cel_type(kind: Type) -> str:
    """CEL type of a field in rule conditions, or empty where rules cannot read it."""
    match kind:
        case Primitive(name=name):
            return CEL_TYPES.get(name, "")
        case Enum():
            return "string"
        case Map(values=values) if cel_type(values):
            return f"map(string, {cel_type(values)})"
    return ""


def class_source(record: Record, skip: Sequence[str] = (), with_content: bool = False) -> list[str]:
    """Source of one value class, without the fields named in `skip`."""
    fields = [field for field in record.fields if field.name not in skip]
    names = [field.attribute for field in fields]
    arguments = argument_sources(fields)
    parts = [
        f"tuple(item.to_tuple() for item in self.{field.attribute})"
        if isinstance(field.type, Array) and isinstance(field.type.items, Record)
        else f"self.{field.attribute}"
        for field in fields
    ]
    tail = ",)" if len(fields) == 1 else ")"
    body = [
        f'"""{record.doc}"""',
        "",
        *listed("__slots__ = (", [f'"{name}"' for name in sorted(names)], tail),
        "",
        *listed("def __init__(", ["self", *arguments], ") -> None:"),
        *indented(f"self.{name} = {_value(name, argument)}" for name, argument in zip(names, arguments, strict=True)),
        "",
        "def to_tuple(self) -> tuple[object, ...]:",
        '    """Field values in schema order."""',
        *indented(listed("return (", parts, tail)),
        "",
        "def __eq__(self, other: object) -> bool:",
        f"    return isinstance(other, {record.short_name}) and self.to_tuple() == other.to_tuple()",
        "",
        "def __hash__(self) -> int:",
        "    return hash(repr(self))",
        "",
        "def __repr__(self) -> str:",
        f'    return f"{record.short_name}({", ".join(f"{name}={{self.{name}!r}}" for name in names)})"',
    ]
    if with_content:
        body += ["", *content_source(fields)]
    return ["@final", f"class {record.short_name}:", *indented(body), "", ""]


def argument_sources(fields: Sequence[Field]) -> list[str]:
    """The constructor's arguments: fields at the end that have defaults may be left out, so that a field added to a
    schema asks nothing of those who do not use it."""
    arguments: list[str] = []
    may_be_left_out = True
    for field in reversed(fields):
        may_be_left_out = may_be_left_out and field.has_default
        argument = f"{field.attribute}: {python_type(field.type)}"
        if may_be_left_out:
            default = default_source(field)
            argument += _NEW if default in ("[]", "{}") else " = " + default.replace("''", '""')
        arguments.insert(0, argument)
    return arguments


_NEW: Final = " | None = None"
"""Ends an argument whose default is an empty collection, which each value must have for itself."""


def _value(name: str, argument: str) -> str:
    if not argument.endswith(_NEW):
        return name
    empty = "[]" if ": list[" in argument else "{}"
    return f"{empty} if {name} is None else {name}"


def content_source(fields: Sequence[Field]) -> list[str]:
    """`content()`: the canonical text of a value, fields at their default left out, so that a new field is no conflict.

    Text carries its length, so no value can be mistaken for another, whatever it contains.
    """
    required = [field for field in fields if not field.has_default]
    head = "".join(f"{field.name}={_canonical(field)};" for field in required)
    lines = ["def content(self) -> str:", '    """Canonical text of the fields that differ from their default."""']
    if len(required) == len(fields):
        return [*lines, f'    return f"{head}"']
    lines += [f'    text = f"{head}"' if head else '    text = ""']
    for field in fields:
        if field.has_default:
            lines += [f"    if {_differs(field)}:", f'        text += f"{field.name}={_canonical(field)};"']
    return [*lines, "    return text"]


def _differs(field: Field) -> str:
    """Condition under which a field is not at its default."""
    name = f"self.{field.attribute}"
    if field.default is True:
        return f"not {name}"
    if not field.default:
        return name
    return f"{name} != {default_source(field)}"


def _canonical(field: Field) -> str:
    """The part of an f-string that shows a field canonically."""
    name = f"self.{field.attribute}"
    match field.type:
        case Primitive(name="string"):
            return f"{{len({name})}}:{{{name}}}"
        case Primitive(name="bytes"):
            return f"{{{name}.hex()}}"
        case Primitive() | Enum():
            return f"{{{name}}}"
        case Map(values=Primitive(name="string")):
            return f"{{''.join(f'{{len(k)}}:{{k}}{{len(v)}}:{{v}}' for k, v in sorted({name}.items()))}}"
        case Map(values=Primitive(name="int" | "long" | "boolean")):
            return f"{{''.join(f'{{len(k)}}:{{k}}={{v}},' for k, v in sorted({name}.items()))}}"
        case Array(items=Record()):
            return f"{{''.join(f'({{item.content()}})' for item in {name})}}"
        case Array(items=Primitive(name="string")):
            return f"{{''.join(f'{{len(item)}}:{{item}}' for item in {name})}}"
    raise BadSchema(
        f"field {field.name}: {shown(field.type)} has no canonical form: use a record, or a map or array of text"
    )


def _union(name: str, members: Sequence[str]) -> list[str]:
    return [f"{name} = (", f"    {members[0]}", *(f"    | {member}" for member in members[1:]), ")"]


def payloads_source(sources: Sequence[Source]) -> str:
    """Source of `pipeline/core/payloads.py` from the schemas of events and control records."""
    events = [source for source in sources if source.kind == "events"]
    controls = [source.record for source in sources if source.kind == "control"]
    lines = ['"""Payloads of events and control records. Generated by `accrue schemas generate`."""', ""]
    lines += ["from typing import Final, final", "", ""]
    written: dict[str, Record] = {}
    for source in events:
        for nested in nested_records(source.record):
            if nested.name in written:
                if nested != written[nested.name]:
                    raise BadSchema(f"{source.path}: {nested.name} is another record than in a schema before it")
                continue
            written[nested.name] = nested
            lines += class_source(nested, with_content=True)
        lines += class_source(source.record, skip=HEADER, with_content=True)
    for control in controls:
        for nested in nested_records(control):
            lines += class_source(nested)
        lines += class_source(control)
    lines += _union("Payload", [source.record.short_name for source in events])
    lines += _union("Control", [record.short_name for record in controls])
    lines += ["", "PAYLOAD_TYPES: Final[dict[str, type[Payload]]] = {"]
    lines += [f'    "{source.type_name}": {source.record.short_name},' for source in events]
    lines += ["}", '"""Event type, as rules and JSON name it, to its payload class."""', ""]
    lines += ["TYPE_NAMES: Final[dict[type[Payload], str]] = {kind: name for name, kind in PAYLOAD_TYPES.items()}", ""]
    lines += ["RULE_FIELDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {"]
    for source in events:
        own = [field for field in source.record.fields if field.name not in HEADER and cel_type(field.type)]
        pairs = [f'("{field.name}", "{cel_type(field.type)}")' for field in own]
        lines += indented(listed(f'"{source.type_name}": (', pairs, ",)," if len(pairs) == 1 else "),"))
    lines += ["}", '"""Per event type the fields that conditions can read, with their CEL types."""']
    return "\n".join(lines) + "\n"


def records_source(sources: Sequence[Source]) -> str:
    """Source of `pipeline/core/records.py` from the schemas of outputs."""
    outputs = [source.record for source in sources if source.kind == "outputs"]
    lines = ['"""Records that the pipeline writes. Generated by `accrue schemas generate`."""', ""]
    lines += ["from typing import final", "", ""]
    for record in outputs:
        for nested in nested_records(record):
            lines += class_source(nested)
        lines += class_source(record)
    lines += _union("Output", [record.short_name for record in outputs])
    return "\n".join(lines) + "\n"
