"""A judge of JSON Schema, as far as the schemas of programme files go; it knows no other words and fails at one."""

import re
from typing import Any

from pipeline.program.problems import Report, Source
from pipeline.program.yaml_nodes import Listing, Mapping, Node, Scalar, parse

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,),
    "integer": (int,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip
WORDS = frozenset(
    {
        *("$schema", "title", "description", "examples", "default", "type", "enum", "pattern", "anyOf", "oneOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
        *("items", "minItems", "maxItems"),
        *("properties", "required", "additionalProperties", "propertyNames", "minProperties"),
        *("definitions", "$ref", "const", "allOf", "if", "then"),
    }
)


def loaded(text: str) -> Any:
    """What YAML 1.2 reads, as editors do: `on` is a text."""
    report = Report()
    node = parse(Source("it.yaml", text), report)
    assert node is not None, report.sorted()
    return _value(node)


def _value(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {key.value: _value(value) for key, value in node.pairs if isinstance(key, Scalar)}
    if isinstance(node, Listing):
        return [_value(item) for item in node.items]
    if node.style:
        return node.value
    if node.value in ("true", "false"):
        return node.value == "true"
    if re.fullmatch(r"-?[0-9]+", node.value):
        return int(node.value)
    return float(node.value) if re.fullmatch(r"-?[0-9]+\.[0-9]+", node.value) else node.value


def resolved(schema: Any, root: dict[str, Any]) -> Any:
    """The schema with what it refers to in the places of the references."""
    if isinstance(schema, list):
        return [resolved(each, root) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(root["definitions"][schema["$ref"].removeprefix("#/definitions/")], root)
    return {word: resolved(each, root) for word, each in schema.items() if word != "definitions"}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether the value is valid, by a schema without references."""
    assert schema.keys() <= WORDS, schema.keys() - WORDS
    if "type" in schema and not _is(schema["type"], value):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if not all(accepts(each, value) for each in schema.get("allOf", ())):
        return False
    if "if" in schema and accepts(schema["if"], value) and not accepts(schema["then"], value):
        return False
    if "anyOf" in schema and not any(accepts(each, value) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(accepts(each, value) for each in schema["oneOf"]) != 1:
        return False
    if isinstance(value, str):
        return _text(schema, value)
    if isinstance(value, list):
        sized = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return sized and all(accepts(schema.get("items", {}), each) for each in value)
    if isinstance(value, dict):
        return _object(schema, value)
    return isinstance(value, bool) or _number(schema, value)


def _is(kind: str | list[str], value: Any) -> bool:
    if isinstance(kind, list):
        return any(_is(each, value) for each in kind)
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _text(schema: dict[str, Any], value: str) -> bool:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))


def _number(schema: dict[str, Any], value: float) -> bool:
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return False
    return bool(schema.get("exclusiveMinimum", value - 1) < value < schema.get("exclusiveMaximum", value + 1))


def _object(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    if not set(schema.get("required", ())) <= value.keys() or len(value) < schema.get("minProperties", 0):
        return False
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    names = schema.get("propertyNames", {})
    return all(
        accepts(names, name) and (accepts(properties[name], each) if name in properties else _other(others, each))
        for name, each in value.items()
    )


def _other(others: Any, value: Any) -> bool:
    return accepts(others, value) if isinstance(others, dict) else bool(others)
