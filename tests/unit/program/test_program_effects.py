"""Warnings of rules and keys that work and do nothing."""

import pytest
from program_texts import RULES, TIERS, problems, rule

AWARD = "award: {points: 5}"


def warnings(text: str) -> list[str]:
    """Reasons of the warnings that a rule with these lines gets; nothing else may be wrong."""
    found = problems(rule(text))
    assert all(": warning: " in problem for problem in found), found
    return [problem.split("\n")[0].split(": warning: ")[1] for problem in found]


def when(text: str) -> list[str]:
    return warnings(f"on: transaction_completed\nwhen: '{text}'\n{AWARD}")


@pytest.mark.parametrize(
    "text",
    [
        "event.amount_minor > 5 && event.amount_minor < 6",
        "event.amount_minor >= 5 && 5 > event.amount_minor",
        "event.amount_minor == 5 && event.amount_minor != 5",
        "event.amount_minor == 5 && event.amount_minor == 6",
        "event.amount_minor > 9223372036854775807",
        'event.channel == "app" && event.channel == "web"',
        'event.channel in ["app", "web"] && event.channel == "till"',
        'event.channel in ["app"] && event.channel != "app"',
        'member.tier == "silver" && (event.amount_minor > 5 && member.tier == "platinum")',
    ],
)
def test_a_rule_that_can_never_hold_is_warned_of(text: str) -> None:
    (warning,) = when(text)

    assert warning.startswith("the rule never gives anything: no value of `")


@pytest.mark.parametrize(
    "text",
    [
        "event.amount_minor > 5 && event.amount_minor < 7",
        "event.amount_minor > 5 || event.amount_minor < 3",
        "event.amount_minor >= 5 && event.amount_minor <= 5",
        'event.channel in ["app", "web"] && event.channel != "app"',
        'event.channel == "app" || event.channel == "web"',
        'event.channel > "b" && event.channel < "a"',
        "!(event.amount_minor > 5 && event.amount_minor < 3)",
        "event.amount_minor > 5 && member.available < 3",
    ],
)
def test_a_rule_that_can_hold_is_not(text: str) -> None:
    assert when(text) == []


def test_plain_true_and_false_are_warned_of() -> None:
    assert when("true") == ["the condition contains a plain `true`, which has no effect"]
    assert when("event.amount_minor > 5 && false") == [
        "the condition contains a plain `false`, so the rule never gives anything"
    ]


def test_a_key_that_nothing_asks_for_is_warned_of() -> None:
    expected = ["each event without `gift` in its attributes is recorded as an error"]

    assert when('event.attributes["gift"] == "yes"') == expected
    assert when('event.attributes.gift == "yes" && "wrap" in event.attributes') == expected
    assert warnings('on: custom_event\naward: {points: {of: "event.numbers.steps"}}') == [
        "each event without `steps` in its numbers is recorded as an error"
    ]


def test_a_key_that_is_asked_for_first_is_not() -> None:
    assert when('"gift" in event.attributes && event.attributes.gift == "yes"') == []
    assert when('has(event.attributes.gift) && event.attributes["gift"] == "yes"') == []
    assert warnings('on: custom_event\nwhen: has(event.numbers.n)\naward: {points: {of: "event.numbers.n"}}') == []
    assert when("event.attributes[event.channel] == event.channel") == []


def test_keys_without_effect_are_warned_of() -> None:
    assert warnings(f"on: transaction_completed\nfirst_only: true\nunless_rewarded_within: 5d\n{AWARD}") == [
        "`unless_rewarded_within` has no effect beside `first_only`: the rule gives once"
    ]
    assert warnings("on: transaction_completed\naward: {points: 5, unit: miles}\nqualifies: true") == [
        "`qualifies` has no effect on unit `miles`"
    ]
    flat = {"tiers.yaml": TIERS.replace(", earn_percent: 150", "")}
    multiplied = problems({**flat, "rules.yaml": RULES + "    tier_multiplies: true\n"})
    assert len(multiplied) == 1
    assert "`tier_multiplies` has no effect: every tier earns 100 percent" in multiplied[0]


def test_keys_with_effect_are_not() -> None:
    assert (
        warnings(f"on: transaction_completed\nfirst_only: true\ntier_multiplies: true\nqualifies: true\n{AWARD}") == []
    )
    window = "unless_rewarded_within: {window: 5d, by: any}"
    assert warnings(f"on: transaction_completed\nfirst_only: true\n{window}\n{AWARD}") == []
