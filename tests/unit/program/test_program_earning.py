"""How programme files say when points expire, what stacks, when rules run, and how much they give at most."""

from __future__ import annotations

import pytest
from program_texts import SETTINGS, compiled, problems, rule

from pipeline.core.program import Rule


def unit(expires: str) -> dict[str, str]:
    return {"program.yaml": SETTINGS.replace("{expires: 12mo}", f"{{expires: {expires}}}")}


def first_lines(found: list[str]) -> list[str]:
    return [one.split("\n")[0].partition(" ")[2] for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{after: 30d}", (0, 30 * 86_400_000, "", False, False)),
        ("{end_of: month, after: 12mo}", (12, 0, "month", False, False)),
        ("{end_of: year}", (0, 0, "year", False, False)),
        ("{sliding: 18mo}", (18, 0, "", True, False)),
        ("{sliding: 1y, by: earning_or_redeeming}", (12, 0, "", True, True)),
    ],
)
def test_kinds_of_expiry(text: str, expected: tuple[int, int, str, bool, bool]) -> None:
    points = compiled(unit(text)).units["points"]

    lasts = points.expires
    assert (lasts.months, lasts.ms, lasts.end_of, points.sliding, points.slides_by_redeeming) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{end_of: week, after: 1mo}", "error: `end_of` cannot be `week`"),
        ("{after: never}", "error: `after`: `never` is not a length of time"),
        ("{sliding: 1y, after: 1y}", "error: `after` cannot stand beside `sliding`"),
        ("{after: 1y, by: earning}", "error: `by` belongs to `sliding`"),
        ("{by: earning}", "error: expires of unit `points` lacks `after`"),
        ("{sliding: 1y, by: burning}", "error: `by` cannot be `burning`"),
        ("{slides: 1y}", "error: unknown key `slides` in expires of unit `points`"),
    ],
)
def test_a_wrong_expiry_is_refused(text: str, message: str) -> None:
    assert first_lines(problems(unit(text))) == [message]


def test_an_award_expires_at_the_end_of_a_month_but_does_not_slide_alone() -> None:
    good = rule("on: transaction_completed\naward: {points: 5, expires: {end_of: month, after: 1mo}}")
    expires = compiled(good).rules["transaction_completed"].rules[0].expires
    assert expires is not None and (expires.months, expires.end_of) == (1, "month")

    own = rule("on: transaction_completed\naward: {points: 5, expires: {sliding: 1y}}")
    assert first_lines(problems(own)) == ["error: unknown key `sliding` in expires of award of rule `it`"]


def test_an_award_of_a_sliding_unit_has_no_expiry_of_its_own() -> None:
    files = {**unit("{sliding: 1y}"), **rule("on: transaction_completed\naward: {points: 5, expires: 1y}")}

    assert first_lines(problems(files)) == [
        "error: `expires` cannot be set here: all points of unit `points` expire together, with activity"
    ]


GROUPS = SETTINGS + "stacking: {groups: {season: {choose: best}, gift: {}}, maximum_per_event: {points: 500}}\n"
CAMPAIGNS = """\
campaigns:
  - id: summer
    during: {from: 2026-06-01, until: 2026-08-31, weekdays: [sat, sun], hours: [10:00-12:00, 22:00-02:00]}
    limit: {per_member: {points: 500, every: {rolling: 30d}}}
"""
TWO = """\
rules:
  - {id: b, on: transaction_completed, award: {points: 5}, group: season, priority: 2, campaign: summer}
  - {id: a, on: transaction_completed, award: {points: 7}, group: season, during: {from: 2026-06-01}}
"""


def test_stacking_campaigns_and_schedules_are_compiled() -> None:
    program = compiled({"program.yaml": GROUPS, "campaigns.yaml": CAMPAIGNS, "rules/more.yaml": TWO})

    assert program.groups == {"season": "best", "gift": "first"} and program.maximums == {"points": 500}
    b, a, purchase = program.rules["transaction_completed"].rules
    assert [one.rule_id for one in (b, a, purchase)] == ["b", "a", "purchase"]
    assert (b.group, b.priority, a.priority, purchase.group) == ("season", 2, 0, "")
    assert b.campaign is not None and b.window_keys == ("campaign:summer/rolling:30d",)
    assert b.rolls == (("campaign:summer/rolling:30d", 30 * 86_400_000),) and b.windows == ()
    (schedule,) = b.schedules
    assert schedule.weekdays == {5, 6} and schedule.hours == ((600, 720), (1320, 120))
    assert schedule.last_day - schedule.first_day == 91
    assert program.rules["transaction_completed"].grouped


def test_the_order_of_rules_does_not_depend_on_files_and_lines() -> None:
    turned = "rules:\n" + "".join(f"{line}\n" for line in reversed(TWO.splitlines()[1:]))
    files = {"program.yaml": GROUPS, "campaigns.yaml": CAMPAIGNS}

    for others in ({"rules/more.yaml": turned}, {"rules/0.yaml": TWO}, {"rules/zz.yaml": turned}):
        rules = compiled({**files, **others}).rules["transaction_completed"].rules
        assert [one.rule_id for one in rules] == ["b", "a", "purchase"]


ON = "on: transaction_completed\naward: {points: 5}\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (rule(ON + "group: seasn"), "error: there is no group `seasn`"),
        (rule(ON + "campaign: sumer"), "error: there is no campaign `sumer`"),
        (rule(ON + "priority: high"), "error: `priority`: `high` is not a whole number"),
        (rule(ON + "group: gift"), "warning: `group` has no effect: no other rule is in group `gift`"),
        (rule(ON + "during: {from: 2026-06-31}"), "error: `from`: there is no date `2026-06-31`"),
        (rule(ON + "during: {from: 1.6.2026}"), "error: `from`: there is no date `1.6.2026`"),
        (
            rule(ON + "during: {from: 2026-06-02, until: 2026-06-01}"),
            "error: `until` lies before `from`: it never runs",
        ),
        (rule(ON + "during: {weekdays: [fryday]}"), "error: there is no weekday `fryday`"),
        (rule(ON + "during: {hours: 5pm-7pm}"), "error: `5pm-7pm` is not a span of hours"),
        (rule(ON + "during: {hours: 17:00-17:00}"), "error: hours from a time to the same time"),
        (rule(ON + "during: {}"), "error: `during` says nothing"),
        (rule(ON + "during: {days: [mon]}"), "error: unknown key `days` in during of rule `it`"),
        (
            rule(ON + "limit: {per_member: {points: 5, every: {rolling: 1mo}}}"),
            "error: a rolling window must have a fixed length, and months have not",
        ),
        (
            rule(ON + "limit: {per_member: {points: 5, every: {roling: 1d}}}"),
            "error: unknown key `roling` in every of per_member of rule `it`",
        ),
        ({"campaigns.yaml": "campaigns: [{id: summer}]\n"}, "warning: campaign `summer` has no effect"),
        (
            {"campaigns.yaml": CAMPAIGNS + CAMPAIGNS.partition("\n")[2]},
            "error: there are two campaigns `summer`",
        ),
        (
            {"program.yaml": SETTINGS + "stacking: {maximum_per_event: {pints: 5}}\n"},
            "error: there is no unit `pints`",
        ),
        (
            {"program.yaml": SETTINGS + "stacking: {groups: {season: {choose: worst}, gift: {}}}\n"},
            "error: `choose` cannot be `worst`",
        ),
        (
            {
                "rules/more.yaml": TWO.replace("{points: 7}", "{points: 7, unit: miles}"),
                "campaigns.yaml": CAMPAIGNS,
            },
            "error: group `season` chooses the best, and its rules give miles, points",
        ),
    ],
)
def test_misuse_is_refused(files: dict[str, str], message: str) -> None:
    assert first_lines(problems({"program.yaml": GROUPS, **files})) == [message]


def only(text: str) -> Rule:
    rules = compiled(rule(text)).rules["transaction_completed"].rules
    return next(one for one in rules if one.rule_id == "it")


def test_streaks_achievements_and_rates_by_tier_are_compiled() -> None:
    streak = only(ON + "streak: {every: week, length: 4, grace: 1, award_at: once}").milestone
    assert streak is not None and (streak.every, streak.length, streak.grace, streak.repeats) == ("week", 4, 1, False)
    daily = only(ON + "streak: {every: day, length: 7}").milestone
    assert daily is not None and (daily.every, daily.grace, daily.repeats) == ("day", 0, True)
    achievement = only(ON + "achievement: {count: 10}").milestone
    assert achievement is not None and (achievement.every, achievement.length) == ("", 10)
    rates = "award: {points: {of: event.amount_minor, rate: {bronze: 1, silver: 1.5, platinum: 2}}}"
    by_tier = only("on: transaction_completed\n" + rates)
    assert by_tier.tier_rates == {"bronze": (1, 1), "silver": (15, 10), "platinum": (2, 1)}
    assert (by_tier.rate_numerator, by_tier.rate_denominator) == (1, 1)


def rates(text: str) -> dict[str, str]:
    return rule(f"on: transaction_completed\naward: {{points: {{of: event.amount_minor, rate: {text}}}}}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (rule(ON + "streak: {every: month, length: 3}"), "error: `every` cannot be `month`"),
        (rule(ON + "streak: {every: day}"), "error: streak of rule `it` lacks `length`"),
        (rule(ON + "streak: {every: day, length: 1}"), "error: `length` must be at least 2, not 1"),
        (rule(ON + "achievement: {times: 3}"), "error: unknown key `times` in achievement of rule `it`"),
        (
            rule(ON + "achievement: {count: 3}\nstreak: {every: day, length: 2}"),
            "error: `achievement` cannot stand beside `streak`",
        ),
        (
            rates("{bronze: 1, gold: 2}"),
            "error: `rate` of rule `it` names the tiers bronze, gold",
        ),
        (
            rates("{bronze: 1, silver: much, platinum: 3}"),
            "error: `silver`: `much` is not an exact decimal",
        ),
        (rates("{}"), "error: `rate` names no tier"),
    ],
)
def test_a_wrong_streak_achievement_or_rate_is_refused(files: dict[str, str], message: str) -> None:
    assert message in first_lines(problems(files))
