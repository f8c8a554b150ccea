"""Gathers what a finished run left behind, proves it, and counts it up for the summary."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Final

from pipeline.core.records import MemberBalance
from pipeline.demo.outputs import Outputs, read_outputs
from pipeline.demo.proof import Evidence, Inputs, duplicates, ended_fulfilments, parked_events, prove, script_check
from pipeline.demo.report import Facts, TierFacts
from pipeline.demo.script import Step, departures
from pipeline.demo.stage import Stage
from pipeline.demo.stores import postgres_states, redis_states
from pipeline.demo.watch import Watcher
from pipeline.history.export import export_log
from pipeline.history.replay import Replay
from pipeline.sinks.assemble import keys_of, ledger_verifier
from pipeline.wire.json_events import CONTROL_TYPES

LOG_FILE: Final = "log.jsonl"


def restores(stage: Stage) -> int:
    """How often a lane of the log opened with something to restore, by the workers' own logs."""
    topic = stage.connection.log.full_name
    count = 0
    for name in stage.workers:
        for line in stage.crew.log(name).read_text("utf-8").splitlines():
            if '"lane opened"' in line:
                said = json.loads(line)
                count += said["topic"] == topic and said["restored"] > 0
    return count


def prove_and_count(evidence: Evidence, steps: list[Step], facts: Facts, watcher: Watcher) -> None:
    """Fill in `facts`: what holds of the run, and what it came to."""
    outputs = evidence.outputs
    watcher.act("proving")
    facts.checks = prove(evidence)
    if steps:
        expected = Counter(step.expects for step in steps)
        facts.checks.append(script_check(departures(steps, outputs.decisions, outputs.letters), expected))
    facts.digest = outputs.audit.digest()
    _count(evidence, facts)


def collect(stage: Stage, stores_filled: Callable[[], None], watcher: Watcher) -> Evidence:
    """Everything that the proof needs. The workers must have stopped; `stores_filled` waits for the sinks."""
    inputs, replay, outputs = read_back(stage, watcher)
    watcher.act("waiting for the sinks")
    stores_filled()
    watcher.act("asking Redis and PostgreSQL")
    return Evidence(
        inputs,
        replay,
        outputs,
        redis_states(stage.settings.need("redis_url"), keys_of(stage.settings)),
        postgres_states(stage.settings.need("postgres_url")),
        ledger_verifier(stage.settings).from_postgres(),
    )


def read_back(stage: Stage, watcher: Watcher) -> tuple[Inputs, Replay, Outputs]:
    """The log, exported and replayed, and what the pipeline made of it."""
    path = stage.directory / LOG_FILE
    watcher.act("exporting the log")
    with path.open("wb") as file:
        export_log(stage.settings, stage.connection.topics, stage.connection.decoder, file.write, watcher.progress)
    watcher.act("reading the outputs")
    outputs = read_outputs(stage.connection, stage.partitions, watcher.progress)
    watcher.act("replaying the log")
    replay = Replay(path)
    inputs = Inputs()
    replay.run(lambda lines: watcher.progress(lines, replay.lines), inputs.add)
    return inputs, replay, outputs


def _count(evidence: Evidence, facts: Facts) -> None:
    outputs, replay = evidence.outputs, evidence.replay
    facts.members = len(outputs.balances)
    facts.events_by_type = dict(replay.types)
    outcomes = Counter(decision.outcome for decision in outputs.decisions)
    facts.fates = {
        "applied": outcomes["applied"],
        "refused": outcomes["refused"],
        "duplicates, skipped": duplicates(replay),
        "dead letters": len(outputs.letters),
        "parked": len(parked_events(replay)),
        "control records": sum(replay.types[kind] for kind in CONTROL_TYPES),
    }
    facts.entries_by_kind = dict(outputs.audit.by_kind)
    facts.points_by_kind = dict(outputs.audit.points_by_kind)
    facts.accounts = {unit: dict(accounts) for unit, accounts in outputs.audit.accounts.items()}
    facts.tiers = _tiers(list(outputs.balances.values()))
    facts.tier_changes = dict(Counter(f"{change.tier}, {change.reason}" for change in outputs.tier_changes))
    facts.refusals = dict(Counter(decision.reason for decision in outputs.decisions if decision.outcome == "refused"))
    facts.dead_letters = dict(Counter(letter.reason for letter in outputs.letters))
    facts.fulfilments = _fulfilments(evidence)


def _tiers(balances: list[MemberBalance]) -> list[TierFacts]:
    """Tiers from the one with most members down."""
    members = Counter(balance.tier for balance in balances)
    points: dict[str, Counter[str]] = {tier: Counter() for tier in members}
    for balance in balances:
        for wallet in balance.wallets:
            points[balance.tier].update(available=wallet.available, pending=wallet.pending, held=wallet.held)
    return [
        TierFacts(tier, count, points[tier]["available"], points[tier]["pending"], points[tier]["held"])
        for tier, count in members.most_common()
    ]


def confirmed_at(evidence: Evidence, provider: str) -> set[str]:
    """The fulfilments by a provider that were confirmed."""
    ended = ended_fulfilments(evidence)
    asked = {c.fulfillment_id for c in evidence.outputs.commands if c.provider == provider and c.action == "fulfil"}
    return {fulfillment_id for fulfillment_id in asked if ended.get(fulfillment_id) == "confirmed"}


def _fulfilments(evidence: Evidence) -> dict[str, int]:
    """Commands by provider, and by what became of them."""
    ended = ended_fulfilments(evidence)
    counts: Counter[str] = Counter()
    for command in evidence.outputs.commands:
        outcome = ended.get(command.fulfillment_id, "open")
        counts[f"{command.provider}, " + (outcome if command.action == "fulfil" else f"asked to {command.action}")] += 1
    return dict(counts)
