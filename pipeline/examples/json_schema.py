"""JSON Schema of a file of examples for editors: which keys stand where, and for each type of event its fields.

It helps while writing; the checker judges. It cannot say which rules, units and tiers there are.
"""

import json
from typing import Any, Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.payloads import PAYLOAD_TYPES
from pipeline.core.reasons import DEAD_LETTER_REASONS, REFUSAL_REASONS
from pipeline.examples.example import ACCOUNTS
from pipeline.examples.read import (
    DUPLICATE,
    EXAMPLE_KEYS,
    EXPECT_KEYS,
    FILE_KEYS,
    LIMITED_KEYS,
    MAX_CODES,
    MAX_EXAMPLES,
)
from pipeline.examples.read_events import KEYS, TYPES
from pipeline.program.json_schema import DIALECT, schema_of
from pipeline.program.shapes import Length
from pipeline.wire import schemas
from pipeline.wire.avro import Array, Enum, Field, Map, Primitive, Record, Type
from pipeline.wire.binary import INT_MAX, LONG_MAX
from pipeline.wire.codegen.sources import HEADER

NAME: Final = "examples.schema.json"

_TEXT: Final[dict[str, Any]] = {"type": ["string", "number", "boolean"]}
"""The checker reads texts as they are written, whatever YAML takes them for."""
_TIME: Final[dict[str, Any]] = {
    "type": "string",
    "description": "Such as 2026-03-01T09:30 in the programme's zone, or with a zone of its own.",
}
_POINTS: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": WALLET_MAX}
_AWARDS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 1, "maximum": WALLET_MAX},
    "description": "Points by rule, all that were given; {} for none.",
}


def examples_schema() -> str:
    """The schema as JSON text."""
    events = {"type": "array", "items": {"$ref": "#/definitions/event"}, "minItems": 1}
    document = {
        "$schema": DIALECT,
        "title": "examples beside a loyalty programme",
        "definitions": {"event": _event(), "expect": _expect()},
        **_object(
            {
                "history": {**events, "description": "Events before those of every example."},
                "codes": {
                    "type": "object",
                    "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MAX_CODES},
                    "description": "By pool how many voucher codes it has.",
                },
                "examples": {"type": "array", "items": _example(events), "minItems": 1, "maxItems": MAX_EXAMPLES},
            },
            FILE_KEYS,
            ("examples",),
        ),
    }
    return json.dumps(document, indent=2) + "\n"


def _object(properties: dict[str, Any], keys: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """A mapping with known keys, which are those that the checker takes."""
    assert set(properties) == set(keys), sorted(set(properties) ^ set(keys))
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def _example(events: dict[str, Any]) -> dict[str, Any]:
    properties = {
        "name": {**_TEXT, "description": "What it shows, once in a file."},
        "history": {**events, "description": "Events that come before."},
        "event": {"$ref": "#/definitions/event"},
        "events": events,
        "until": {"anyOf": [schema_of(Length()), _TIME]},
        "expect": {"$ref": "#/definitions/expect"},
    }
    one_of = [{"required": ["event"]}, {"required": ["events"]}]
    return {**_object(properties, EXAMPLE_KEYS, ("name", "expect")), "oneOf": one_of}


def _expect() -> dict[str, Any]:
    names = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
    reasons = {"enum": [*REFUSAL_REASONS, *DEAD_LETTER_REASONS, DUPLICATE]}
    clipped = _object({"wanted": _POINTS, "by": _TEXT}, LIMITED_KEYS, ("by",))
    accounts = _object(dict.fromkeys(ACCOUNTS, _POINTS), tuple(ACCOUNTS))
    state = {
        "balances": {"type": "object", "additionalProperties": accounts, "description": "By unit."},
        "tier": {**_TEXT, "description": "The tier, or none."},
    }
    return _object(
        {
            "refused": {"anyOf": [reasons, {"type": "array", "items": reasons, "minItems": 1}]},
            "errors": {**names, "description": "Rules whose condition fails."},
            "awards": _AWARDS,
            "shadow": {**_AWARDS, "description": "The same for rules with mode: shadow."},
            "limited": {
                "type": "object",
                "additionalProperties": {"anyOf": [{"type": "string"}, clipped]},
                "description": "By rule what kept it from more, such as limit:points/month.",
            },
            **state,
            "members": {
                "type": "object",
                "additionalProperties": _object(state, tuple(state)),
                "description": "The same of other members.",
            },
        },
        EXPECT_KEYS,
    )


def _event() -> dict[str, Any]:
    properties = {
        "on": {"enum": list(TYPES), "description": "The event's type."},
        "at": _TIME,
        "after": {**schema_of(Length()), "description": "How long after the event before it."},
        "recorded_at": {**_TIME, "description": "When the log got to know of it; when it occurred without it."},
        "member": {**_TEXT, "description": "Whose it is."},
        "id": _TEXT,
        "source": _TEXT,
        "attributes": {"type": "object", "additionalProperties": _TEXT},
        "data": {"type": "object", "description": "The fields of its type."},
    }
    return {
        **_object(properties, KEYS, ("on",)),
        "oneOf": [{"required": ["at"]}, {"required": ["after"]}],
        "allOf": [
            {"if": {"properties": {"on": {"const": kind}}}, "then": {"properties": {"data": _data(kind)}}}
            for kind in TYPES
        ],
    }


def _data(kind: str) -> dict[str, Any]:
    record = schemas.record(f"accrue.events.{PAYLOAD_TYPES[kind].__name__}")
    return _fields([field for field in record.fields if field.name not in HEADER])


def _fields(fields: list[Field] | tuple[Field, ...]) -> dict[str, Any]:
    properties = {field.name: {**_typed(field.type), "description": field.doc} for field in fields}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _typed(kind: Type) -> dict[str, Any]:
    match kind:
        case Primitive(name="string"):
            return _TEXT
        case Primitive(name="boolean"):
            return {"type": "boolean"}
        case Primitive(name=("int" | "long") as name):
            limit = INT_MAX if name == "int" else LONG_MAX
            return {"type": "integer", "minimum": -limit - 1, "maximum": limit}
        case Enum(symbols=symbols):
            return {"enum": list(symbols)}
        case Map(values=values):
            return {"type": "object", "additionalProperties": _typed(values)}
        case Array(items=Record() as record):
            return {"type": "array", "items": _fields(record.fields), "minItems": 1}
        case Array(items=items):
            return {"type": "array", "items": _typed(items)}
    raise AssertionError(f"a field of type {kind} cannot be written in an example")
