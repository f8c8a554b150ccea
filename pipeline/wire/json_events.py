"""Events and control records as JSON lines, both ways, as files, the command line and the log's export have them.

`{"event_id", "type", "member_id", "occurred_at", "source", "data": {…}}`, with `recorded_at`, `traceparent` and
`attributes` where there is something to say. Times are ISO 8601 with a zone. Fields of `data` at their default may be
left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pipeline.core import payloads
from pipeline.core.events import Event
from pipeline.core.payloads import PAYLOAD_TYPES, CohortBaselines, Control, ProgramActivated, Tick
from pipeline.wire import schemas
from pipeline.wire.avro import TIMESTAMP, Array, Enum, Field, Map, Primitive, Record, Type
from pipeline.wire.binary import INT_MAX, LONG_MAX
from pipeline.wire.codegen.sources import HEADER, snake_case
from pipeline.wire.codegen.values import python_type
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.times import InvalidTime, time_ms, time_text

REQUIRED: Final = ("event_id", "type", "member_id", "occurred_at", "source")
OPTIONAL: Final = ("data", "recorded_at", "traceparent", "attributes")
CONTROL_TYPES: Final = {snake_case(kind.__name__): kind for kind in (CohortBaselines, ProgramActivated, Tick)}

_RECORDS: Final = {
    snake_case(name.rpartition(".")[2]): name for name, (kind, _text) in SCHEMAS.items() if kind != "outputs"
}


class InvalidEventJson(Exception):
    """A JSON value that is no event; the message names field, value and remedy."""


def event_from_json(content: object) -> Event:
    """The event that a decoded line of JSON describes. Without `recorded_at` it was recorded when it occurred.

    Times finer than a millisecond are cut to it. Raises InvalidEventJson.
    """
    line = _object(content, "the event")
    _refuse_unknown(line, (*REQUIRED, *OPTIONAL), "")
    for name in REQUIRED:
        if name not in line:
            raise InvalidEventJson(f"{name} is missing: an event needs {', '.join(REQUIRED)} and mostly data")
    kind = _text(line["type"], "type")
    if kind not in PAYLOAD_TYPES:
        raise InvalidEventJson(f"type: {kind!r} is no type of event{_guess(kind, PAYLOAD_TYPES)}")
    occurred_at_ms = _time(line["occurred_at"], "occurred_at")
    attributes = _object(line.get("attributes", {}), "attributes")
    own = [field for field in schemas.record(_RECORDS[kind]).fields if field.name not in HEADER]
    return Event(
        _text(line["event_id"], "event_id"),
        _text(line["member_id"], "member_id"),
        occurred_at_ms,
        _text(line["source"], "source"),
        _text(line.get("traceparent", ""), "traceparent"),
        {_text(key, "attributes"): _text(value, f"attributes.{key}") for key, value in attributes.items()},
        PAYLOAD_TYPES[kind](*_fields(line.get("data", {}), own, "data")),
        _time(line["recorded_at"], "recorded_at") if "recorded_at" in line else occurred_at_ms,
    )


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as `event_from_json` takes it, fields at their default left out of `data`."""
    line: dict[str, Any] = {
        "event_id": event.event_id,
        "type": event.type_name,
        "member_id": event.member_id,
        "occurred_at": time_text(event.occurred_at_ms),
        "source": event.source,
    }
    if event.traceparent:
        line["traceparent"] = event.traceparent
    if event.attributes:
        line["attributes"] = dict(event.attributes)
    own = [field for field in schemas.record(_RECORDS[event.type_name]).fields if field.name not in HEADER]
    line["data"] = values_to_json(event.payload, own)
    if event.recorded_at_ms != event.occurred_at_ms:
        line["recorded_at"] = time_text(event.recorded_at_ms)
    return line


def control_from_json(content: object) -> tuple[Control, int]:
    """(control record, its timestamp in ms) from `{"type", "recorded_at", "data"}`. Raises InvalidEventJson."""
    line = _object(content, "the control record")
    _refuse_unknown(line, ("type", "recorded_at", "data"), "")
    kind = _text(line.get("type"), "type")
    if kind not in CONTROL_TYPES:
        raise InvalidEventJson(f"type: {kind!r} is no type of control record{_guess(kind, CONTROL_TYPES)}")
    fields = _fields(line.get("data", {}), schemas.record(_RECORDS[kind]).fields, "data")
    return CONTROL_TYPES[kind](*fields), _time(line.get("recorded_at"), "recorded_at")


def control_to_json(control: Control, recorded_at_ms: int) -> dict[str, Any]:
    """A control record as `control_from_json` takes it."""
    kind = snake_case(type(control).__name__)
    fields = schemas.record(_RECORDS[kind]).fields
    return {"type": kind, "recorded_at": time_text(recorded_at_ms), "data": values_to_json(control, fields)}


def is_control(content: object) -> bool:
    """Whether a decoded line of JSON says that it is a control record."""
    return isinstance(content, dict) and content.get("type") in CONTROL_TYPES


def values_to_json(value: object, fields: Iterable[Field]) -> dict[str, Any]:
    """The fields of one of our values as JSON, those at their default left out; bytes are hex digits."""
    shown = ((field, getattr(value, field.attribute)) for field in fields)
    return {
        field.name: _shown(item, field.type)
        for field, item in shown
        if not (field.has_default and item == field.default)
    }


def _shown(value: Any, kind: Type) -> Any:
    match kind:
        case Primitive(logical=logical) if logical == TIMESTAMP:
            return time_text(value)
        case Primitive(name="bytes"):
            return value.hex()
        case Array(items=Record() as record):
            return [values_to_json(item, record.fields) for item in value]
        case Array():
            return list(value)
        case Map():
            return dict(value)
    return value


def _fields(content: object, fields: Iterable[Field], place: str) -> list[Any]:
    """Values of the fields in their order. Raises InvalidEventJson."""
    found = _object(content, place)
    known = {field.name: field for field in fields}
    _refuse_unknown(found, known, f"{place}.")
    values = []
    for name, field in known.items():
        if name in found:
            values.append(_value(found[name], field.type, f"{place}.{name}"))
        elif field.has_default:
            default = field.default
            values.append(type(default)(default) if isinstance(default, list | dict) else default)
        else:
            raise InvalidEventJson(f"{place}.{name} is missing: {field.doc}")
    return values


def _value(value: object, kind: Type, place: str) -> Any:
    match kind:
        case Primitive(logical=logical) if logical == TIMESTAMP:
            return _time(value, place)
        case Primitive(name="string"):
            return _text(value, place)
        case Primitive(name="bytes"):
            return _bytes(value, place)
        case Primitive(name="boolean"):
            if not isinstance(value, bool):
                raise InvalidEventJson(f"{place}: {value!r} is neither true nor false")
            return value
        case Primitive(name=name):
            return _whole(value, LONG_MAX if name == "long" else INT_MAX, place)
        case Enum(symbols=symbols):
            if value not in symbols:
                raise InvalidEventJson(f"{place}: {value!r} is none of {', '.join(symbols)}")
            return value
        case Array(items=items):
            if not isinstance(value, list):
                raise InvalidEventJson(f"{place}: expected a list, found {value!r}")
            return [_value(item, items, f"{place}[{index}]") for index, item in enumerate(value)]
        case Map(values=values):
            return {_text(k, place): _value(v, values, f"{place}.{k}") for k, v in _object(value, place).items()}
        case Record(fields=fields):
            return getattr(payloads, kind.short_name)(*_fields(value, fields, place))
    raise InvalidEventJson(f"{place}: {python_type(kind)} has no JSON form")


def _object(value: object, place: str) -> Mapping[Any, object]:
    if not isinstance(value, dict):
        raise InvalidEventJson(f"{place}: expected a JSON object, found {value!r}")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidEventJson(f"{place}: expected text, found {value!r}: put it in quotes")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidEventJson(f"{place}: {value!r} holds half a surrogate pair: leave it out") from None
    return value


def _bytes(value: object, place: str) -> bytes:
    try:
        return bytes.fromhex(_text(value, place))
    except ValueError:
        raise InvalidEventJson(f"{place}: {value!r} is no hex digits") from None


def _whole(value: object, limit: int, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEventJson(f"{place}: expected a whole number without quotes or fraction, found {value!r}")
    if not -limit - 1 <= value <= limit:
        raise InvalidEventJson(f"{place}: {value} is out of range: at most {limit}")
    return value


def _time(value: object, place: str) -> int:
    try:
        return time_ms(value)
    except InvalidTime as error:
        raise InvalidEventJson(f"{place}: {error}") from None


def _refuse_unknown(found: Mapping[Any, object], known: Iterable[str], place: str) -> None:
    names = list(known)
    for name in found:
        if name not in names:
            raise InvalidEventJson(f"{place}{name} is not known{_guess(str(name), names)}")


def _guess(word: str, known: Iterable[str]) -> str:
    """`: did you mean …?`, or what there is."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1)
    return f": did you mean {near[0]}?" if near else f": known are {', '.join(names)}"
