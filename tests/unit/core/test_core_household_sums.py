"""Households under whatever their members do: the ledger and the pool always agree."""

from __future__ import annotations

import random

import pytest
from core_programs import DAY_MS, HOUR_MS, Reward
from household_bench import POINTS, family, left, pooled, redeem, sums

from pipeline.core.payloads import PointsPooled, RedemptionCancelled
from pipeline.core.records import FulfillmentCommand


@pytest.mark.parametrize("seed", range(6))
def test_whatever_they_do_the_ledger_and_the_pool_agree(seed: int) -> None:
    """Sums are zero, the household's account is never below zero and is what its pool has, expired or not."""
    draw = random.Random(seed)
    bench = pooled(family(Reward("mug", POINTS, 10, "external", (), (), stock=30)), ann=30, bob=30, cat=30)
    for number in range(150):
        name = draw.choice(["ann", "bob", "cat"])
        step = draw.randrange(6)
        if step == 0:
            bench.buy(f"b{number}", draw.randrange(4_000), name)
        elif step == 1:
            bench.send(f"p{number}", PointsPooled(draw.randrange(1, 40), ""), name)
        elif step == 2:
            redeem(bench, f"q{number}", draw.randrange(1, 4), name)
        elif step == 3 and bench.member(name).holds:
            redemption_id = draw.choice(sorted(bench.member(name).holds))
            commands = [one for one in bench.of(FulfillmentCommand) if one.redemption_id == redemption_id]
            if commands:
                outcome, pieces = draw.choice([("confirmed", 0), ("confirmed", 1), ("failed", 0)])
                bench.outcome_of(f"o{number}", name, commands[-1], outcome, quantity=pieces)
        elif step == 4:
            bench.send(f"c{number}", RedemptionCancelled(f"r-q{number - draw.randrange(9)}", ""), name)
        else:
            bench.later(draw.choice([1, HOUR_MS, 40 * DAY_MS]))
        if draw.random() < 0.5:
            bench.answer()
        assert sums(bench)["household:h"] >= 0
    bench.answer()
    accounts = sums(bench)
    assert accounts["household:h"] == left(bench)
    assert sum(accounts.values()) == 0
    for name in ("ann", "bob", "cat"):
        available, _, held, debt = bench.balances("points", name)
        assert accounts[f"member:{name}:available"] == available and accounts[f"member:{name}:held"] == held
        assert debt == 0
