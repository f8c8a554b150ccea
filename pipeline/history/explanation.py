"""Explains what became of one event by deciding its member's records again: which atom of which condition decided.

The member stands as it did when the rules saw it, since everything that changes it is in the log. Rules are watched,
not imitated: what is explained is what the engine does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import final

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.memory import Dead, Output
from pipeline.core.payloads import Control, MemberQuarantined, Payload
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Match, Program, RuleTable
from pipeline.core.quarantine import quarantine_key
from pipeline.core.records import FraudAlert, FulfillmentCommand, LedgerEntry, PoolRequest, RewardDecision, TierChange
from pipeline.core.simulate import Simulation
from pipeline.program import Bundle, BundleRefused, ProgramRefused
from pipeline.program.checker import CheckedRule
from pipeline.program.compiler import compile_anew
from pipeline.program.rule_trace import RuleTrace, trace_rule

LogRecord = tuple[int, int, Event | Control]
"""(offset, recorded_at_ms, what the record says)."""


@final
@dataclass(slots=True)
class Explained:
    """What one event of one member came to. `rules` is empty where no rule was asked: none on its type, or refused.

    `asked` is what it asked of pools: id of the request, which is the answer's event id, to the pool. `answers` are the
    decisions of the answers; what these moved stands with what the event itself moved.
    """

    event: Event
    rules: tuple[RuleTrace, ...] = ()
    decision: RewardDecision | None = None
    entries: list[LedgerEntry] = field(default_factory=list)
    tier_changes: list[TierChange] = field(default_factory=list)
    commands: list[FulfillmentCommand] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    alerts: list[FraudAlert] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    answers: list[RewardDecision] = field(default_factory=list)


@final
class WatchedPrograms:
    """Compiled programmes whose conditions tell what they see of one event id. Implements `core.ports.Programs`."""

    def __init__(self, bundle: Callable[[str], Bundle], event_id: str) -> None:
        """`bundle` gives the bundle of a hash; raises UnknownProgram or BundleRefused."""
        self._bundle = bundle
        self._event_id = event_id
        self._programs: dict[str, Program] = {}
        self.seen: dict[tuple[str, str], tuple[RuleTrace, ...]] = {}
        """Rules by (member id, source) of the event, the latest time that they were asked."""

    def program(self, program_hash: str) -> Program:
        """Raises UnknownProgram for one that is not there or that this version cannot decide by."""
        if program_hash not in self._programs:
            try:
                program, definition = compile_anew(self._bundle(program_hash))
            except (BundleRefused, ProgramRefused) as error:
                raise UnknownProgram(f"program {program_hash} cannot be used: {error}") from error
            for event_type, table in list(program.rules.items()):
                rules = [rule for rule in definition.rules if rule.event_type == event_type]
                program.rules[event_type] = RuleTable(table.rules, self._watched(program, table.match, rules))
            self._programs[program_hash] = program
        return self._programs[program_hash]

    def _watched(self, program: Program, match: Match, rules: list[CheckedRule]) -> Match:
        def watch(
            event: Event, payload: Payload, member: Member, errors: list[tuple[int, str]]
        ) -> list[tuple[int, int]]:
            if event.event_id == self._event_id:
                traces = tuple(trace_rule(rule, program, event, member) for rule in rules)
                self.seen[member.member_id, event.source] = traces
            return match(event, payload, member, errors)

        return watch


def explain_records(
    records: Iterable[LogRecord], bundle: Callable[[str], Bundle], event_id: str, *, relay: bool
) -> list[Explained]:
    """What the events of this id came to, of one partition's records that hold all of their members' and all control
    records. `relay` says whether derived events follow by themselves, or stand in the records.

    Raises UnknownProgram.
    """
    programs = WatchedPrograms(bundle, event_id)
    taken = list(records)
    quarantined = frozenset(
        quarantine_key(content)
        for _offset, _recorded_at_ms, content in taken
        if isinstance(content, Event) and isinstance(content.payload, MemberQuarantined)
    )
    simulation = Simulation(programs, relay=relay, quarantined=quarantined)
    events: dict[tuple[str, str], Event] = {}
    for offset, recorded_at_ms, content in taken:
        if isinstance(content, Event) and content.event_id == event_id:
            events.setdefault((content.member_id, content.source), content)
        simulation.take(0, offset, recorded_at_ms, content)
    return explained(simulation.journal(0), events, programs)


def explained(
    journal: list[Output], events: dict[tuple[str, str], Event], programs: WatchedPrograms
) -> list[Explained]:
    """What came of events, by (member id, source), out of all that was put out while their rules were watched."""
    found = {key: Explained(event, programs.seen.get(key, ())) for key, event in events.items()}
    asked = asked_of_pools(journal, found)
    event_ids = {event.event_id for event in events.values()}
    for output in journal:
        if isinstance(output, Dead):
            for each in found.values():
                if output.event_id == each.event.event_id:
                    each.dead.append(output)
        elif isinstance(output, RewardDecision | LedgerEntry | FraudAlert):
            of_event = output.event_id in event_ids
            key = (output.member_id, output.source if of_event else output.event_id)
            own = (found if of_event else asked).get(key)
            if own is not None and isinstance(output, RewardDecision):
                if of_event:
                    own.decision = output
                else:
                    own.answers.append(output)
            elif own is not None and isinstance(output, LedgerEntry):
                own.entries.append(output)
            elif own is not None and isinstance(output, FraudAlert):
                own.alerts.append(output)
        elif isinstance(output, TierChange | FulfillmentCommand):
            for each in found.values():
                by_event = output.event_id in event_ids or output.event_id in each.asked
                if output.member_id == each.event.member_id and by_event:
                    (each.tier_changes if isinstance(output, TierChange) else each.commands).append(output)  # type: ignore[arg-type]
    return list(found.values())


def asked_of_pools(journal: list[Output], found: dict[tuple[str, str], Explained]) -> dict[tuple[str, str], Explained]:
    """Note in `found` what each event asked of pools. Returns whose event asked, by (member id, id of the request)."""
    asked: dict[tuple[str, str], Explained] = {}
    for output in journal:
        if isinstance(output, PoolRequest):
            for each in found.values():
                by_answer = output.event_id in each.asked  # a household's points are there: now the stock is asked
                if output.member_id == each.event.member_id and (by_answer or output.event_id == each.event.event_id):
                    each.asked[output.request_id] = output.pool_id
                    asked[output.member_id, output.request_id] = each
    return asked
