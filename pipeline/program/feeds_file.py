"""Reads the feeds of partners.yaml: what of a partner's messages becomes which event, and what is too much."""

import json
import re
from collections.abc import Collection
from typing import Final

from pipeline.program.call_keys import SECRET_KEYS, SPAN, read_secret, read_span
from pipeline.program.feeds import FEED_TYPES, HEADER_FIELDS, MAPS, TIMES, WHOLES, Feed, FeedEvent, FeedLimits
from pipeline.program.partner_calls import ANY_TEXT, POINTER, read_pointer, read_texts
from pipeline.program.partners import Secret
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Name, Named, Text, Whole
from pipeline.program.yaml_nodes import Node

MAX_FEEDS: Final = 200
MAX_EVENTS: Final = 50
LEFT_OUT: Final = "none"
COUNTRY: Final = Text("[A-Z]{2}", "US")
FIELD: Final = Text(r"[a-z_]+(\.[A-Za-z0-9_-]{1,64})?", "amount_minor")
MAX_DECIMALS: Final = 6
NUMBERS_MAX: Final = 10**12
YEAR_MS: Final = 365 * 86_400_000

EVENT_KEYS: Final[Keys] = {
    "type": Key(Choice((*FEED_TYPES, LEFT_OUT)), "What it becomes; `none` leaves it out.", required=True),
    "where": Key(Named(ANY_TEXT, names=POINTER), "Values in the message, by pointer, that must be so."),
    "fields": Key(Named(POINTER, names=FIELD), "Where each field of the event stands in the message."),
    "fixed": Key(Named(ANY_TEXT, names=FIELD), "Fields that are always the same."),
    "decimals": Key(
        Named(Whole(1, MAX_DECIMALS), names=FIELD),
        "Fields in which so many digits stand behind the point: with 2, 12.5 becomes 1250.",
    ),
    "time": Key(
        Choice(TIMES), "How `occurred_at` is written: ISO 8601, or seconds or ms since 1970 UTC.", default="iso"
    ),
}
LIMITS_KEYS: Final[Keys] = {
    "countries": Key(Items(COUNTRY, 300), "Purchases in other countries are refused."),
    "amount_minor": Key(Whole(1, NUMBERS_MAX), "Most of one event; above it is refused."),
    "late": Key(SPAN, "How long ago an event may have occurred; an older one is refused."),
    "member_events": Key(Whole(1, NUMBERS_MAX), "Most events of one member within `every`; further ones are refused."),
    "events": Key(Whole(1, NUMBERS_MAX), "Most events within `every`; beyond it the feed is held."),
    "total_minor": Key(Whole(1, NUMBERS_MAX), "Most in each currency within `every`; beyond it the feed is held."),
    "every": Key(SPAN, "Stretches of this length, counted from 1970 UTC.", default="1d"),
}
KEYS: Final[Keys] = {
    "id": Key(Name(), "The feed's name; its events have the source `partner:NAME`.", required=True),
    "signing": Key(
        Fields(SECRET_KEYS, ("env", "file")), "Secret by which messages are signed, per Standard Webhooks.",
        required=True,
    ),
    "avro": Key(Text("(.|\\n)+", '{"type": "record"}'), "Avro schema of messages, as JSON; without it they are JSON."),
    "list": Key(POINTER, "Where a list stands whose items become events; without it a message is one."),
    "events": Key(Items(Fields(EVENT_KEYS), MAX_EVENTS, ordered=True), "The first that fits counts.", required=True),
    "limits": Key(Fields(LIMITS_KEYS), "What is too much."),
}  # fmt: skip


def read_feeds(report: Report, source: Source, own: Section) -> dict[str, Feed]:
    """The feeds by id, of the section of the whole file."""
    feeds: dict[str, Feed] = {}
    for item in own.items("feeds", "feeds", MAX_FEEDS):
        feed = _feed(report, source, item)
        if feed is None:
            continue
        if feed.feed_id in feeds:
            report.error(source, item.start, f"there are two feeds `{feed.feed_id}`", "give one of them another id")
        feeds[feed.feed_id] = feed
    return feeds


def _feed(report: Report, source: Source, node: Node) -> Feed | None:
    own = Section(report, source, node, "a feed", KEYS)
    if not own.readable or not own.require("id", "signing", "events"):
        return None
    feed_id = own.identifier("id") or ""
    own.what = f"feed `{feed_id}`"
    secret = read_secret(own.section("signing", f"signing of {own.what}", SECRET_KEYS))
    events = [_event(report, source, item, own.what) for item in own.items("events", "events", MAX_EVENTS)]
    return Feed(
        feed_id,
        secret or Secret("", ""),
        _avro(own),
        read_pointer(own, "list"),
        tuple(event for event in events if event is not None),
        _limits(own.section("limits", f"limits of {own.what}", LIMITS_KEYS)),
    )


def _avro(own: Section) -> str:
    scalar = own.scalar("avro", "an Avro schema as JSON")
    if scalar is None:
        return ""
    try:
        json.loads(scalar.value)
    except ValueError as error:
        own.refuse("avro", f"`avro` is not valid JSON: {error}", "write the schema as a quoted or literal (|) text")
    return scalar.value


def _event(report: Report, source: Source, node: Node, what: str) -> FeedEvent | None:
    own = Section(report, source, node, f"an event of {what}", EVENT_KEYS)
    if not own.readable or not own.require("type"):
        return None
    event_type = own.choice("type", (*FEED_TYPES, LEFT_OUT), "")
    where = read_texts(report, source, own, "where", ())
    fields, fixed = (read_texts(report, source, own, key, ()) for key in ("fields", "fixed"))
    for name, pointer in fields:
        if not re.fullmatch(POINTER.pattern, pointer):
            own.refuse("fields", f"`{name}: {shorten(pointer)}` is no JSON pointer", "write one such as /order/id")
    decimals = _decimals(own)
    if event_type in FEED_TYPES:
        _check_fields(own, event_type, [name for name, _ in (*fields, *fixed)])
    elif fields or fixed:
        own.refuse(
            "type", "what is left out has no fields", f"remove them, or name a type such as {next(iter(FEED_TYPES))}"
        )
    found = "" if event_type == LEFT_OUT else event_type
    return FeedEvent(found, where, fields, fixed, decimals, own.choice("time", TIMES, "iso"))


def _check_fields(own: Section, event_type: str, named: Collection[str]) -> None:
    needed, others = FEED_TYPES[event_type]
    known = (*HEADER_FIELDS, *needed, *others)
    maps = [name for name, types in MAPS.items() if event_type in types]
    for name in named:
        folder, dot, _ = name.partition(".")
        if name not in known and not (dot and folder in maps):
            own.refuse("fields", f"a {event_type} of a partner has no `{shorten(name)}`", closest(name, known))
    for name in (*HEADER_FIELDS, *needed):
        if name not in named:
            own.refuse("fields", f"{own.what} lacks `{name}`", f"say under `fields` where it stands: `{name}: /...`")
    twice = sorted({name for name in named if list(named).count(name) > 1})
    for name in twice:
        own.refuse("fixed", f"`{name}` stands in `fields` and in `fixed`", "keep one of the two")


def _decimals(own: Section) -> tuple[tuple[str, int], ...]:
    section = own.section("decimals", f"`decimals` of {own.what}", None)
    found: list[tuple[str, int]] = []
    for name in section or ():
        digits = section.integer(name, 1, MAX_DECIMALS) if section is not None else None
        if name not in WHOLES and not name.startswith("numbers."):
            own.refuse("decimals", f"`{shorten(name)}` is no whole number", closest(name, WHOLES))
        found.append((name, digits or 1))
    return tuple(found)


def _limits(section: Section | None) -> FeedLimits:
    if section is None:
        return FeedLimits()
    countries = section.texts("countries", "countries")
    for scalar in countries:
        if not re.fullmatch(COUNTRY.pattern, scalar.value):
            section.refuse("countries", f"`{shorten(scalar.value)}` is no country", "write two capitals, such as US")
    numbers = [
        section.integer(key, 1, NUMBERS_MAX) or 0 for key in ("amount_minor", "member_events", "events", "total_minor")
    ]
    amount_minor, member_events, events, total_minor = numbers
    return FeedLimits(
        tuple(scalar.value for scalar in countries),
        amount_minor,
        read_span(section, "late", 0, YEAR_MS),
        member_events,
        events,
        total_minor,
        read_span(section, "every", FeedLimits().every_ms, YEAR_MS),
    )
