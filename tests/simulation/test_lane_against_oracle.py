"""The lanes under a seeded simulator: whatever fails, every invariant holds, and the oracle's outputs come out.

The oracle is the core's own simulation of the log. A failing seed is in the test's name:
`python -m tests.simulation --first SEED --seeds 1` replays it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from invariants import check
from seeded_events import PARTITIONS
from sim_faults import CRASHES, FAILURES, FREEZES
from sim_pools import met
from simulation_command import Outcome
from world import CRASHES_MIN, RECORDS_MIN, World

from pipeline.core.memory import Dead, Derived, Duplicate, Parked
from pipeline.core.records import (
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    PoolRequest,
    ReviewChange,
    RewardDecision,
    TierChange,
)

ROOT = Path(__file__).resolve().parents[2]
SEEDS = int(os.environ.get("ACCRUE_SIMULATION_SEEDS", "300"))
FIRST = int(os.environ.get("ACCRUE_SIMULATION_FIRST_SEED", "0"))

BITES = {
    *(f"crash: {place}" for place in (*CRASHES, "between two steps")),
    *(f"call fails: {place}" for place in FAILURES),
    *(f"freeze: {place}" for place in FREEZES),
    "batch delivered twice",
    "batch lost",
    "changelog compacted",
    "commit arrives late",
    "commit arrives too late",
    "event sent twice",
    "open transaction of the dead timed out",
    "open transaction on the log",
    "open transaction on the log aborted",
    "open transaction on the log committed",
    "partition given to another worker",
    "program not there yet",
    "reader stands before an open transaction",
    "record passed over",
    "registry away",
    "relay's batch lost",
    "store damaged",
    "store removed",
    "store too old, wiped",
    "torn store: writes lost",
    "zombie shut out",
}


SIGNALS = ("members:shared", "ring:loop")
POOLS = ("budget:summer", "stock:mug", "codes:cinema")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_every_invariant_holds_whatever_fails(seed: int) -> None:
    world = World(seed)

    world.run()
    world.drain()

    check(world)
    assert world.log.records >= RECORDS_MIN
    assert world.faults.crashes >= CRASHES_MIN


def test_every_kind_of_fault_and_record_does_occur() -> None:
    """If the simulation stopped provoking something, the proof above would be empty without anyone noticing."""
    bites: Counter[str] = Counter()
    outputs: Counter[type] = Counter()
    pools: Counter[str] = Counter()
    reasons: set[str] = set()
    for seed in range(60):
        world = World(seed)
        world.run()
        world.drain()
        bites += world.bites
        pools += met(world)
        for partition in range(PARTITIONS):
            journal = world.log.oracle.journal(partition)
            outputs.update(type(output) for output in journal)
            reasons.update(output.reason for output in journal if isinstance(output, Dead))

    assert set(bites) == BITES
    assert {f"{how} of {pool}" for how in ("nothing", "a part", "all") for pool in POOLS} <= set(pools)
    assert {f"give_back {pool}" for pool in POOLS} | {"load codes:cinema"} <= set(pools)
    assert {f"{what} {pool}" for what in ("note", "take", "all of") for pool in SIGNALS} <= set(pools)
    assert "nothing of members:shared" in pools
    kinds = {LedgerEntry, RewardDecision, TierChange, FulfillmentCommand, FraudAlert, ReviewChange, PoolRequest}
    kinds |= {Dead, Derived, Duplicate, Parked}
    assert set(outputs) == kinds
    assert {"conflict", "wrong_partition", "undecodable", "not_avro", "unknown_schema", "occurred_in_future"} <= reasons


def test_a_seed_replays_exactly_also_in_another_process() -> None:
    """Whatever a run depends on besides its seed, such as the order of a set, would make a failure unrepeatable."""
    command = [sys.executable, "-m", "tests.simulation", "--first", "7", "--seeds", "2", "--jobs", "2"]
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^trace digest ([0-9a-f]{32})$", said, re.MULTILINE)
    assert found, said

    again = subprocess.run(
        [*command[:-1], "1"], cwd=ROOT, env={**environment, "PYTHONHASHSEED": "2"}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip

    assert f"trace digest {found.group(1)}\n" in again
    assert Outcome(7).digest == Outcome(7).digest
    assert Outcome(7).digest != Outcome(8).digest
