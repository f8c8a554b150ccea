"""Writes the core's value classes from the Avro schemas: `pipeline/core/payloads.py` and `pipeline/core/records.py`.

The classes are plain, final and slotted, as the core's style asks; a field of logical type timestamp-millis gets the
suffix `_ms`. Event payloads leave out the common header, which `pipeline.core.events.Event` carries.
"""

import json
from pathlib import Path
from typing import Any

HEADER_FIELDS = ("event_id", "member_id", "occurred_at", "source", "traceparent", "attributes")
PYTHON_TYPES = {"string": "str", "long": "int", "int": "int", "boolean": "bool", "bytes": "bytes"}
CEL_TYPES = {"string": "string", "long": "int", "int": "int", "boolean": "bool"}

Schema = dict[str, Any]


def snake_case(name: str) -> str:
    """`TransactionCompleted` -> `transaction_completed`."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def attribute_name(field: Schema) -> str:
    """Python name of an Avro field: timestamps say their unit."""
    kind = field["type"]
    is_time = isinstance(kind, dict) and kind.get("logicalType") == "timestamp-millis"
    return field["name"] + ("_ms" if is_time else "")


def python_type(kind: Any) -> str:
    """Annotation for an Avro type. Raises ValueError for one that the values do not use."""
    if isinstance(kind, str):
        return PYTHON_TYPES[kind]
    match kind["type"]:
        case "enum":
            return "str"
        case "map":
            return f"dict[str, {python_type(kind['values'])}]"
        case "array":
            return f"list[{python_type(kind['items'])}]"
        case "record":
            return str(kind["name"])
        case "long" | "int" | "string" | "bytes" | "boolean":
            return PYTHON_TYPES[kind["type"]]
    raise ValueError(f"no value type for Avro type {kind!r}: use a string, long, int, boolean, bytes, enum, map or array")


def cel_type(kind: Any) -> str | None:
    """CEL type of a field in rule conditions, or None where rules cannot read it."""
    if isinstance(kind, str):
        return CEL_TYPES.get(kind)
    if kind["type"] == "enum":
        return "string"
    if kind["type"] == "map":
        return f"map(string, {cel_type(kind['values'])})"
    return CEL_TYPES.get(kind["type"])


def class_source(schema: Schema, skip: tuple[str, ...] = (), with_content: bool = False) -> str:
    """Source of one value class."""
    fields = [f for f in schema["fields"] if f["name"] not in skip]
    names = [attribute_name(f) for f in fields]
    lines = ["@final", f"class {schema['name']}:", f'    """{schema["doc"]}"""', ""]
    slots = ", ".join(f'"{n}"' for n in names) + ("," if len(names) == 1 else "")
    lines += [f"    __slots__ = ({slots})", ""]
    args = ", ".join(f"{n}: {python_type(f['type'])}" for n, f in zip(names, fields, strict=True))
    lines += [f"    def __init__(self, {args}) -> None:"] + [f"        self.{n} = {n}" for n in names] + [""]
    lines += ["    def to_tuple(self) -> tuple[object, ...]:", '        """Field values in schema order."""']
    parts = [f"tuple(item.to_tuple() for item in self.{n})" if is_records(f["type"]) else f"self.{n}" for n, f in zip(names, fields, strict=True)]
    lines += [f"        return ({', '.join(parts)}{',' if len(parts) == 1 else ''})", ""]
    lines += ["    def __eq__(self, other: object) -> bool:", f"        return isinstance(other, {schema['name']}) and self.to_tuple() == other.to_tuple()", ""]
    lines += ["    def __hash__(self) -> int:", "        return hash(repr(self))", ""]
    shown = ", ".join(f"{n}={{self.{n}!r}}" for n in names)
    lines += ["    def __repr__(self) -> str:", f'        return f"{schema["name"]}({shown})"', ""]
    if with_content:
        lines += content_source(fields, names)
    return "\n".join(lines)


def is_records(kind: Any) -> bool:
    return isinstance(kind, dict) and kind["type"] == "array" and isinstance(kind["items"], dict)


def content_source(fields: list[Schema], names: list[str]) -> list[str]:
    """`content()`: the canonical text of a payload, fields at their default left out, so that a new field is no conflict."""
    required = [(f, n) for f, n in zip(fields, names, strict=True) if "default" not in f]
    optional = [(f, n) for f, n in zip(fields, names, strict=True) if "default" in f]
    head = "".join(f"{f['name']}={{self.{n}!r}};" for f, n in required)
    lines = ["    def content(self) -> str:", '        """Canonical text of the fields that differ from their default."""', f'        text = f"{head}"' if head else '        text = ""']
    for f, n in optional:
        shown = "sorted(self.%s.items())" % n if isinstance(f["type"], dict) and f["type"]["type"] == "map" else f"self.{n}"
        test = {"": f"self.{n}", "{}": f"self.{n}", "[]": f"self.{n}", "True": f"not self.{n}", "False": f"self.{n}"}.get(str(f["default"]), f"self.{n} != {f['default']!r}")
        lines += [f"        if {test}:", f'            text += f"{f["name"]}={{{shown}!r}};"']
    return [*lines, "        return text", ""]


def nested_records(schema: Schema) -> list[Schema]:
    """Record types defined inside the schema's fields, in order."""
    return [f["type"]["items"] for f in schema["fields"] if is_records(f["type"])]


HEAD = '"""{doc} Generated by `accrue schemas generate`."""\n\nfrom typing import Final, final\n\n'


def payloads_source(folder: Path) -> str:
    """Source of `pipeline/core/payloads.py` from `schemas/events` and `schemas/control`."""
    events = [json.loads(p.read_text()) for p in sorted((folder / "events").glob("*.avsc"))]
    controls = [json.loads(p.read_text()) for p in sorted((folder / "control").glob("*.avsc"))]
    parts = [HEAD.format(doc="Payloads of events and control records.")]
    for schema in events:
        parts += [class_source(nested, with_content=True) + "\n" for nested in nested_records(schema)]
        parts.append(class_source(schema, skip=HEADER_FIELDS, with_content=True) + "\n")
    parts += [class_source(schema, with_content=True) + "\n" for schema in controls]
    names = [s["name"] for s in events]
    parts.append("Payload = (\n    " + "\n    | ".join(names) + "\n)\nControl = " + " | ".join(s["name"] for s in controls) + "\n")
    parts.append("PAYLOAD_TYPES: Final[dict[str, type[Payload]]] = {\n" + "".join(f'    "{snake_case(n)}": {n},\n' for n in names) + "}\n")
    parts.append('"""Event type, as rules and JSON name it, to its payload class."""\n\n')
    parts.append("TYPE_NAMES: Final[dict[type[Payload], str]] = {kind: name for name, kind in PAYLOAD_TYPES.items()}\n\n")
    parts.append("RULE_FIELDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {\n")
    for schema in events:
        fields = [(f["name"], cel_type(f["type"])) for f in schema["fields"] if f["name"] not in HEADER_FIELDS]
        shown = "".join(f'("{n}", "{t}"), ' for n, t in fields if t)
        parts.append(f'    "{snake_case(schema["name"])}": ({shown.strip()}),\n')
    parts.append('}\n"""Per event type the fields that conditions can read, with their CEL types."""\n')
    return "\n".join(parts[:1]) + "\n".join(parts[1:])


def records_source(folder: Path) -> str:
    """Source of `pipeline/core/records.py` from `schemas/outputs`."""
    outputs = [json.loads(p.read_text()) for p in sorted((folder / "outputs").glob("*.avsc"))]
    parts = [HEAD.format(doc="Records that the pipeline writes.").replace("Final, final", "final")]
    for schema in outputs:
        parts += [class_source(nested) + "\n" for nested in nested_records(schema)]
        parts.append(class_source(schema) + "\n")
    return "\n".join(parts)
