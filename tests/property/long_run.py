"""`make property-long`: a million steps of the state machine that compares the core with its model, from a seed.

python -m tests.property --steps 1000000 --jobs 2 --seed S

A step is one thing done to both, after which every entry, balance, tier and sum is compared. Each process runs rounds
of examples, each round from a seed of its own; what fails is shrunk and printed with that seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from test_core_against_model import Core

EXAMPLES: Final = 50
STEPS_MAX: Final = 80
"""Most steps of one example: longer ones cost more and more, since every step compares whole histories."""


class Counted(Core):
    """The same machine, which counts what it does."""

    steps = 0

    @invariant()
    def count(self) -> None:
        """Invariants are looked at once before the first step and once after each."""
        Counted.steps += 1


def main() -> int:
    """The exit code: 1 if core and model differ."""
    parser = argparse.ArgumentParser(description="compares the core with its model for very long")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    first = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {first}, {options.steps:,} steps in {options.jobs} processes", flush=True)
    began_s, done, reported = time.monotonic(), 0, 0
    failures: list[str] = []
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        # Rounds are handed out one by one, so that none is begun once enough steps are done.
        for steps, failure in pool.imap_unordered(one_round, seeds(first)):
            done += steps
            if failure:
                failures.append(failure)
            if failures or done >= options.steps:
                pool.terminate()
                break
            if done - reported >= options.steps // 20:
                reported = done
                print(f"  {done:>9,} steps, {done / (time.monotonic() - began_s):,.0f} a second", flush=True)
    for failure in failures:
        sys.stderr.write(failure)
    seconds = time.monotonic() - began_s
    outcome = "core and model differ" if failures else "clean"
    print(f"{done:,} steps in {seconds:,.0f} s, {done / seconds:,.0f} a second: {outcome}")
    return 1 if failures else 0


def seeds(first: int) -> Iterator[int]:
    """The rounds' seeds, without end."""
    while True:
        yield first
        first += 1


def one_round(number: int) -> tuple[int, str]:
    """(steps done, what failed with its seed, or ""). Also run by the processes of the pool."""
    Counted.steps = 0
    machine = seed(number)(Counted)
    try:
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS_MAX,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
                print_blob=False,
            ),
        )
    except Exception:  # noqa: BLE001 - whatever the comparison raises is what it found
        return Counted.steps, f"\nround {number} of the seed:\n{traceback.format_exc()}"
    return Counted.steps, ""
