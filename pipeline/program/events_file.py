"""Reads events.yaml: the custom events of a programme with their attributes; checks how conditions use them."""

from collections.abc import Iterator
from typing import Final

from pipeline.core.bounds import TEXT_MAX
from pipeline.core.custom_events import CustomType
from pipeline.program.cel_tree import Tree
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.rules_file import RuleDraft
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Named, Text
from pipeline.program.spans import Span
from pipeline.program.yaml_nodes import Node, Scalar

TYPES: Final = ("int", "text")
MAX_EVENTS: Final = 500
MAX_ATTRIBUTES: Final = 100
NAME: Final = Text(f".{{1,{TEXT_MAX}}}", "quiz_answered")
KEYS: Final[Keys] = {
    "name": Key(NAME, "The event's `name`.", required=True),
    "attributes": Key(
        Named(Choice(TYPES), names=NAME), "Attributes by name: whole numbers stand in `numbers`, texts in `attributes`."
    ),
    "optional": Key(Items(NAME, MAX_ATTRIBUTES), "Attributes that may be missing."),
}
FILE_KEYS: Final[Keys] = {
    "events": Key(Items(Fields(KEYS), MAX_EVENTS, id_key="name"), "The custom events there are.", required=True)
}
NUMBERS: Final = "event.numbers"
TEXTS: Final = "event.attributes"


def read_events(report: Report, source: Source, node: Node) -> dict[str, CustomType]:
    """The declared events by name."""
    section = Section(report, source, node, "events.yaml", FILE_KEYS)
    section.require("events")
    events: dict[str, CustomType] = {}
    for item in section.items("events", "events", MAX_EVENTS):
        own = Section(report, source, item, "an event", KEYS)
        if not own.readable or not own.require("name"):
            continue
        name = own.scalar("name", "the event's name")
        if name is None:
            continue
        own.what = f"event `{shorten(name.value)}`"
        if name.value in events:
            own.refuse("name", f"there are two events `{shorten(name.value)}`", "join them")
        if len(name.value) > TEXT_MAX or not name.value.isprintable():
            own.refuse("name", "this cannot be the name of an event", f"write at most {TEXT_MAX} printable characters")
        events[name.value] = _event(report, source, own)
    return events


def _event(report: Report, source: Source, own: Section) -> CustomType:
    numbers: set[str] = set()
    texts: set[str] = set()
    attributes = own.section("attributes", f"attributes of {own.what}", None)
    names = [] if attributes is None else attributes.keys()
    for attribute in names:
        assert attributes is not None
        kind = attributes.choice(attribute, TYPES, "")
        if kind:
            (numbers if kind == "int" else texts).add(attribute)
    if len(names) > MAX_ATTRIBUTES:
        own.refuse("attributes", f"{own.what} has {len(names)} attributes, more than {MAX_ATTRIBUTES}", "send fewer")
    optional: set[str] = set()
    for scalar in own.texts("optional", "attributes"):
        optional.add(scalar.value)
        if scalar.value not in names:
            report.error(
                source,
                scalar.start,
                f"{own.what} has no attribute `{shorten(scalar.value)}`",
                closest(scalar.value, names) or "declare it under `attributes`",
            )
    return CustomType(frozenset(numbers), frozenset(texts), frozenset((numbers | texts) - optional))


def check_attributes(
    report: Report, draft: RuleDraft, when: Tree | None, of: Tree | None, events: dict[str, CustomType]
) -> None:
    """Refuses attributes that no declared event has, or has of the other type."""
    numbers = {one for event in events.values() for one in event.numbers}
    texts = {one for event in events.values() for one in event.texts}
    for tree, scalar in ((when, draft.when), (of, draft.of)):
        if tree is None or scalar is None:
            continue
        for node in tree.walk():
            for group, key in keys_of(node):
                own, other = (numbers, texts) if group == NUMBERS else (texts, numbers)
                if key in own or group not in (NUMBERS, TEXTS):
                    continue
                _refuse(report, draft, scalar, node, group, key, other, closest(key, own))


def _refuse(
    report: Report, draft: RuleDraft, scalar: Scalar, node: Tree, group: str, key: str, other: set[str], near: str
) -> None:
    reason = f"no event of events.yaml has `{shorten(key)}` in its {group.removeprefix('event.')}"
    if key in other:
        near = f"write {TEXTS if group == NUMBERS else NUMBERS}.{key}"
    report.error(draft.source, Span(draft.source, scalar).index(node.offset), reason, near)


def keys_of(node: Tree) -> Iterator[tuple[str, str]]:
    """(map, literal key) where a node reads a map's key or asks for it."""
    if node.kind in ("has", "field") and node.children[0].kind == "name":
        yield str(node.children[0].value), str(node.value)
    if node.kind == "call" and node.value in ("_[_]", "@in"):
        group, key = node.children if node.value == "_[_]" else (node.children[1], node.children[0])
        if group.kind == "name" and key.kind == "literal":
            yield str(group.value), str(key.value)


def certain(when: Tree | None, events: dict[str, CustomType]) -> set[tuple[str, str]]:
    """(map, key) that an event for which the condition can hold has for certain: its name is asked for, and the
    attribute is required."""
    found: set[tuple[str, str]] = set()
    parts = [when] if when is not None else []
    while parts:
        part = parts.pop()
        if part.kind == "call" and part.value == "_&&_":
            parts.extend(part.children)
        elif part.kind == "call" and part.value == "_==_" and part.children[0].value == "event.name":
            declared = events.get(str(part.children[1].value))
            if declared is not None:
                found |= {(NUMBERS, one) for one in declared.required & declared.numbers}
                found |= {(TEXTS, one) for one in declared.required & declared.texts}
    return found
