"""JSON Schema of a programme's files for editors, made from the descriptions that the checker takes its keys from.

It helps while writing; the checker judges. It cannot say what conditions mean, which names exist, and what only shows
across files.
"""

import json
from typing import Any, Final

from pipeline.program.cel_check import MAX_CHARACTERS
from pipeline.program.grammar import GRAMMAR
from pipeline.program.quantities import PERIOD_EXAMPLES
from pipeline.program.sections import IDENTIFIER
from pipeline.program.shapes import (
    DEFAULT_UNIT,
    Choice,
    Exact,
    Expression,
    Fields,
    Flag,
    Items,
    Key,
    Length,
    Name,
    Named,
    OneOrMany,
    Shape,
    ShortOrFields,
    Text,
    Whole,
)

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""What editors understand best."""

SUFFIX: Final = ".schema.json"

_FIXED: Final = r"[0-9]{1,6} ?(min|minutes?|h|hours?|d|days?|w|weeks?)"
_LENGTH: Final = r"[0-9]{1,6} ?(min|minutes?|h|hours?|d|days?|w|weeks?|mo|months?|y|years?)"
_NAME: Final = f"^{IDENTIFIER.pattern}$"


def schema_files() -> dict[str, str]:
    """JSON text by file name, such as `rules.schema.json`, for each kind of file."""
    return {
        name.removesuffix(".yaml") + SUFFIX: json.dumps(_document(name, fields), indent=2) + "\n"
        for name, fields in GRAMMAR.items()
    }


def _document(name: str, fields: Fields) -> dict[str, Any]:
    return {"$schema": DIALECT, "title": f"{name} of a loyalty programme", **schema_of(fields)}


def schema_of(shape: Shape) -> dict[str, Any]:
    """The schema of one shape."""
    match shape:
        case Name():
            # YAML reads a name of digits as a number; the checker reads every value as it is written.
            return {"anyOf": [{"type": "string", "pattern": _NAME}, {"type": "integer", "minimum": 0}]}
        case Text(pattern=pattern, example=example):
            return {"type": "string", "pattern": f"^{pattern}$", "examples": [example]}
        case Choice(options=options):
            return {"enum": list(options)}
        case Whole(minimum=minimum, maximum=maximum):
            return {"type": "integer", "minimum": minimum, "maximum": maximum}
        case Exact():
            return {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10**9}
        case Flag():
            return {"type": "boolean"}
        case Expression(wanted=wanted):
            # A plain true or number is an expression, too.
            plain = "boolean" if wanted == "bool" else "integer"
            return {"anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS}, {"type": plain}]}
        case Length():
            return _length(shape)
        case Fields():
            return _fields(shape)
        case Items(item=item, most=most):
            return {"type": "array", "items": schema_of(item), "minItems": 1, "maxItems": most}
        case Named(item=item, names=names, may_be_empty=may_be_empty):
            return {
                "type": "object",
                "propertyNames": {"pattern": _NAME if names is None else f"^{names.pattern}$"},
                "additionalProperties": schema_of(item),
                "minProperties": 0 if may_be_empty else 1,
            }
        case OneOrMany(item=item, most=most):
            one = schema_of(item)
            return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]}
        case ShortOrFields(short=short, fields=fields):
            return {"anyOf": [schema_of(short), schema_of(fields)]}


def _length(shape: Length) -> dict[str, Any]:
    pattern = _LENGTH if shape.months else _FIXED
    words = "(never|" + pattern + ")" if shape.never else pattern
    return {"type": "string", "pattern": f"^{words}$", "description": PERIOD_EXAMPLES}


def _fields(shape: Fields) -> dict[str, Any]:
    required = [name for name, key in shape.keys.items() if key.required]
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _key(key) for name, key in shape.keys.items()},
    }
    if required:
        schema["required"] = required
    if shape.one_of:
        schema["oneOf"] = [{"required": [name]} for name in shape.one_of]
    return schema


def _key(key: Key) -> dict[str, Any]:
    schema = schema_of(key.shape)
    schema["description"] = " ".join(part for part in (key.meaning, schema.get("description", "")) if part)
    if key.default is not None and key.default != DEFAULT_UNIT:
        schema["default"] = _default(key)
    return schema


def _default(key: Key) -> Any:
    """The default as YAML reads it."""
    match key.shape:
        case Whole() | Exact() | ShortOrFields(short=Exact()):
            return int(str(key.default))
        case Flag():
            return key.default == "true"
        case Fields():
            return {}
    return key.default
