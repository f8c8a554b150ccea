"""Budgets, stock and voucher codes in a programme: misuse is told with its place, the value and the way out."""

import pytest
from program_texts import REWARDS, RULES, SETTINGS, compiled, problems

SUMMER = RULES.replace("    qualifies: true\n", "    qualifies: true\n    campaign: summer\n")


def told_of(files: dict[str, str]) -> tuple[str, str]:
    """(first line, suggestion) of the one problem that the files have."""
    (problem,) = problems(files)
    lines = problem.split("\n")
    return lines[0], lines[-1].strip()


def test_what_is_right_reaches_the_compiled_programme() -> None:
    program = compiled(
        {
            "campaigns.yaml": "campaigns:\n  - {id: summer, budget: {points: 500, every: month}}\n",
            "rules.yaml": SUMMER,
            "rewards.yaml": "rewards:\n  - {id: mug, price: 5, stock: 9}\n  - {id: film, price: 5, codes: cinema}\n",
        }
    )

    (rule,) = program.rules["transaction_completed"].rules
    assert rule.budgeted and rule.campaign is not None and rule.campaign.budget is not None
    assert (rule.campaign.budget.points, rule.campaign.budget.every) == (500, "month")
    assert {one.reward_id: one.pool_id for one in program.rewards.values()} == {
        "mug": "stock:mug", "film": "codes:cinema",
    }  # fmt: skip


BUDGETS = {
    "neither": ("{}", "a budget needs either `points` or `count`", "write `points: N` for points, or `count: N`"),
    "both": ("{points: 5, count: 5}", "a budget needs either `points` or `count`", "write `points: N`"),
    "nothing": ("{points: 0}", "`points` must be at least 1, not 0", "write a number from 1 to"),
    "no number": ("{count: lots}", "`count`: `lots` is not a whole number", "write digits only, such as 2500"),
    "no window": ("{points: 5, every: fortnight}", "`every` cannot be `fortnight`", "known: hour, day, week, month"),
    "a misspelt key": ("{point: 5}", "unknown key `point` in budget of campaign `summer`", "did you mean `points`?"),
    "no mapping": ("500", "budget of campaign `summer` must be a mapping, not `500`", "write its keys"),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_that_is_none_is_told_with_the_way_out(name: str) -> None:
    budget, reason, advice = BUDGETS[name]
    campaigns = f"campaigns:\n  - {{id: summer, budget: {budget}}}\n"

    line, suggestion = told_of({"campaigns.yaml": campaigns, "rules.yaml": SUMMER})

    assert line.startswith("campaigns.yaml:2:") and f"error: {reason}" in line
    assert advice in suggestion


def test_a_budget_that_no_rule_draws_on_is_warned_of() -> None:
    line, suggestion = told_of({"campaigns.yaml": "campaigns:\n  - {id: summer, budget: {points: 5}}\n"})

    assert line == (
        "campaigns.yaml:2:10: warning: nothing is given of the budget of campaign `summer`: no rule names it"
    )
    assert suggestion == "= write `campaign: summer` in its rules, or remove it"


def test_a_campaign_that_is_not_there_is_told_in_the_rule_that_names_it() -> None:
    campaigns = "campaigns:\n  - {id: sumner, budget: {points: 5}}\n"

    first, *_ = problems({"campaigns.yaml": campaigns, "rules.yaml": SUMMER})

    assert first.startswith("rules.yaml:6:15: error: there is no campaign `summer`")
    assert first.endswith("did you mean `sumner`?")


REWARD_MISTAKES = {
    "no stock": ("stock: 0", "`stock` must be at least 1, not 0", "write a number from 1 to 1000000000"),
    "less than none": ("stock: -1", "`stock` must be at least 1, not -1", "write a number from 1 to"),
    "no number": ("stock: many", "`stock`: `many` is not a whole number", "write digits only"),
    "both": ("stock: 5, codes: cinema", "`stock` and `codes` do not go together", "remove one of them"),
    "codes in the programme": ("codes: [a, b]", "`codes` must be a name, not a list", ""),
    "no name": ("codes: My codes", "`My codes` is not a name", "write `my-codes`"),
    "a pool's whole id": ("codes: codes:cinema", "`codes:cinema` is not a name", "write `codes-cinema`"),
    "a misspelt key": ("stok: 5", "unknown key `stok` in a reward", "did you mean `stock`?"),
    "a budget": ("budget: {points: 5}", "unknown key `budget` in a reward", "a budget is a campaign's"),
}


@pytest.mark.parametrize("name", REWARD_MISTAKES)
def test_a_reward_whose_pool_is_none_is_told_with_the_way_out(name: str) -> None:
    text, reason, advice = REWARD_MISTAKES[name]

    line, suggestion = told_of({"rewards.yaml": f"rewards:\n  - {{id: coffee, price: 50, {text}}}\n"})

    assert line.startswith("rewards.yaml:2:") and f"error: {reason}" in line
    assert advice in suggestion


@pytest.mark.parametrize(
    ("text", "reason", "advice"),
    [
        ("budget: {points: 5}", "unknown key `budget` in rule `purchase`", "write it in campaigns.yaml"),
        ("stock: 5", "unknown key `stock` in rule `purchase`", "write it in rewards.yaml"),
        ("codes: cinema", "unknown key `codes` in rule `purchase`", "write `codes` in rewards.yaml"),
    ],
)
def test_a_pool_on_a_rule_is_told_where_it_belongs(text: str, reason: str, advice: str) -> None:
    line, suggestion = told_of({"rules.yaml": f"{RULES}    {text}\n", "rewards.yaml": REWARDS})

    assert line.startswith("rules.yaml:6:") and reason in line
    assert advice in suggestion


def test_households_outside_the_programmes_own_file_are_told_where_they_belong() -> None:
    line, suggestion = told_of(
        {"program.yaml": SETTINGS, "rules.yaml": f"{RULES}    households: {{units: [points]}}\n"}
    )

    assert "unknown key `households`" in line
    assert "write them in program.yaml" in suggestion
