"""Households in a programme: what the file says reaches the core, and misuse is refused with its place."""

import pytest
from program_texts import SETTINGS, compiled, problems


def test_the_terms_of_households_reach_the_compiled_programme() -> None:
    terms = compiled({"program.yaml": SETTINGS + "households: {units: [points], minimum: 7}\n"}).households

    assert terms is not None
    assert (terms.units, terms.minimum) == (("points",), 7)


def test_without_them_nobody_pools_points() -> None:
    assert compiled({}).households is None
    usual = compiled({"program.yaml": SETTINGS + "households: {units: [points]}\n"}).households
    assert usual is not None and usual.minimum == 1


MISUSE = {
    "no units": ("households: {minimum: 5}\n", "households lacks `units`"),
    "another unit": ("households: {units: [point]}\n", "there is no unit `point`"),
    "nothing as the fewest": ("households: {units: [points], minimum: 0}\n", "`minimum` must be at least 1"),
    "a misspelt key": ("households: {units: [points], minimun: 5}\n", "did you mean `minimum`?"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused_with_its_place(name: str) -> None:
    text, reason = MISUSE[name]

    (problem,) = problems({"program.yaml": SETTINGS + text})

    assert reason in problem and problem.startswith("program.yaml:")


def test_points_that_slide_cannot_be_pooled() -> None:
    sliding = SETTINGS.replace("{expires: never, rounding: half_up}", "{expires: {sliding: 12mo}}")
    assert sliding != SETTINGS

    (problem,) = problems({"program.yaml": sliding + "households: {units: [miles]}\n"})

    assert "points of `miles` slide with a member's activity" in problem
