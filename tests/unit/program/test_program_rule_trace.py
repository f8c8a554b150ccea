"""What explain shows of limits: named as decisions name them, also rolling ones and those of campaigns."""

from __future__ import annotations

import pytest
from core_programs import Bench, RewardDecision
from program_texts import SETTINGS, bundle

from pipeline.core.events import Event
from pipeline.core.payloads import TransactionCompleted
from pipeline.program.compiler import compile_anew
from pipeline.program.rule_trace import trace_rule

RATES = SETTINGS.replace("[USD, EUR]", "{EUR: {}, USD: {2026-01-01: 0.5}}\nconversion: {base: EUR}")
CAMPAIGNS = "campaigns:\n  - {id: summer, limit: {per_member: {points: 12, every: day}}}\n"
RULES = """\
rules:
  - id: rolls
    on: transaction_completed
    when: event.amount_base_minor >= 400
    award: {points: {of: event.amount_base_minor, per: 100}}
    limit: {per_member: {points: 7, every: {rolling: 30d}}}
  - id: summery
    on: transaction_completed
    award: {points: 10}
    campaign: summer
    qualifies: true
"""


@pytest.mark.parametrize(
    ("rule_id", "limit", "used"),
    [("rolls", "limit:points/rolling:30d", 5), ("summery", "campaign:summer:points/day", 10)],
)
def test_the_limit_that_clipped_is_among_those_that_are_shown(rule_id: str, limit: str, used: int) -> None:
    program, definition = compile_anew(
        bundle({"program.yaml": RATES, "campaigns.yaml": CAMPAIGNS, "rules.yaml": RULES})
    )
    bench = Bench(program, start="2026-03-01T12:00:00")
    bench.enrol()
    bench.send("e1", TransactionCompleted("o1", 1_000, "USD"))
    (checked,) = [one for one in definition.rules if one.rule.rule_id == rule_id]
    event = Event("e2", "m", bench.now_ms, "till", "", {}, TransactionCompleted("o2", 1_000, "USD"), bench.now_ms)

    traced = trace_rule(checked, program, event, bench.member())

    (state,) = traced.limits
    assert (state.name, state.used, traced.holds) == (limit, used, True)
    if rule_id == "rolls":
        assert [atom.sentence() for atom in traced.atoms] == ["event.amount_base_minor >= 400: 500 >= 400 is true"]
    bench.apply(event)
    rewards = {one.rule_id: one for one in bench.of(RewardDecision)[-1].rewards}
    assert (rewards[rule_id].limited_by, rewards[rule_id].value) == (limit, 2)
