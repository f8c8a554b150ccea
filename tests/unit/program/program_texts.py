"""A small sound programme that tests change in one place, and what checking it says."""

from collections.abc import Mapping

from pipeline.core.program import SEMANTICS, Program
from pipeline.program.bundle import Bundle
from pipeline.program.checker import check_texts
from pipeline.program.compiler import compile_bundle
from pipeline.program.problems import Report
from pipeline.program.zones import TZDATA_VERSION, zone_data

SETTINGS = """\
program: corner-shop
zone: Europe/Berlin
enrolment: required
currencies: [USD, EUR]
units:
  points: {expires: 12mo}
  miles: {expires: never, rounding: half_up}
"""
TIERS = """\
tiers:
  - {id: bronze, threshold: 0}
  - {id: silver, threshold: 500}
  - {id: platinum, threshold: 5000, earn_percent: 150}
"""
RULES = """\
rules:
  - id: purchase
    on: transaction_completed
    award: {points: {per: 100, of: event.amount_minor}}
    qualifies: true
"""
REWARDS = """\
rewards:
  - {id: coffee, price: 50}
"""
SOUND = {"program.yaml": SETTINGS, "tiers.yaml": TIERS, "rules.yaml": RULES, "rewards.yaml": REWARDS}


def rule(text: str) -> dict[str, str]:
    """Files in which a second rule file holds one rule with these lines below `- id: it`."""
    lines = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
    return {"rules/more.yaml": f"rules:\n  - id: it\n{lines}"}


def problems(files: Mapping[str, str]) -> list[str]:
    """Each problem of the sound programme with these files instead, as people see it."""
    report = Report()
    definition = check_texts({**SOUND, **files}, report)
    assert (definition is None) == report.refused
    return [problem.render() for problem in report.sorted()]


def bundle(files: Mapping[str, str], zone: str = "Europe/Berlin") -> Bundle:
    """The sound programme's bundle with these files instead."""
    texts = {**SOUND, **files}
    return Bundle(tuple(sorted(texts.items())), SEMANTICS, TZDATA_VERSION, zone, zone_data(zone))


def compiled(files: Mapping[str, str]) -> Program:
    """The sound programme compiled with these files instead."""
    return compile_bundle(bundle(files))
