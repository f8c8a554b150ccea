"""Prints what a whole decision costs for programmes of 10, 100 and 1,000 rules: µs of CPU of a purchase, by the engine.

Rules have conditions of every kind, of which few hold. Beside programmes whose rules are all for purchases there is one
of 1,000 rules of which 10 are: what it costs should be at most twice what those 10 alone cost.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.core import CountingOutputs
from bench.rules import CONDITIONS
from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.memory import MemoryState
from pipeline.core.payloads import ProgramActivated, TransactionCompleted
from pipeline.core.program import Program
from pipeline.history.what_if import OneProgram
from pipeline.program import compile_bundle, load_program

TARGET: Final = 2.0
ROUNDS: Final = 7
EVENTS: Final = 4_000
MEMBERS: Final = 500
START_MS: Final = 1_772_323_200_000
SETTINGS: Final = """\
program: many-rules
zone: America/New_York
enrolment: automatic
currencies: [USD, EUR]
units:
  points: {expires: 12mo}
"""
TIERS: Final = """\
tiers:
  - {id: bronze, threshold: 0}
  - {id: silver, threshold: 5000}
  - {id: gold, threshold: 20000}
  - {id: platinum, threshold: 90000}
"""
OTHERS: Final = ("emi_payment_succeeded", "subscription_renewed", "onboarding_completed", "custom_event")


def main() -> int:
    """Measure all in turn, several times; exit code 0 whatever the figures are."""
    sizes = {"10 rules": (10, 0), "1,000 rules, 10 for purchases": (10, 990), "100 rules": (100, 0), "1,000": (1000, 0)}
    programs = {name: many_rules(*size) for name, size in sizes.items()}
    rounds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(ROUNDS):
        for name, program in programs.items():
            rounds[name].append(decision_us(program, number))
    base = rounds["10 rules"]
    for name, found in rounds.items():
        ratio = statistics.median([one / other for one, other in zip(found, base, strict=True)])
        print(f"{name:<32}{statistics.median(found):8.1f} µs a decision {ratio:8.2f} times 10 rules")
    print(f"target: 1,000 rules of which 10 are for purchases at most {TARGET:g} times those 10")
    return 0


def many_rules(purchases: int, others: int) -> Program:
    """A programme with so many rules for purchases, and for other events."""
    rules = [rule(number, "transaction_completed", CONDITIONS[number % len(CONDITIONS)]) for number in range(purchases)]
    rules += [
        rule(purchases + number, OTHERS[number % len(OTHERS)], "member.transactions > 3") for number in range(others)
    ]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "program.yaml").write_text(SETTINGS)
        (directory / "tiers.yaml").write_text(TIERS)
        (directory / "rules.yaml").write_text("rules:\n" + "".join(rules))
        return compile_bundle(load_program(directory))


def rule(number: int, event_type: str, condition: str) -> str:
    """One rule as YAML; all but the first hold for one purchase in a thousand, so that rules and not awards count."""
    when = f"event.attributes['group'] == 'g{number % 1000}' && ({condition})" if number else condition
    return f"""\
  - id: rule-{number}
    on: {event_type}
    when: >-
      {when if event_type == "transaction_completed" else condition}
    award: {{points: 1}}
    qualifies: true
"""


def decision_us(program: Program, seed: int) -> float:
    """CPU microseconds of one purchase."""
    draw = random.Random(seed)
    engine = Engine(0, MemoryState(), CountingOutputs(), OneProgram(program), never, Horizons())
    engine.activate(ProgramActivated(program.program_hash, 1, "bench", ""), START_MS - 1)
    events = [purchase(draw, number) for number in range(EVENTS)]
    gc.collect()
    gc.disable()
    began_ns = time.process_time_ns()
    for offset, event in enumerate(events):
        engine.apply(event, b"", offset)
    used_ns = time.process_time_ns() - began_ns
    gc.enable()
    return used_ns / 1000 / EVENTS


def never(_value: bytes, _recorded_at_ms: int) -> Event:
    """Nobody is quarantined, so nothing is read again."""
    raise AssertionError("a parked record was read")


def purchase(draw: random.Random, number: int) -> Event:
    """A purchase of one of the members."""
    at_ms = START_MS + number * 60_000
    payload = TransactionCompleted(
        f"o-{number}", draw.randrange(100, 20_000), draw.choice(("USD", "EUR")), draw.choice(("web", "store", "app")),
        f"north-{number % 40}", "US",
    )  # fmt: skip
    group = {"group": f"g{draw.randrange(1000)}"}
    return Event(f"e-{number}", f"m-{draw.randrange(MEMBERS)}", at_ms, "shop", "", group, payload, at_ms)


if __name__ == "__main__":
    sys.exit(main())
