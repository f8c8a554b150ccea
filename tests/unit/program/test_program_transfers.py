"""Transfers and occasions in a programme: what the files say reaches the core, and misuse is refused with its place."""

import pytest
from program_texts import SETTINGS, compiled, problems

OCCASIONS = """\
rules:
  - {id: cake, on: birthday_reached, when: event.year > 2026, award: {points: 5}}
  - {id: years, on: anniversary_reached, award: {points: {per: 1, of: event.years, rate: 10}}}
"""


def test_the_terms_of_transfers_reach_the_compiled_programme() -> None:
    text = "transfers: {units: [points], minimum: 7, expiry: renewed, limit: {per_member: {count: 2, every: day}}}\n"

    terms = compiled({"program.yaml": SETTINGS + text}).transfers

    assert terms is not None
    assert (terms.units, terms.minimum, terms.renews, terms.window_keys) == (("points",), 7, True, ("transfer/day",))


def test_without_them_members_give_each_other_nothing() -> None:
    assert compiled({}).transfers is None
    usual = compiled({"program.yaml": SETTINGS + "transfers: {units: [points]}\n"}).transfers
    assert usual is not None and (usual.minimum, usual.renews, usual.limits) == (1, False, ())


def test_rules_are_for_birthdays_and_anniversaries_as_for_any_event() -> None:
    program = compiled({"rules/occasions.yaml": OCCASIONS})

    assert program.occasions == ("birthday_reached", "anniversary_reached")
    assert compiled({}).occasions == ()


MISUSE = {
    "no units": ("transfers: {minimum: 5}\n", "transfers lacks `units`"),
    "another unit": ("transfers: {units: [point]}\n", "there is no unit `point`"),
    "nothing as the fewest": ("transfers: {units: [points], minimum: 0}\n", "`minimum` must be at least 1"),
    "a misspelt policy": ("transfers: {units: [points], expiry: keep}\n", "did you mean `kept`?"),
    "a misspelt key": ("transfers: {units: [points], minimun: 5}\n", "did you mean `minimum`?"),
    "a limit of nothing": ("transfers: {units: [points], limit: {per_member: {every: day}}}\n", "a limit needs either"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused_with_its_place(name: str) -> None:
    text, reason = MISUSE[name]

    (problem,) = problems({"program.yaml": SETTINGS + text})

    assert reason in problem and problem.startswith("program.yaml:")
