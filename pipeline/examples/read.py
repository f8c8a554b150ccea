"""Reads the files of examples beside a programme as strictly as the programme itself."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.calendar import UTC, Calendar
from pipeline.core.events import Event
from pipeline.core.pool_ids import CODES, has_codes
from pipeline.core.program import Program
from pipeline.core.reasons import DEAD_LETTER_REASONS, REFUSAL_REASONS
from pipeline.examples.example import ACCOUNTS, Balances, Clipped, Example, Expectation, MemberState
from pipeline.examples.read_events import MEMBER, Place, later, moment, read_event
from pipeline.program.files import read_example_files
from pipeline.program.problems import Problem, Report, Source, closest, shorten
from pipeline.program.quantities import BadQuantity, parse_period
from pipeline.program.sections import Section
from pipeline.program.yaml_nodes import Node, Scalar, parse

FILE_KEYS: Final = ("history", "codes", "examples")
EXAMPLE_KEYS: Final = ("name", "history", "event", "events", "until", "expect")
EXPECT_KEYS: Final = ("refused", "errors", "awards", "shadow", "limited", "balances", "tier", "members")
MEMBER_KEYS: Final = ("balances", "tier")
LIMITED_KEYS: Final = ("wanted", "by")

DUPLICATE: Final = "duplicate"
NO_TIER: Final = "none"
MAX_EXAMPLES: Final = 1000
MAX_CODES: Final = 1000
_REASONS: Final = (*REFUSAL_REASONS, *DEAD_LETTER_REASONS, DUPLICATE)


@final
@dataclass(frozen=True, slots=True)
class _Names:
    """What the programme has; None where that is not known, because the programme itself has mistakes."""

    rules: Collection[str] | None
    units: Collection[str] | None
    tiers: Collection[str] | None
    pools: Collection[str] | None


def check_examples(directory: str | Path, program: Program | None) -> list[Problem]:
    """Every mistake in the examples beside a programme; names are not judged where the programme is None."""
    report = Report()
    _read(Path(directory), program, report)
    return report.sorted()


def read_examples(directory: str | Path, program: Program) -> tuple[list[Example], list[Problem]]:
    """The examples beside a programme in the order of files and lines, and every mistake in them."""
    report = Report()
    examples = _read(Path(directory), program, report)
    return examples, report.sorted()


def _read(directory: Path, program: Program | None, report: Report) -> list[Example]:
    texts = read_example_files(directory, report)
    examples: list[Example] = []
    for name in sorted(texts):
        source = Source(name, texts[name])
        node = parse(source, report)
        if node is not None:
            examples += _Reader(report, source, program).file(node)
    return examples


@final
class _Reader:
    """Reads one file."""

    def __init__(self, report: Report, source: Source, program: Program | None) -> None:
        self._report = report
        self._source = source
        currency = "USD" if program is None else min(program.currencies)
        self._place = Place(report, source, Calendar(UTC) if program is None else program.calendar, currency)
        self._names = _Names(None, None, None, None)
        if program is not None:
            rules = [rule.rule_id for table in program.rules.values() for rule in table.rules]
            pools = [
                reward.pool_id.removeprefix(CODES) for reward in program.rewards.values() if has_codes(reward.pool_id)
            ]
            self._names = _Names(rules, list(program.units), [tier.tier_id for tier in program.tiers], pools)

    def file(self, node: Node) -> list[Example]:
        section = Section(self._report, self._source, node, self._source.name, FILE_KEYS)
        section.require("examples")
        shared = self._events(section, "history", "shared", None)
        codes = self._numbers(section, "codes", "pool of voucher codes", self._names.pools, MAX_CODES) or {}
        examples = []
        names: set[str] = set()
        for item in section.items("examples", "examples", MAX_EXAMPLES):
            example = self._example(item, shared, codes)
            if example is None:
                continue
            if example.name in names:
                reason = f"there are two examples `{shorten(example.name)}`"
                self._report.error(self._source, item.start, reason, "give one of them another name")
            names.add(example.name)
            examples.append(example)
        return examples

    def _example(self, node: Node, shared: list[Event], codes: dict[str, int]) -> Example | None:
        section = Section(self._report, self._source, node, "an example", EXAMPLE_KEYS)
        if not section.readable or not section.require("name", "expect"):
            return None
        name = section.scalar("name", "a sentence")
        history = shared + self._events(section, "history", "history", _last(shared))
        if ("event" in section) == ("events" in section):
            section.refuse("name", "an example needs either `event` or `events`", "write `event: {on: ...}`")
            return None
        events = self._events(section, "events", "event", _last(history))
        single = section.node("event")
        if single is not None:
            event = read_event(self._place, single, "event-1", _last(history))
            events = [] if event is None else [event]
        until_ms = self._until(section, _last(history + events))
        expected = self._expectation(section)
        if name is None or not events or expected is None:
            return None
        line, _ = self._source.place(node.start)
        return Example(self._source.name, line, name.value, tuple(history), tuple(events), until_ms, expected, codes)

    def _events(self, section: Section, key: str, prefix: str, before_ms: int | None) -> list[Event]:
        """The events of a list, each numbered; those with mistakes are left out."""
        events: list[Event] = []
        for number, node in enumerate(section.items(key, "events"), start=1):
            event = read_event(self._place, node, f"{prefix}-{number}", _last(events, before_ms))
            if event is not None:
                events.append(event)
        return events

    def _until(self, section: Section, last_ms: int | None) -> int | None:
        """A time, or a length of time after the last event."""
        scalar = section.scalar("until", "a time, or a length of time after the last event")
        if scalar is None:
            return None
        try:
            period = parse_period(scalar.value)
        except BadQuantity:
            return moment(self._place, section, "until")
        return None if last_ms is None else later(self._place, section, "until", last_ms, period)

    def _expectation(self, example: Section) -> Expectation | None:
        section = example.section("expect", "expect", EXPECT_KEYS)
        if section is None:
            return None
        members: dict[str, MemberState] = {}
        if "balances" in section or "tier" in section:
            members[MEMBER] = self._state(section)
        others = section.section("members", "members", None)
        if others is not None:
            for member_id in others:
                state = others.section(member_id, f"member `{member_id}`", MEMBER_KEYS)
                if state is not None:
                    members[member_id] = self._state(state)
        return Expectation(
            refused=self._listed(section, "refused", "reason", _REASONS),
            errors=self._listed(section, "errors", "rule", self._names.rules),
            awards=self._numbers(section, "awards", "rule", self._names.rules, WALLET_MAX),
            shadow=self._numbers(section, "shadow", "rule", self._names.rules, WALLET_MAX),
            limited=self._limited(section),
            members=members,
        )

    def _listed(self, section: Section, key: str, what: str, known: Collection[str] | None) -> tuple[str, ...]:
        """One name or a list of them."""
        node = section.node(key)
        if node is None:
            return ()
        if isinstance(node, Scalar):
            scalar = section.scalar(key, f"a {what}")
            scalars = [] if scalar is None else [scalar]
        else:
            scalars = [item for item in section.items(key, f"{what}s") if isinstance(item, Scalar)]
            if len(scalars) < len(section.items(key, f"{what}s")):
                section.refuse(key, f"`{key}` lists {what}s", f"write one {what} after each dash")
        for scalar in scalars:
            self._known(scalar.start, scalar.value, what, known)
        return tuple(scalar.value for scalar in scalars)

    def _known(self, start: int, name: str, what: str, known: Collection[str] | None) -> None:
        if known is not None and name not in known:
            self._report.error(self._source, start, f"there is no {what} `{shorten(name)}`", closest(name, known))

    def _numbers(
        self, section: Section, key: str, what: str, known: Collection[str] | None, most: int
    ) -> dict[str, int] | None:
        """A number by name, such as points by rule; None where the key is absent."""
        inner = section.section(key, f"`{key}`", None)
        if inner is None:
            return None
        numbers: dict[str, int] = {}
        for name in inner:
            self._known(inner.key_start(name), name, what, known)
            number = inner.integer(name, 1, most)
            if number is not None:
                numbers[name] = number
        return numbers

    def _limited(self, section: Section) -> dict[str, Clipped] | None:
        inner = section.section("limited", "`limited`", None)
        if inner is None:
            return None
        found: dict[str, Clipped] = {}
        for rule_id in inner:
            self._known(inner.key_start(rule_id), rule_id, "rule", self._names.rules)
            if isinstance(inner.node(rule_id), Scalar):
                by = inner.scalar(rule_id, "what limits it, such as limit:points/month")
                wanted = None
            else:
                clipped = inner.section(rule_id, f"`limited` of rule `{rule_id}`", LIMITED_KEYS)
                if clipped is None or not clipped.readable or not clipped.require("by"):
                    continue
                by = clipped.scalar("by", "what limits it, such as limit:points/month")
                wanted = clipped.integer("wanted", 0, WALLET_MAX)
            if by is not None:
                found[rule_id] = Clipped(wanted, by.value)
        return found

    def _state(self, section: Section) -> MemberState:
        tier = section.scalar("tier", f"a tier, or `{NO_TIER}`")
        if tier is not None and tier.value != NO_TIER:
            self._known(tier.start, tier.value, "tier", self._names.tiers)
        text = None if tier is None else "" if tier.value == NO_TIER else tier.value
        return MemberState(self._balances(section), text)

    def _balances(self, section: Section) -> Balances | None:
        inner = section.section("balances", "balances", None)
        if inner is None:
            return None
        balances: Balances = {}
        for unit in inner:
            self._known(inner.key_start(unit), unit, "unit", self._names.units)
            accounts = inner.section(unit, f"balances of `{unit}`", ACCOUNTS)
            if accounts is not None:
                read = {account: accounts.integer(account, 0, WALLET_MAX) for account in ACCOUNTS}
                balances[unit] = {account: points for account, points in read.items() if points is not None}
        return balances


def _last(events: list[Event], before_ms: int | None = None) -> int | None:
    """When the last event occurred."""
    return events[-1].occurred_at_ms if events else before_ms
