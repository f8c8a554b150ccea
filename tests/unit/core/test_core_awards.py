"""Awards: rules, rounding, first_only, cooldown, limits, shadow rules, and what is recorded beside what was given."""

import pytest
from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    HOUR_MS,
    NONE,
    Bench,
    Limit,
    Period,
    RewardDecision,
    Tier,
    Unit,
    moves,
    ms,
    of,
    program,
    rule,
    table,
)

from pipeline.core.accounts import funded_by
from pipeline.core.awards import points_for, rounded
from pipeline.core.bounds import POINTS_MAX, WALLET_MAX
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.memory import Output
from pipeline.core.payloads import CustomEvent, Payload, ProgramActivated
from pipeline.core.program import RuleTable


def given(outputs: list[Output]) -> list[tuple[str, int, int, str, str]]:
    """(rule, given, desired, limited by, mode) of the one decision."""
    (decision,) = of(RewardDecision, outputs)
    return [(one.rule_id, one.value, one.desired, one.limited_by, one.mode) for one in decision.rewards]


def bench(*rules: object, **options: object) -> Bench:
    return Bench(program({"transaction_completed": table(*rules)}, **options))  # type: ignore[arg-type]


def test_every_rule_whose_condition_holds_awards() -> None:
    loyal = bench(rule(), rule("double", rate=(2, 1)), (rule("never"), lambda _event, _member: False))

    outputs = loyal.buy("e1", 1_050)

    assert given(outputs) == [("base", 10, 10, "", "live"), ("double", 21, 21, "", "live")]
    assert moves(outputs) == [("earn", 10, "issued", "available"), ("earn", 21, "issued", "available")]


@pytest.mark.parametrize(
    ("rounding", "points"),
    [
        ("floor", [0, 0, 0, 1, 1, 2]),
        ("ceiling", [0, 1, 1, 1, 2, 3]),
        ("half_up", [0, 0, 1, 1, 2, 3]),
        ("half_even", [0, 0, 0, 1, 2, 2]),
    ],
)
def test_points_are_rounded_once_by_the_units_rule(rounding: str, points: list[int]) -> None:
    tens = [0, 4, 5, 10, 15, 25]

    assert [rounded(ten, 10, rounding) for ten in tens] == points


def test_multipliers_are_applied_before_the_one_rounding() -> None:
    half = rule(rate=(1, 2), tier_multiplies=True)

    assert points_for(half, 199, 150) == 1  # 199 / 200 * 1.5 = 1.4925, not floor(0.995) * 1.5
    assert points_for(rule(fixed=5, tier_multiplies=True), 0, 150) == 7
    assert points_for(rule(fixed=5), 0, 150) == 5
    assert points_for(half, -500, 100) == 0


def test_a_negative_value_gives_nothing_and_takes_nothing() -> None:
    def match(
        _event: Event, payload: Payload, _member: Member, _errors: list[tuple[int, str]]
    ) -> list[tuple[int, int]]:
        assert isinstance(payload, CustomEvent)
        return [(0, payload.numbers["score"])]

    rules = {"custom_event": RuleTable((rule(per=1),), match)}
    scored = Bench(program(rules))

    outputs = scored.send("e1", CustomEvent("score", {"score": -7}))

    assert given(outputs) == [("base", 0, 0, "", "live")]
    assert moves(outputs) == []


def test_zero_points_make_no_entry_but_a_record() -> None:
    outputs = bench(rule()).buy("e1", 99)

    assert given(outputs) == [("base", 0, 0, "", "live")]
    assert moves(outputs) == []


def test_the_tier_multiplies_what_the_rule_says_it_does() -> None:
    tiers = (Tier("bronze", 0, 100), Tier("gold", 100, 150))
    loyal = bench(rule(tier_multiplies=True), tiers=tiers)

    first, second = loyal.buy("e1", 10_000), loyal.buy("e2", 10_000)

    assert [given(outputs)[0][1] for outputs in (first, second)] == [100, 150]


def test_first_only_gives_for_the_first_applied_event_of_the_type() -> None:
    loyal = bench(rule("welcome", fixed=50, first_only=True))

    assert given(loyal.buy("e1", 100)) == [("welcome", 50, 50, "", "live")]
    assert given(loyal.buy("e2", 100)) == [("welcome", 0, 50, "first_only", "live")]


def test_a_refused_event_is_not_the_first() -> None:
    loyal = Bench(
        program({"transaction_completed": table(rule("welcome", fixed=50, first_only=True))}, enrolment="required")
    )
    loyal.buy("too-early", 100)
    loyal.enrol()

    assert given(loyal.buy("e1", 100)) == [("welcome", 50, 50, "", "live")]


def test_not_if_rewarded_within_the_window_before_it() -> None:
    cool = bench(rule(cooldown_ms=30 * DAY_MS))
    cool.buy("e1", 1_000)

    assert given(cool.later(30 * DAY_MS - 1).buy("e2", 1_000)) == [("base", 0, 10, "cooldown", "live")]
    assert given(cool.later(1).buy("e3", 1_000)) == [("base", 10, 10, "", "live")]


def test_a_cooldown_starts_with_points_given_not_with_a_suppressed_or_empty_award() -> None:
    cool = bench(rule(cooldown_ms=DAY_MS))
    cool.buy("nothing", 50)

    assert given(cool.later(1).buy("e1", 1_000)) == [("base", 10, 10, "", "live")]
    cool.later(DAY_MS // 2).buy("suppressed", 1_000)
    assert given(cool.later(DAY_MS // 2).buy("e2", 1_000)) == [("base", 10, 10, "", "live")]


def test_a_cooldown_by_any_rule_sees_other_rules_but_not_the_same_event() -> None:
    either = bench(rule(), (rule("extra", fixed=5, cooldown_ms=DAY_MS, cooldown_any=True), lambda _e, _m: True))

    assert given(either.buy("e1", 1_000)) == [("base", 10, 10, "", "live"), ("extra", 5, 5, "", "live")]
    assert given(either.later(HOUR_MS).buy("e2", 1_000)) == [
        ("base", 10, 10, "", "live"),
        ("extra", 0, 5, "cooldown", "live"),
    ]


def test_a_late_event_does_not_slip_in_before_an_award_it_would_have_cooled() -> None:
    cool = bench(rule(cooldown_ms=DAY_MS))
    cool.later(2 * DAY_MS).buy("e1", 1_000)

    late = cool.buy("late", 1_000, occurred_at_ms=cool.now_ms - HOUR_MS)

    assert given(late) == [("base", 0, 10, "cooldown", "live")]


def test_a_late_award_does_not_hide_a_newer_one_from_a_cooldown() -> None:
    extra = rule("extra", fixed=5, cooldown_ms=DAY_MS, cooldown_any=True)
    either = bench(rule(), (extra, lambda event, _member: event.event_id == "e2"))
    either.buy("e1", 1_000)
    either.later(HOUR_MS).buy("late", 1_000, occurred_at_ms=either.now_ms - 30 * DAY_MS)

    assert given(either.buy("e2", 1_000))[1] == ("extra", 0, 5, "cooldown", "live")


def test_a_limit_clips_and_the_desired_points_stand_beside_the_given() -> None:
    capped = bench(rule(limits=(Limit(25, 0, "month"),)))

    assert given(capped.buy("e1", 2_000)) == [("base", 20, 20, "", "live")]
    assert given(capped.buy("e2", 2_000)) == [("base", 5, 20, "limit:points/month", "live")]
    assert given(capped.buy("e3", 2_000)) == [("base", 0, 20, "limit:points/month", "live")]
    assert given(capped.at("2026-02-01").buy("e4", 2_000)) == [("base", 20, 20, "", "live")]


def test_a_limit_of_awards_counts_those_that_gave() -> None:
    capped = bench(rule(limits=(Limit(0, 2, "day"),)))
    capped.buy("nothing", 50)

    values = [given(capped.buy(f"e{number}", 1_000))[0] for number in range(3)]

    assert values == [
        ("base", 10, 10, "", "live"),
        ("base", 10, 10, "", "live"),
        ("base", 0, 10, "limit:count/day", "live"),
    ]


def test_of_several_limits_the_tightest_is_named_and_all_are_used_up() -> None:
    capped = bench(rule(limits=(Limit(15, 0, "day"), Limit(30, 0, "month"), Limit(0, 5, "month"))))

    assert given(capped.buy("e1", 2_000)) == [("base", 15, 20, "limit:points/day", "live")]
    assert given(capped.later(DAY_MS).buy("e2", 2_000)) == [("base", 15, 20, "limit:points/day", "live")]
    assert given(capped.later(DAY_MS).buy("e3", 2_000)) == [("base", 0, 20, "limit:points/month", "live")]
    month = capped.member().windows["base/month"]
    assert (month.points, month.count) == (30, 2)


def test_a_late_event_counts_against_the_newest_window() -> None:
    capped = bench(rule(limits=(Limit(25, 0, "month"),)))
    capped.at("2026-02-01T12:00:00").buy("e1", 2_000)

    late = capped.buy("late", 2_000, occurred_at_ms=ms("2026-01-31T12:00:00"))

    assert given(late) == [("base", 5, 20, "limit:points/month", "live")]


def test_a_limit_lowered_below_what_was_given_gives_nothing_more() -> None:
    high = program({"transaction_completed": table(rule(limits=(Limit(50, 0, "ever"),)))}, program_hash="a" * 64)
    low = program({"transaction_completed": table(rule(limits=(Limit(10, 0, "ever"),)))}, program_hash="b" * 64)
    capped = Bench(high, low)
    capped.buy("e1", 3_000)
    capped.engine.activate(ProgramActivated("b" * 64, capped.now_ms + DAY_MS, "ada", ""), capped.now_ms)

    assert given(capped.later(DAY_MS).buy("e2", 1_000)) == [("base", 0, 10, "limit:points/ever", "live")]


def test_windows_follow_the_programmes_zone() -> None:
    capped = bench(rule(limits=(Limit(10, 0, "day"),)), zone="America/New_York")
    capped.at("2026-01-11T04:59:59").buy("e1", 1_000)

    assert given(capped.at("2026-01-11T05:00:00").buy("e2", 1_000)) == [("base", 10, 10, "", "live")]


def test_a_shadow_rule_is_recorded_and_changes_nothing() -> None:
    shadow = bench(rule("trial", fixed=7, live=False, limits=(Limit(5, 0, "ever"),), qualifies=True))

    outputs = shadow.buy("e1", 1_000)

    assert given(outputs) == [("trial", 5, 7, "limit:points/ever", "shadow")]
    assert moves(outputs) == []
    member = shadow.member()
    assert (member.wallets, member.windows, member.awarded_at_ms, member.qualifying_points) == ({}, {}, {}, 0)


def test_a_rule_that_fails_counts_as_false_and_is_recorded() -> None:
    def match(
        _event: Event, _payload: Payload, _member: Member, errors: list[tuple[int, str]]
    ) -> list[tuple[int, int]]:
        errors.append((1, "int overflow"))
        return [(0, 1_000)]

    failing = Bench(program({"transaction_completed": RuleTable((rule(), rule("broken")), match)}))

    (decision,) = of(RewardDecision, failing.buy("e1", 1_000))

    assert [(one.rule_id, one.error) for one in decision.rule_errors] == [("broken", "int overflow")]
    assert [one.rule_id for one in decision.rewards] == ["base"]


def test_a_lot_gets_the_dates_of_its_rule_or_its_unit() -> None:
    unit = Unit("points", "floor", Period(12, 0))
    dated = Bench(
        program(
            {
                "transaction_completed": table(
                    rule("unit", unit, pending=Period(0, 14 * DAY_MS)),
                    rule("own", unit, expires=Period(0, DAY_MS)),
                    rule("never", unit, expires=NONE),
                )
            },
            units=(unit,),
        ),
        start="2026-01-31T10:00:00",
    )
    dated.buy("e1", 1_000)

    lots = [lot.to_tuple() for lot in dated.wallet().lots + dated.wallet().pending_lots]

    assert lots == [
        (2, 10, 0, ms("2026-02-01T10:00:00")),
        (3, 10, 0, 0),
        (1, 10, ms("2026-02-14T10:00:00"), ms("2027-02-14T10:00:00")),
    ]


def test_lot_dates_count_from_when_the_event_occurred() -> None:
    dated = bench(rule(pending=Period(0, 14 * DAY_MS)))

    dated.buy("e1", 1_000, occurred_at_ms=dated.now_ms - DAY_MS)

    assert dated.wallet().pending_lots[0].available_at_ms == dated.now_ms + 13 * DAY_MS


def test_one_award_is_at_most_the_largest_amount() -> None:
    huge = bench(rule(fixed=10 * POINTS_MAX))

    assert given(huge.buy("e1", 1)) == [("base", POINTS_MAX, POINTS_MAX, "", "live")]


def test_a_wallet_takes_no_more_than_it_can_hold() -> None:
    full = bench(rule("one", fixed=POINTS_MAX), rule("two", fixed=POINTS_MAX))
    full.buy("e1", 1)
    full.wallet().available = WALLET_MAX - POINTS_MAX - 1
    full.wallet().lots[0].points = WALLET_MAX - 2 * POINTS_MAX - 1

    assert given(full.buy("e2", 1)) == [
        ("one", POINTS_MAX, POINTS_MAX, "", "live"),
        ("two", 1, POINTS_MAX, "wallet_maximum", "live"),
    ]


def test_rules_can_pay_in_several_units() -> None:
    miles = Unit("miles", "floor", NONE)
    two = Bench(
        program(
            {"transaction_completed": table(rule(), rule("miles", miles, rate=(3, 1)))}, units=(FLOOR_POINTS, miles)
        )
    )
    two.buy("e1", 1_000)

    assert two.balances("points") == (10, 0, 0, 0)
    assert two.balances("miles") == (30, 0, 0, 0)


def test_entries_name_member_source_event_rule_lot_and_program() -> None:
    loyal = bench(rule())

    loyal.buy("e1", 1_000)

    (entry,) = loyal.entries
    assert (entry.member_id, entry.seq, entry.kind, entry.unit, entry.amount) == ("m", 1, "earn", "points", 10)
    assert (entry.debit, entry.credit, entry.lot) == ("program:issued", "member:m:available", 1)
    assert (entry.event_id, entry.source, entry.rule_id, entry.leg) == ("e1", "shop", "base", 0)
    assert (entry.program_hash, entry.occurred_at_ms, entry.recorded_at_ms) == ("p" * 64, loyal.now_ms, loyal.now_ms)


def test_points_that_a_partner_funds_are_issued_from_its_account() -> None:
    funded = rule()
    funded.issuer = funded_by("acme")
    shop = bench(funded, rule("own"))

    shop.buy("e1", 1_000)

    assert [(entry.rule_id, entry.debit) for entry in shop.entries] == [
        ("base", "partner:acme:funded"), ("own", "program:issued")
    ]  # fmt: skip
