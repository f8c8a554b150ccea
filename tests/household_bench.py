"""A household of a few members, and what its pool and the ledger say of it."""

from __future__ import annotations

from collections import Counter

from core_programs import Period, Reward, Unit, rule, table
from core_programs import program as make
from pool_bench import PoolBench

from pipeline.core.fraud_program import FraudProgram
from pipeline.core.household_terms import HouseholdTerms
from pipeline.core.payloads import HouseholdJoined, PointsPooled, RedemptionRequested
from pipeline.core.program import Program

POINTS = Unit("points", "floor", Period(12, 0))
MILES = Unit("miles", "floor", Period(0, 0))
POOL = "household:h/points"


def family(reward: Reward | None = None, fraud: FraudProgram | None = None) -> Program:
    """A point per 100, which lasts a year; a mug for 10."""
    programme = make(
        {"transaction_completed": table(rule("base", POINTS))},
        units=(POINTS, MILES),
        rewards=(reward or Reward("mug", POINTS, 10, "external", (), ()),),
        clawback="unlimited",
        fraud=fraud,
    )
    programme.households = HouseholdTerms(("points",), 5)
    return programme


def pooled(programme: Program, **points: int) -> PoolBench:
    """Members of the household `h` with so many points, all of which but those of `ann` they have pooled."""
    bench = PoolBench(programme)
    for name, count in points.items():
        bench.send(f"join-{name}", HouseholdJoined("h"), name)
        if count:
            bench.buy(f"buy-{name}", count * 100, name)
        if count and name != "ann":
            bench.send(f"pool-{name}", PointsPooled(count, ""), name)
    return bench


def redeem(bench: PoolBench, event_id: str, pieces: int = 1, name: str = "ann") -> None:
    bench.send(event_id, RedemptionRequested(f"r-{event_id}", "mug", pieces, ""), name)


def sums(bench: PoolBench) -> Counter[str]:
    """What every account has."""
    accounts: Counter[str] = Counter()
    for entry in bench.entries:
        accounts[entry.debit] -= entry.amount
        accounts[entry.credit] += entry.amount
    return accounts


def left(bench: PoolBench) -> int:
    return bench.pools.pools[POOL].left(with_codes=False)
