"""What makes a referral count: what program.yaml says reaches the core, and misuse is refused with its place."""

import pytest
from program_texts import SETTINGS, compiled, problems

RULE = "rules:\n  - {id: brought, on: referral_qualified, award: {points: 5}}\n"


def test_the_terms_of_referrals_reach_the_compiled_programme() -> None:
    terms = compiled({"program.yaml": SETTINGS + "referrals: {minimum_minor: 5000, within: 30d}\n"}).referrals
    ever = compiled({"program.yaml": SETTINGS + "referrals: {minimum_minor: 0}\n"}).referrals

    assert terms is not None and (terms.minimum_minor, terms.within_ms) == (5000, 30 * 86_400_000)
    assert ever is not None and (ever.minimum_minor, ever.within_ms) == (0, 0)
    assert compiled({}).referrals is None


MISUSE = {
    "no minimum": ({"program.yaml": SETTINGS + "referrals: {within: 30d}\n"}, "referrals lacks `minimum_minor`"),
    "months": (
        {"program.yaml": SETTINGS + "referrals: {minimum_minor: 5, within: 1mo}\n"},
        "`within` must have a fixed length",
    ),
    "a misspelt key": (
        {"program.yaml": SETTINGS + "referrals: {minimum_minr: 5}\n"},
        "did you mean `minimum_minor`?",
    ),
    "a rule for nothing": ({"rules/brought.yaml": RULE}, "the rule never gives"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused_with_its_place(name: str) -> None:
    texts, reason = MISUSE[name]

    assert any(reason in problem for problem in problems(texts))
