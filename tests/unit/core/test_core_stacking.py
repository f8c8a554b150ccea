"""Stacking: exclusive groups, best-of, the most one event earns; what gave way is on record with what won."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, Bench, Limit, RewardDecision, Unit, program, table
from core_programs import rule as plain_rule

from pipeline.core.campaigns import Campaign
from pipeline.core.program import Program, Rule
from pipeline.core.program import Unit as CoreUnit

POINTS = Unit("points", "floor", plain_rule().expires or program().default_unit.expires)


def rule(rule_id: str, points: int, group: str = "", priority: int = 0, **more: object) -> Rule:
    base = plain_rule(rule_id, fixed=points, **more)  # type: ignore[arg-type]
    return Rule(
        rule_id, base.unit, points, 1, 1, 1, base.pending, None, base.first_only, base.cooldown_ms, False, base.limits,
        False, False, base.live, priority, group,
    )  # fmt: skip


def shop(*rules: Rule, choose: str = "first", maximums: dict[str, int] | None = None) -> Program:
    made = program({"transaction_completed": table(*rules)})
    made.groups["season"] = choose
    made.maximums.update(maximums or {})
    return made


def given(bench: Bench) -> dict[str, tuple[int, int, str]]:
    """(given, desired, limited by) of each rule in the latest decision."""
    return {one.rule_id: (one.value, one.desired, one.limited_by) for one in bench.of(RewardDecision)[-1].rewards}


def bought(*rules: Rule, choose: str = "first", maximums: dict[str, int] | None = None) -> Bench:
    bench = Bench(shop(*rules, choose=choose, maximums=maximums))
    bench.buy("e1", 1_000)
    return bench


def test_only_the_first_by_priority_of_a_group_gives_and_the_others_say_who_won() -> None:
    bench = bought(rule("low", 50, "season", 1), rule("high", 20, "season", 9), rule("apart", 3))

    assert given(bench) == {"low": (0, 50, "group:season:high"), "high": (20, 20, ""), "apart": (3, 3, "")}
    assert bench.balances() == (23, 0, 0, 0)


def test_a_tie_in_priority_goes_to_the_lower_id() -> None:
    assert given(bought(rule("b", 50, "season"), rule("a", 20, "season")))["b"] == (0, 50, "group:season:a")


def test_the_best_of_a_group_gives() -> None:
    bench = bought(rule("low", 50, "season", 1), rule("high", 20, "season", 9), choose="best")

    assert given(bench) == {"low": (50, 50, ""), "high": (0, 20, "group:season:low")}


def test_a_tie_of_the_best_goes_to_priority_and_then_to_the_lower_id() -> None:
    bench = bought(rule("a", 20, "season"), rule("c", 20, "season", 5), rule("b", 20, "season", 5), choose="best")

    assert [rule_id for rule_id, one in given(bench).items() if one[0]] == ["b"]


@pytest.mark.parametrize("choose", ["first", "best"])
def test_a_rule_that_would_give_nothing_now_leaves_its_place_to_the_next(choose: str) -> None:
    limited = rule("high", 20, "season", 9, limits=(Limit(20, 0, "ever"),))
    bench = Bench(shop(limited, rule("low", 5, "season"), choose=choose))
    bench.buy("e1", 1_000)
    bench.buy("e2", 1_000)

    assert given(bench) == {"high": (0, 20, "limit:points/ever"), "low": (5, 5, "")}


def test_the_best_is_judged_by_what_the_limits_leave_of_it() -> None:
    clipped = rule("clipped", 50, "season", 9, limits=(Limit(4, 0, "ever"),))

    assert given(bought(clipped, rule("whole", 5, "season"), choose="best"))["whole"] == (5, 5, "")


def test_a_shadow_rule_neither_wins_nor_gives_way() -> None:
    bench = bought(rule("trial", 90, "season", 9, live=False), rule("real", 5, "season"), choose="best")

    assert given(bench) == {"trial": (90, 90, ""), "real": (5, 5, "")}
    assert bench.balances() == (5, 0, 0, 0)


def test_a_rule_that_gave_way_is_not_cooled_down_and_uses_no_limit() -> None:
    loser = rule("loser", 5, "season", cooldown_ms=DAY_MS, limits=(Limit(0, 1, "ever"),))
    bench = bought(rule("winner", 20, "season", 9), loser)

    assert bench.member().windows == {}
    assert set(bench.member().awarded_at_ms) == {"winner"}


def test_one_event_earns_at_most_the_maximum_and_the_desired_value_stands_beside_it() -> None:
    bench = bought(rule("a", 30), rule("b", 30), rule("c", 30), maximums={"points": 50})

    assert given(bench) == {
        "a": (30, 30, ""),
        "b": (20, 30, "maximum_per_event"),
        "c": (0, 30, "maximum_per_event"),
    }
    bench.buy("e2", 100)
    assert bench.balances() == (100, 0, 0, 0)


def test_the_maximum_is_per_unit() -> None:
    miles = CoreUnit("miles", "floor", program().default_unit.expires)
    other = Rule("m", miles, 40, 1, 1, 1, miles.expires, None, False, 0, False, (), False, False, True)
    bench = bought(rule("a", 40), other, maximums={"points": 30})

    assert given(bench) == {"a": (30, 40, "maximum_per_event"), "m": (40, 40, "")}


def test_rules_of_one_campaign_share_its_limit() -> None:
    campaign = Campaign("summer", None, (Limit(35, 0, "month"), Limit(0, 2, "day")))
    rules = [
        Rule(name, POINTS, 15, 1, 1, 1, POINTS.expires, None, False, 0, False, (), False, False, True, 0, "", None, one)
        for name, one in (("a", campaign), ("b", campaign), ("c", campaign), ("other", None))
    ]
    bench = Bench(shop(*rules))
    bench.buy("e1", 100)
    assert given(bench)["c"] == (0, 15, "campaign:summer:count/day")
    assert given(bench)["other"] == (15, 15, "")

    bench.later(DAY_MS).buy("e2", 100)

    assert given(bench)["a"] == (5, 15, "campaign:summer:points/month")
    assert given(bench)["b"] == (0, 15, "campaign:summer:points/month")
    assert bench.member().windows["campaign:summer/month"].points == 35
