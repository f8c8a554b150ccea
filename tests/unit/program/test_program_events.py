"""Custom events with declared attributes: events.yaml, conditions by type, and what is refused."""

from __future__ import annotations

import pytest
from core_programs import Bench, Dead, of
from program_texts import compiled, problems, rule

from pipeline.core.events import Event
from pipeline.core.payloads import CustomEvent

EVENTS = """\
events:
  - name: store_review
    attributes: {stars: int, city: text, words: int}
    optional: [words]
  - name: Steps.Counted
    attributes: {steps: int}
  - {name: app-opened}
"""
REVIEW = 'on: custom_event\nwhen: event.name == "store_review" && event.numbers.stars >= 4'
REVIEW += ' && event.attributes.city != ""\naward: {points: 5}'
FILES = {"events.yaml": EVENTS}


def sent(name: str, numbers: dict[str, int], texts: dict[str, str], files: dict[str, str] = FILES) -> Bench:
    bench = Bench(compiled({**files, **rule(REVIEW)}))
    bench.enrol()
    bench.apply(
        Event("e1", "m", bench.now_ms, "shop", "", texts, CustomEvent(name, numbers), bench.now_ms),
    )
    return bench


def test_declared_attributes_are_there_by_their_type_without_asking() -> None:
    assert problems({**FILES, **rule(REVIEW)}) == []

    assert sent("store_review", {"stars": 4}, {"city": "Graz"}).balances() == (5, 0, 0, 0)
    assert sent("app-opened", {}, {}).reason == ""


@pytest.mark.parametrize(
    ("name", "numbers", "texts", "reason", "detail"),
    [
        ("review", {}, {}, "undeclared_event", "declares Steps.Counted, app-opened, store_review"),
        ("app-opened", {"stars": 1}, {}, "undeclared_attribute", "attribute 'stars' of app-opened: declared are none"),
        (
            "store_review",
            {"stars": 1},
            {"city": "x", "ip": "y"},
            "undeclared_attribute",
            "declared are city, stars, words",
        ),
        (
            "store_review",
            {},
            {"stars": "five", "city": "x"},
            "mistyped_attribute",
            "must be a whole number, in numbers",
        ),
        ("store_review", {"stars": 5, "city": 8010}, {}, "mistyped_attribute", "'city' of store_review must be a text"),
        ("store_review", {"stars": 5}, {"city": "x", "stars": "5"}, "mistyped_attribute", "'stars' of store_review"),
        ("store_review", {"stars": 5}, {}, "missing_field", "attribute 'city' of store_review is missing"),
    ],
)
def test_an_undeclared_or_mistyped_attribute_goes_to_dead_letters(
    name: str, numbers: dict[str, int], texts: dict[str, str], reason: str, detail: str
) -> None:
    (dead,) = of(Dead, sent(name, numbers, texts).out.journal)

    assert dead.reason == reason
    assert detail in dead.detail


def test_without_the_file_any_custom_event_is_taken() -> None:
    assert of(Dead, sent("anything", {"x": 1}, {"y": "z"}, {}).out.journal) == []


def custom(when: str) -> dict[str, str]:
    return {**FILES, **rule(f"on: custom_event\nwhen: {when}\naward: {{points: 5}}")}


@pytest.mark.parametrize(
    ("files", "first_line", "remedy"),
    [
        (custom('event.name == "store_revue"'), "error: there is no custom event `store_revue`", "`store_review`?"),
        (
            custom('event.name == "store_review" && event.numbers.star > 3'),
            "error: no event of events.yaml has `star` in its numbers",
            "did you mean `stars`?",
        ),
        (
            custom('event.name == "store_review" && "city" in event.numbers'),
            "error: no event of events.yaml has `city` in its numbers",
            "write event.attributes.city",
        ),
        (
            custom('event.name == "store_review" && event.numbers.words > 3'),
            "warning: each event without `words` in its numbers is recorded as an error",
            'ask first: "words" in event.numbers',
        ),
        (
            custom("event.numbers.stars > 3"),
            "warning: each event without `stars` in its numbers is recorded as an error",
            'ask first: "stars" in event.numbers',
        ),
        ({"events.yaml": "events: [{name: a, attributes: {b: float}}]\n"}, "error: `b` cannot be `float`", "int"),
        (
            {"events.yaml": "events: [{name: a, optional: [b]}]\n"},
            "error: event `a` has no attribute `b`",
            "declare it",
        ),
        ({"events.yaml": "events: [{name: a}, {name: a}]\n"}, "error: there are two events `a`", "join them"),
        ({"events.yaml": "events: [{attributes: {b: int}}]\n"}, "error: an event lacks `name`", "add"),
    ],
)
def test_misuse_is_refused_with_its_place(files: dict[str, str], first_line: str, remedy: str) -> None:
    found = [one for one in problems(files) if first_line in one.split("\n")[0]]

    assert len(found) == 1 and remedy in found[0]
