"""Reads the events of an example: typed by their Avro schemas, each mistake to the report with its place."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, final

from pipeline.core import payloads
from pipeline.core.calendar import Calendar
from pipeline.core.events import Event
from pipeline.core.ledger import SOURCE as PIPELINE
from pipeline.core.payloads import PAYLOAD_TYPES
from pipeline.core.program import Period
from pipeline.core.validate_derived import DERIVED
from pipeline.program.problems import Report, Source, shorten
from pipeline.program.sections import Section
from pipeline.program.yaml_nodes import Mapping, Node
from pipeline.wire import schemas
from pipeline.wire.avro import Array, Enum, Field, Map, Primitive, Record, Type
from pipeline.wire.binary import INT_MAX, LONG_MAX
from pipeline.wire.codegen.sources import HEADER

MEMBER: Final = "member"
"""Who an event is of where it does not say."""

SOURCE: Final = "example"
KEYS: Final = ("on", "at", "after", "recorded_at", "member", "id", "source", "attributes", "data")
TYPES: Final = tuple(sorted(kind for kind in PAYLOAD_TYPES if "quarantine" not in kind))
"""Events that an example can hold: all but the pipeline's own about defects."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_TIME: Final = "a time such as 2026-03-01T09:30"
_TIME_ADVICE: Final = "write 2026-03-01T09:30 for the programme's zone, or 2026-03-01T09:30:00Z for UTC"
_FILLED: Final = "fulfillment_id"


@final
@dataclass(frozen=True, slots=True)
class Place:
    """What reading an event needs to know: where mistakes go, and the programme's calendar and first currency."""

    report: Report
    source: Source
    calendar: Calendar
    currency: str


def moment(place: Place, section: Section, key: str) -> int | None:
    """ms since 1970 UTC of a time; without an offset it is local in the programme's zone."""
    scalar = section.scalar(key, _TIME)
    if scalar is None:
        return None
    try:
        read = datetime.fromisoformat(scalar.value)
        if read.tzinfo is None:
            read = read.replace(tzinfo=place.calendar.zone)
        return (read - _EPOCH) // _MS
    except (ValueError, OverflowError):
        section.refuse(key, f"`{key}`: `{shorten(scalar.value, 40)}` is not a time", _TIME_ADVICE)
        return None


def later(place: Place, section: Section, key: str, before_ms: int, period: Period) -> int | None:
    """A length of time after a moment, in the programme's zone."""
    try:
        return place.calendar.add(before_ms, period.months, period.ms)
    except (ValueError, OverflowError):
        section.refuse(key, f"`{key}` leads beyond the year 9999", "choose an earlier time")
        return None


def read_event(place: Place, node: Node, number: str, before_ms: int | None) -> Event | None:
    """The event of a node, or None after a mistake. `number` is its id where it has none of its own; `before_ms` is
    when the event before it occurred, which `after` counts from."""
    section = Section(place.report, place.source, node, "an event", KEYS)
    if not section.readable or not section.require("on"):
        return None
    kind = section.choice("on", TYPES, "")
    occurred_at_ms = _occurred_at(place, section, before_ms)
    recorded_at_ms = moment(place, section, "recorded_at") if "recorded_at" in section else occurred_at_ms
    event_id = _text(section, "id", number)
    attributes = _texts(section)
    if not kind:
        return None
    class_ = PAYLOAD_TYPES[kind]
    own = [each for each in schemas.record(f"accrue.events.{class_.__name__}").fields if each.name not in HEADER]
    values = _data(place, section, own, event_id, kind)
    if values is None or occurred_at_ms is None or recorded_at_ms is None:
        return None
    usual_source = PIPELINE if class_ in DERIVED else SOURCE
    member_id, source = _text(section, "member", MEMBER), _text(section, "source", usual_source)
    return Event(event_id, member_id, occurred_at_ms, source, "", attributes, class_(*values), recorded_at_ms)


def _occurred_at(place: Place, section: Section, before_ms: int | None) -> int | None:
    if "at" in section:
        if "after" in section:
            section.refuse("after", "an event has either `at` or `after`", "keep one of the two")
        return moment(place, section, "at")
    if "after" not in section:
        section.refuse("on", "an event needs `at` or `after`", "add `at: 2026-03-01T09:30`, or `after: 1d`")
        return None
    period = section.period("after")
    if period is None:
        return None
    if before_ms is None:
        section.refuse("after", "there is no event before this one", "say when it occurs: `at: 2026-03-01T09:30`")
        return None
    return later(place, section, "after", before_ms, period)


def _text(section: Section, key: str, default: str) -> str:
    scalar = section.scalar(key, "a text")
    return default if scalar is None else scalar.value


def _texts(section: Section) -> dict[str, str]:
    inner = section.section("attributes", "attributes", None)
    return {} if inner is None else {name: _text(inner, name, "") for name in inner}


def _data(place: Place, section: Section, own: list[Field], event_id: str, kind: str) -> list[Any] | None:
    """Values of the type's own fields in order; what is left out is filled in where that is harmless."""
    node = section.node("data") or Mapping(section.start)
    inner = Section(place.report, place.source, node, f"data of {kind}", [each.name for each in own])
    values = []
    for each in own:
        if each.name in inner or each.has_default:
            values.append(_value(place, inner, each))
        elif each.name == "currency":
            values.append(place.currency)
        elif each.name == _FILLED:
            values.append("")
        elif each.type == Primitive("string"):
            values.append(event_id)
        else:
            inner.require(each.name)
            values.append(None)
    return None if any(value is None for value in values) else values


def _value(place: Place, section: Section, field: Field) -> Any:
    """The value of a field, its default where it is absent, None after a mistake."""
    if field.name not in section:
        default = field.default
        return type(default)(default) if isinstance(default, list | dict) else default
    return _typed(place, section, field.name, field.type)


def _typed(place: Place, section: Section, key: str, kind: Type) -> Any:
    match kind:
        case Primitive(name="string"):
            scalar = section.scalar(key, "a text")
            return None if scalar is None else scalar.value
        case Primitive(name="boolean"):
            return section.flag(key)
        case Primitive(name=("int" | "long") as name):
            limit = INT_MAX if name == "int" else LONG_MAX
            return section.integer(key, -limit - 1, limit)
        case Enum(symbols=symbols):
            return section.choice(key, symbols, "") or None
        case Map(values=values):
            return _map(place, section, key, values)
        case Array(items=Record() as record):
            items = section.items(key, "mappings")
            found = [_record(place, item, key, record) for item in items]
            return None if any(each is None for each in found) else found
    raise AssertionError(f"{key}: a field of type {kind} cannot be written in an example")


def _map(place: Place, section: Section, key: str, values: Type) -> dict[str, Any] | None:
    inner = section.section(key, f"`{key}`", None)
    if inner is None:
        return None
    found = {name: _typed(place, inner, name, values) for name in inner}
    return None if any(value is None for value in found.values()) else found


def _record(place: Place, node: Node, key: str, record: Record) -> Any:
    section = Section(place.report, place.source, node, f"an item of `{key}`", [each.name for each in record.fields])
    if not section.require(*(each.name for each in record.fields if not each.has_default)):
        return None
    values = [_value(place, section, each) for each in record.fields]
    build: Callable[..., Any] = getattr(payloads, record.short_name)
    return None if any(value is None for value in values) else build(*values)
