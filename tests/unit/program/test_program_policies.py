"""Policies of refunds, tiers and holds: what the files say reaches the core, and misuse is refused with its place."""

import pytest
from program_texts import REWARDS, RULES, SETTINGS, TIERS, compiled, problems

DAY_MS = 86_400_000
PLAIN = RULES.replace("    qualifies: true\n", "")


def test_policies_reach_the_compiled_programme() -> None:
    program = compiled(
        {
            "program.yaml": SETTINGS + "refunds: {points_paid: kept}\n",
            "tiers.yaml": TIERS + "downgrade: one_down\ngrace: 30d\non_refund: recompute\n",
            "rewards.yaml": "rewards:\n  - {id: pass, price: 5, confirm: required, timeout: 2h}\n",
        }
    )

    policy = program.tier_policy
    assert (policy.one_down, policy.grace_ms, policy.recompute) == (True, 30 * DAY_MS, True)
    assert (program.returns_points, program.clawback) == (False, "within_balance")
    assert (program.rewards["pass"].confirm, program.rewards["pass"].timeout_ms) == (True, 7_200_000)


def test_without_them_tiers_are_as_qualified_and_points_return() -> None:
    program = compiled({})

    policy = program.tier_policy
    assert (policy.one_down, policy.grace_ms, policy.recompute, program.returns_points) == (False, 0, False, True)
    assert (program.rewards["coffee"].confirm, program.rewards["coffee"].timeout_ms) == (False, 0)


def test_spending_qualifies_where_the_programme_says_so() -> None:
    program = compiled({"tiers.yaml": "qualification: {by: spend, currency: USD}\n" + TIERS})

    assert (program.tier_policy.spend_currency, program.qualification_unit) == ("USD", "")


def test_periods_of_qualification_reach_the_compiled_programme() -> None:
    qualification = "qualification: {period: rolling_months, months: 12}\n"
    monthly = compiled({"tiers.yaml": qualification + TIERS + "keep: 6\nupgrade: next_period\n"}).tier_policy
    yearly = compiled({"tiers.yaml": "qualification: {period: membership_year}\n" + TIERS + "keep: 2\n"}).tier_policy
    usual = compiled({}).tier_policy

    assert (monthly.period, monthly.months, monthly.keep, monthly.next_period) == ("rolling_months", 12, 6, True)
    assert (yearly.period, yearly.months, yearly.keep, yearly.next_period) == ("membership_year", 0, 2, False)
    assert (usual.period, usual.months, usual.keep, usual.next_period) == ("calendar_year", 0, 1, False)


MISUSE = {
    "rolling months without a number": (
        {"tiers.yaml": "qualification: {period: rolling_months}\n" + TIERS},
        "qualification lacks `months`",
    ),
    "months of a year": (
        {"tiers.yaml": "qualification: {months: 12}\n" + TIERS},
        "`months` has no effect where a calendar_year counts",
    ),
    "too many months": (
        {"tiers.yaml": "qualification: {period: rolling_months, months: 37}\n" + TIERS},
        "`months` must be at most 36",
    ),
    "a misspelt period": (
        {"tiers.yaml": "qualification: {period: membershipyear}\n" + TIERS},
        "did you mean `membership_year`?",
    ),
    "years kept too long": ({"tiers.yaml": TIERS + "keep: 11\n"}, "`keep` must be at most 10"),
    "a misspelt upgrade": ({"tiers.yaml": TIERS + "upgrade: nextperiod\n"}, "did you mean `next_period`?"),
    "spending in no currency": (
        {"tiers.yaml": "qualification: {by: spend}\n" + TIERS, "rules.yaml": PLAIN},
        "qualification lacks `currency`",
    ),
    "spending in another currency": (
        {"tiers.yaml": "qualification: {by: spend, currency: GBP}\n" + TIERS, "rules.yaml": PLAIN},
        "the programme has no currency `GBP`",
    ),
    "spending in a unit": (
        {"tiers.yaml": "qualification: {by: spend, currency: USD, unit: points}\n" + TIERS, "rules.yaml": PLAIN},
        "`unit` has no effect where spending qualifies",
    ),
    "points in a currency": (
        {"tiers.yaml": "qualification: {currency: USD}\n" + TIERS},
        "`currency` has no effect where points qualify",
    ),
    "grace in months": ({"tiers.yaml": TIERS + "grace: 1mo\n"}, "`grace` must be a fixed length of at most 90 days"),
    "a long grace": ({"tiers.yaml": TIERS + "grace: 91d\n"}, "`grace` must be a fixed length of at most 90 days"),
    "a misspelt downgrade": ({"tiers.yaml": TIERS + "downgrade: onedown\n"}, "did you mean `one_down`?"),
    "a misspelt policy": ({"tiers.yaml": TIERS + "on_refund: recompte\n"}, "did you mean `recompute`?"),
    "a misspelt key": ({"tiers.yaml": TIERS + "downgrad: one_down\n"}, "did you mean `downgrade`?"),
    "points that vanish": (
        {"program.yaml": SETTINGS + "refunds: {points_paid: lost}\n"},
        "`points_paid` cannot be `lost`",
    ),
    "a timeout in months": (
        {"rewards.yaml": REWARDS + "  - {id: x, price: 5, provider: external, timeout: 1mo}\n"},
        "`timeout` must have a fixed length, and months have not",
    ),
    "a timeout without effect": (
        {"rewards.yaml": REWARDS + "  - {id: x, price: 5, timeout: 1h}\n"},
        "`timeout` has no effect: what the house gives is given at once",
    ),
}


@pytest.mark.parametrize(("files", "message"), MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused_with_its_place(files: dict[str, str], message: str) -> None:
    (problem,) = problems(files)

    assert message in problem
    assert f"{next(iter(files))}:" in problem
    assert "^" in problem
