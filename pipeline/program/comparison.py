"""Compares two programmes by what they mean, and says in words what changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, final

from pipeline.program import files
from pipeline.program.bundle import Bundle
from pipeline.program.change_words import description, flat, label, words
from pipeline.program.grammar import GRAMMAR
from pipeline.program.meaning import Reader, Value
from pipeline.program.problems import Report, Source
from pipeline.program.yaml_nodes import Mapping as MappingNode
from pipeline.program.yaml_nodes import Scalar, parse

Kind = Literal["added", "removed", "changed", "reordered"]
Item = dict[str, Value]

_NAMED: Final = {
    "unit": "units",
    "rule": "rules",
    "tier": "tiers",
    "reward": "rewards",
    "campaign": "campaigns",
    "event": "events",
    "partner": "partners",
    "feed": "feeds",
    "signal": "signals",
    "message": "messages",
    "webhook": "webhooks",
}
_LISTED: Final = {
    "rules": "id",
    "tiers": "id",
    "rewards": "id",
    "campaigns": "id",
    "events": "name",
    "partners": "id",
    "feeds": "id",
    "signals": "id",
    "messages": "id",
    "webhooks": "id",
}
"""Lists of a programme, and the key that tells their items apart."""


@final
@dataclass(frozen=True, slots=True)
class Change:
    """One change. `what` is program, unit, rule, tier, reward, campaign, event, partner, feed, signal, message,
    webhook or core, `name` its id, `key` a path or empty.

    `before` and `after` are in words, empty for nothing; `text` is the whole sentence.
    """

    kind: Kind
    what: str
    name: str
    key: str
    before: str
    after: str
    text: str


@final
class _Side:
    """What one programme holds, by what it means; `plain` without what is the default."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.program: Item = {}
        self.units: dict[str, Item] = {}
        self.rules: dict[str, Item] = {}
        self.tiers: dict[str, Item] = {}
        self.rewards: dict[str, Item] = {}
        self.campaigns: dict[str, Item] = {}
        self.events: dict[str, Item] = {}
        self.partners: dict[str, Item] = {}
        self.feeds: dict[str, Item] = {}
        self.signals: dict[str, Item] = {}
        self.messages: dict[str, Item] = {}
        self.webhooks: dict[str, Item] = {}
        self.plain: dict[tuple[str, str], Item] = {}
        nodes = {name: parse(Source(name, text), Report()) for name, text in sorted(texts.items())}
        unit = _default_unit(nodes.get(files.SETTINGS))
        for complete in (False, True):
            reader = Reader(unit, complete=complete)
            for name, node in nodes.items():
                if isinstance(node, MappingNode):
                    shape = GRAMMAR.get(name, GRAMMAR[files.RULES])
                    self._take(reader.value(node, shape))
            if not complete:
                for what, held in _NAMED.items():
                    self.plain |= {(what, each): item for each, item in getattr(self, held).items()}

    def _take(self, content: Value) -> None:
        if not isinstance(content, dict):
            return
        for key, value in content.items():
            if key == "units" and isinstance(value, dict):
                self.units = {name: unit for name, unit in value.items() if isinstance(unit, dict)}
            elif key in _LISTED and isinstance(value, tuple):
                own = _LISTED[key]
                items: dict[str, Item] = getattr(self, key)
                items |= {str(item[own]): item for item in value if isinstance(item, dict) and own in item}
            elif key == "trees" and isinstance(value, tuple):
                digest = sha256("\n".join(str(tree) for tree in value).encode()).hexdigest()
                self.program["model"] = f"{len(value)} trees ({digest[:12]})"
            else:
                self.program[key] = value

    @property
    def default_unit(self) -> str:
        return next(iter(self.units), "")

    def order(self, event_type: Value, among: Iterable[str]) -> list[str]:
        """Ids of the rules on an event type, in their order."""
        known = set(among)
        own = [rule for rule, item in self.rules.items() if item.get("on") == event_type and rule in known]
        return sorted(own, key=lambda rule: (-_priority(self.rules[rule]), rule))


def compare(before: Bundle, after: Bundle) -> list[Change]:
    """Everything whose meaning changes from one programme to the other; empty if nothing does."""
    old, new = _Side(dict(before.files)), _Side(dict(after.files))
    changes = _values("program", "", "the programme", old.program, new.program)
    for what, held in _NAMED.items():
        changes += _items(what, getattr(old, held), getattr(new, held), old, new)
    if old.default_unit != new.default_unit:
        text = f"the default unit changes from {old.default_unit} to {new.default_unit}"
        changes.append(Change("changed", "program", "", "units", old.default_unit, new.default_unit, text))
    return changes + _order(old, new) + _core(before, after)


def _items(what: str, old: dict[str, Item], new: dict[str, Item], before: _Side, after: _Side) -> list[Change]:
    changes: list[Change] = []
    for name in [*old, *(each for each in new if each not in old)]:
        subject = f"{what} `{name}`"
        if name not in new:
            told = description(before.plain[what, name])
            changes.append(Change("removed", what, name, "", told, "", f"{subject} is removed; it was {told}"))
        elif name not in old:
            told = description(after.plain[what, name])
            changes.append(Change("added", what, name, "", "", told, f"{subject} is added: {told}"))
        else:
            changes += _values(what, name, subject, old[name], new[name])
    return changes


def _values(what: str, name: str, subject: str, old: Item, new: Item) -> list[Change]:
    """One change for each path whose value differs."""
    olds, news = _paths(old, new)
    changes: list[Change] = []
    for path in [*olds, *(each for each in news if each not in olds)]:
        was, now = olds.get(path), news.get(path)
        if was == now:
            continue
        before, after = "" if was is None else words(was), "" if now is None else words(now)
        kind: Kind = "changed"
        text = f"{subject}: {label(path)} changes from {before} to {after}"
        if was is None:
            kind, text = "added", f"{subject}: {label(path)} is new: {after}"
        elif now is None:
            kind, text = "removed", f"{subject}: {label(path)} is gone; before: {before}"
        changes.append(Change(kind, what, name, path, before, after, text))
    return changes


def _paths(old: Item, new: Item) -> tuple[Item, Item]:
    """Both sides by path: a mapping that stands on both sides is compared key by key."""
    olds, news = flat(old), flat(new)
    for path in [path for path in olds if path in news]:
        was, now = olds[path], news[path]
        if isinstance(was, dict) and isinstance(now, dict):
            del olds[path], news[path]
            olds |= {f"{path}.{key}": value for key, value in was.items()}
            news |= {f"{path}.{key}": value for key, value in now.items()}
    return olds, news


def _order(old: _Side, new: _Side) -> list[Change]:
    """Where rules that both have are decided in another order."""
    changes: list[Change] = []
    common = [rule for rule in old.rules if rule in new.rules and old.rules[rule]["on"] == new.rules[rule]["on"]]
    for event_type in dict.fromkeys(str(old.rules[rule]["on"]) for rule in common):
        was, now = old.order(event_type, common), new.order(event_type, common)
        if was != now:
            text = f"rules on {event_type} are decided in another order: their entries are booked in that order"
            changes.append(
                Change("reordered", "program", "", f"rules on {event_type}", ", ".join(was), ", ".join(now), text)
            )
    return changes


def _core(before: Bundle, after: Bundle) -> list[Change]:
    """What decides besides the files."""
    changes: list[Change] = []
    if before.semantics != after.semantics:
        text = f"the core's rules of decision change from semantics {before.semantics} to {after.semantics}"
        old, new = str(before.semantics), str(after.semantics)
        changes.append(Change("changed", "core", "", "semantics", old, new, text))
    if before.zone == after.zone and before.zone_data != after.zone_data:
        text = f"the rules of time zone {after.zone} change: tzdata {before.tzdata} before, {after.tzdata} after"
        changes.append(Change("changed", "core", "", "tzdata", before.tzdata, after.tzdata, text))
    return changes


def _priority(rule: Item) -> int:
    """A rule's priority, 0 of one that cannot be read."""
    try:
        return int(str(rule.get("priority", "0")))
    except ValueError:
        return 0


def _default_unit(node: object) -> str:
    if isinstance(node, MappingNode):
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.value == "units" and isinstance(value, MappingNode) and value.pairs:
                first = value.pairs[0][0]
                return first.value if isinstance(first, Scalar) else ""
    return ""
