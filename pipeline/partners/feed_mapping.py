"""From a message of a partner's feed to events, as partners.yaml declares it; nothing about a partner is code."""

from __future__ import annotations

import json
from decimal import Context, Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any, Final

from pipeline.core.events import Event
from pipeline.partners.mapping import text_at, value_at
from pipeline.program.feeds import FEED_TYPES, HEADER_FIELDS, MAPS, TRUTHS, WHOLES, Feed, FeedEvent
from pipeline.wire.avro import BadSchema, Type, parse
from pipeline.wire.avro_values import read_value
from pipeline.wire.json_events import InvalidEventJson, event_from_json
from pipeline.wire.times import time_text

EVENTS_MAX: Final = 1_000
"""Most events of one message."""
DIGITS_MAX: Final = 40
LONG_DIGITS: Final = 18
SECOND_MS: Final = 1_000
_EXACT: Final = Context(prec=2 * DIGITS_MAX)


class NotMapped(Exception):
    """A message that does not fit what the programme declares; says the place, the value and what was wanted."""


def source_of(feed_id: str) -> str:
    """What events of a feed name as their source."""
    return f"partner:{feed_id}"


def events_of(feed: Feed, body: bytes) -> list[Event]:
    """The events that a message tells of, in its order. Raises NotMapped where any part of it does not fit."""
    document = _parsed(feed, body)
    found: object = value_at(document, feed.list_at) if feed.list_at else [document]
    if not isinstance(found, list):
        raise NotMapped(f"{feed.list_at}: no list stands there")
    if len(found) > EVENTS_MAX:
        raise NotMapped(f"{feed.list_at}: {len(found)} items, at most {EVENTS_MAX} are taken: send several messages")
    events: list[Event] = []
    for item in found:
        rule = _rule_for(feed, item)
        if rule.event_type:
            events.append(_event(feed, rule, item))
    return events


def _parsed(feed: Feed, body: bytes) -> object:
    if feed.avro:
        return _avro_value(feed.avro, body)
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotMapped(f"the message is not valid JSON: {error}") from error


def _avro_value(schema: str, body: bytes) -> object:
    try:
        return read_value(_schema(schema), body)
    except BadSchema as error:
        raise NotMapped(f"the feed's Avro schema cannot be used: {error}") from error
    except (ValueError, IndexError) as error:
        raise NotMapped(f"the message is no value of the feed's Avro schema: {error}") from error


@lru_cache(maxsize=64)
def _schema(text: str) -> Type:
    return parse(text)


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number")


def _rule_for(feed: Feed, item: object) -> FeedEvent:
    for rule in feed.events:
        if all(text_at(item, pointer) == wanted for pointer, wanted in rule.where):
            return rule
    raise NotMapped("none of the feed's events fits it: add one, or one of type `none` that leaves it out")


def _event(feed: Feed, rule: FeedEvent, item: object) -> Event:
    attributes: dict[str, object] = {}
    data: dict[str, Any] = {}
    line: dict[str, object] = {"type": rule.event_type, "source": source_of(feed.feed_id), "data": data}
    line["attributes"] = attributes
    decimals = dict(rule.decimals)
    needed = (*HEADER_FIELDS, *FEED_TYPES[rule.event_type][0])
    for name, value, place in _named(rule, item):
        if value is None:
            if name in needed:
                raise NotMapped(f"{place}: nothing stands there for {name}")
            continue
        folder, _, inner = name.partition(".")
        made = _as_field(rule, name, value, decimals.get(name, 0), place)
        if folder == "attributes":
            attributes[inner] = made
        elif folder in MAPS:
            data.setdefault(folder, {})[inner] = made
        elif name in HEADER_FIELDS:
            line[name] = made
        else:
            data[name] = made
    attributes["partner"] = feed.feed_id
    try:
        return event_from_json(line)
    except InvalidEventJson as error:
        raise NotMapped(str(error)) from error


def _named(rule: FeedEvent, item: object) -> list[tuple[str, object, str]]:
    """(field, value or None, place for messages)."""
    found = [(name, value_at(item, pointer), pointer) for name, pointer in rule.fields]
    return [*found, *((name, text, "fixed") for name, text in rule.fixed)]


def _as_field(rule: FeedEvent, name: str, value: object, digits: int, place: str) -> object:
    if name == "occurred_at" and rule.time != "iso":
        return time_text(_whole(value, 0, place) * (SECOND_MS if rule.time == "s" else 1))
    if name in WHOLES or name.startswith("numbers."):
        return _whole(value, digits, place)
    if name in TRUTHS:
        truth = {"true": True, "false": False}.get(str(value).lower())
        if truth is None:
            raise NotMapped(f"{place}: {value!r} is neither true nor false")
        return truth
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise NotMapped(f"{place}: {type(value).__name__} is no text for {name}")
    return str(value)


def _whole(value: object, digits: int, place: str) -> int:
    """The whole number that is left once the point has moved so many digits to the right. Exact, or NotMapped."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > DIGITS_MAX:
        raise NotMapped(f"{place}: {str(value)[:DIGITS_MAX]!r} is no number")
    try:
        moved = _EXACT.scaleb(Decimal(value), digits)
    except InvalidOperation as error:
        raise NotMapped(f"{place}: {value!r} is no number") from error
    except Overflow as error:
        raise NotMapped(f"{place}: {value} is too large") from error
    if not moved.is_finite() or moved.adjusted() >= LONG_DIGITS:
        raise NotMapped(f"{place}: {value} is too large")
    if moved != moved.to_integral_value():
        raise NotMapped(f"{place}: {value} has more than {digits} digits behind the point: declare `decimals`")
    return int(moved)
