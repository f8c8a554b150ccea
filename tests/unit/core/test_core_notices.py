"""What members are told of: one notice per cause, kind and unit, only of kinds that the programme names."""

from __future__ import annotations

from core_programs import DAY_MS, Bench, Period, Reward, Tier, Unit, program, rule, table
from fraud_signals import signal
from pool_bench import PoolBench

from pipeline.core.campaigns import Budget, Campaign
from pipeline.core.fraud_program import FraudProgram, ReviewTerms
from pipeline.core.notices import KINDS
from pipeline.core.program import Program, RuleTable
from pipeline.core.records import Notification, ReviewChange
from pipeline.wire.state import pack_member, unpack_member

EXPIRING = Unit("points", "floor", Period(0, 30 * DAY_MS))
VOUCHER = Reward("voucher", EXPIRING, 50, "external", (), ())


def telling(*kinds: str, rules: dict[str, RuleTable] | None = None) -> Program:
    """A programme that tells members these kinds; points live 30 days, and 100 of them make gold."""
    base = {"transaction_completed": table(rule(unit=EXPIRING))}
    found = program(
        base if rules is None else rules, units=(EXPIRING,), tiers=(Tier("base", 0, 100), Tier("gold", 100, 100)),
        rewards=[VOUCHER],
    )  # fmt: skip
    found.notifies = frozenset(kinds)
    found.warns_ms = 7 * DAY_MS if "points_expiring" in kinds else 0
    return found


def reviewed() -> Bench:
    """More than 10 points a month are held for review, and everything is told of."""
    fraud = FraudProgram((signal("earned", 10, every="month", action="review"),), {}, terms=ReviewTerms())
    made = program({"transaction_completed": table(rule(unit=EXPIRING))}, fraud=fraud, units=(EXPIRING,))
    made.notifies = frozenset(KINDS)
    return Bench(made)


def told(bench: Bench) -> list[tuple[str, int, str]]:
    return [(one.kind, one.points, one.event_id) for one in bench.of(Notification)]


def test_points_of_several_rules_are_told_once_with_the_balance_that_follows() -> None:
    rules = {"transaction_completed": table(rule("a", EXPIRING), rule("b", EXPIRING, fixed=7))}
    bench = Bench(telling("points_earned", rules=rules))
    bench.buy("e1", 1_000)
    (notice,) = bench.of(Notification)
    assert (notice.kind, notice.unit, notice.points, notice.balance) == ("points_earned", "points", 17, 17)


def test_a_shadow_rule_and_a_refused_event_are_told_of_by_nobody() -> None:
    bench = Bench(telling(*KINDS, rules={"transaction_completed": table(rule(unit=EXPIRING, live=False))}))
    bench.buy("e1", 1_000)
    bench.redeem("e2")
    assert bench.reason
    assert told(bench) == []


def test_a_kind_that_the_programme_does_not_name_is_not_put_out() -> None:
    bench = Bench(telling("tier_changed"))
    bench.buy("e1", 20_000)
    (notice,) = bench.of(Notification)
    assert (notice.kind, notice.previous_tier, notice.tier) == ("tier_changed", "base", "gold")


def test_a_redemption_is_told_of_when_held_and_when_fulfilled() -> None:
    bench = Bench(telling("redemption_held", "reward_fulfilled", "reward_failed"))
    bench.buy("e1", 10_000)
    bench.redeem("e2", redemption_id="r")
    bench.outcome("e3", "r", "confirmed")
    assert told(bench) == [("redemption_held", 50, "e2"), ("reward_fulfilled", 50, "e3")]
    assert {(one.reward_id, one.redemption_id) for one in bench.of(Notification)} == {("voucher", "r")}


def test_a_failed_reward_is_told_with_the_points_back_in_the_balance() -> None:
    bench = Bench(telling("reward_failed"))
    bench.buy("e1", 10_000)
    bench.redeem("e2", redemption_id="r")
    bench.outcome("e3", "r", "unknown")
    bench.outcome("e4", "r", "failed")
    (notice,) = bench.of(Notification)
    assert (notice.kind, notice.balance, notice.event_id) == ("reward_failed", 100, "e4")


def test_points_that_expire_for_a_quiet_member_are_told_of() -> None:
    bench = Bench(telling("points_expired"))
    bench.buy("e1", 1_000)
    bench.later(40 * DAY_MS)
    bench.engine.tick("live", bench.now_ms, 10)
    assert [(kind, points) for kind, points, _ in told(bench)] == [("points_expired", 10)]


def warning(lives: Period, warns_ms: int = 7 * DAY_MS, *, sliding: bool = False) -> Bench:
    unit = Unit("points", "floor", lives, sliding=sliding)
    made = program({"transaction_completed": table(rule(unit=unit))}, units=(unit,))
    made.notifies, made.warns_ms = frozenset({"points_expiring"}), warns_ms
    return Bench(made)


def test_points_that_expire_soon_are_told_of_once_for_each_date_though_the_member_is_quiet() -> None:
    bench = warning(Period(0, 30 * DAY_MS))
    began_ms = bench.now_ms
    bench.buy("e1", 1_000)
    bench.buy("e2", 500)
    bench.later(3 * DAY_MS).buy("e3", 200)
    bench.later(19 * DAY_MS)
    bench.engine.tick("live", bench.now_ms, 10)
    assert told(bench) == []
    for _ in range(3):
        bench.later(2 * DAY_MS)
        bench.engine.tick("live", bench.now_ms, 10)
    notices = bench.of(Notification)
    assert [(one.kind, one.points, one.balance) for one in notices] == [
        ("points_expiring", 15, 17), ("points_expiring", 2, 17)
    ]  # fmt: skip
    assert [one.occurred_at_ms - began_ms for one in notices] == [23 * DAY_MS, 26 * DAY_MS]
    assert len({one.notification_id for one in notices}) == 2


def test_what_is_spent_before_it_expires_is_not_told_of() -> None:
    bench = warning(Period(0, 30 * DAY_MS))
    bench.buy("e1", 1_000)
    bench.adjust("e2", -10)
    bench.later(24 * DAY_MS)
    bench.engine.tick("live", bench.now_ms, 10)
    assert told(bench) == []


def test_points_that_live_shorter_than_the_warning_are_told_of_at_once() -> None:
    bench = warning(Period(0, 2 * DAY_MS))
    bench.buy("e1", 1_000)
    bench.later(DAY_MS).buy("e2", 500)
    assert [(points, balance) for _, points, balance in summary(bench)] == [(10, 10), (5, 15)]


def test_sliding_points_are_told_of_when_nothing_prolongs_them() -> None:
    bench = warning(Period(0, 30 * DAY_MS), sliding=True)
    bench.buy("e1", 1_000)
    bench.later(20 * DAY_MS).buy("e2", 500)
    bench.later(10 * DAY_MS)
    bench.engine.tick("live", bench.now_ms, 10)
    assert told(bench) == []
    bench.later(14 * DAY_MS)
    bench.engine.tick("live", bench.now_ms, 10)
    assert [(points, balance) for _, points, balance in summary(bench)] == [(15, 15)]


def test_a_warning_is_part_of_the_packed_state() -> None:
    bench = warning(Period(0, 30 * DAY_MS))
    bench.buy("e1", 1_000)
    member = bench.member()
    assert unpack_member(pack_member(member)) == member
    assert member.next_due_ms == bench.now_ms + 23 * DAY_MS


def summary(bench: Bench) -> list[tuple[str, int, int]]:
    return [(one.kind, one.points, one.balance) for one in bench.of(Notification)]


def test_points_that_wait_for_a_grant_are_told_of_when_it_comes() -> None:
    budget = Campaign("summer", None, (), Budget(100, 0))
    made = program({"transaction_completed": table(rule(campaign=budget))})
    made.notifies = frozenset({"points_earned"})
    bench = PoolBench(made)
    bench.buy("e1", 3_000)
    assert told(bench) == []
    bench.answer()
    ((kind, points, _),) = told(bench)
    assert (kind, points) == ("points_earned", 30)


def test_points_under_review_are_told_of_when_they_are_approved() -> None:
    bench = reviewed()
    bench.buy("e1", 2_000)
    assert told(bench) == []
    bench.verdict("v1", bench.of(ReviewChange)[-1].review_id)
    assert told(bench) == [("points_earned", 20, "v1")]


def test_points_under_review_that_are_rejected_are_never_told_of() -> None:
    bench = reviewed()
    bench.buy("e1", 2_000)
    bench.verdict("v1", bench.of(ReviewChange)[-1].review_id, "reject")
    assert told(bench) == []


def test_while_history_is_imported_nobody_is_told_anything() -> None:
    bench = Bench(telling(*KINDS))
    bench.engine.tick("import", bench.now_ms, 10)
    bench.buy("e1", 20_000)
    bench.engine.tick("import", bench.now_ms + 40 * DAY_MS, 10)
    assert bench.entries
    assert told(bench) == []


def test_ids_differ_by_kind_and_are_the_same_on_replay() -> None:
    runs: list[list[str]] = []
    for _ in range(2):
        bench = Bench(telling(*KINDS))
        bench.buy("e1", 20_000)
        runs.append([one.notification_id for one in bench.of(Notification)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(runs[0]) == 2


def test_entries_are_the_same_with_and_without_notices() -> None:
    silent, loud = Bench(telling()), Bench(telling(*KINDS))
    for bench in (silent, loud):
        bench.buy("e1", 20_000)
        bench.redeem("e2")
    assert [entry.hash for entry in silent.entries] != []
    assert [entry.hash for entry in silent.entries] == [entry.hash for entry in loud.entries]
