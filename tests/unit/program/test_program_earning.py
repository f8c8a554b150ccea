"""How programme files say when points expire, what stacks, when rules run, and how much they give at most."""

from __future__ import annotations

import pytest
from program_texts import SETTINGS, compiled, problems, rule


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
    expires = compiled(good).rules["transaction_completed"].rules[-1].expires
    assert expires is not None and (expires.months, expires.end_of) == (1, "month")

    own = rule("on: transaction_completed\naward: {points: 5, expires: {sliding: 1y}}")
    assert first_lines(problems(own)) == ["error: unknown key `sliding` in expires of award of rule `it`"]


def test_an_award_of_a_sliding_unit_has_no_expiry_of_its_own() -> None:
    files = {**unit("{sliding: 1y}"), **rule("on: transaction_completed\naward: {points: 5, expires: 1y}")}

    assert first_lines(problems(files)) == [
        "error: `expires` cannot be set here: all points of unit `points` expire together, with activity"
    ]
