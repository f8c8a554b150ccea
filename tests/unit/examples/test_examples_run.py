"""Examples are held against what the core decides; what comes out otherwise is named with both sides."""

from pathlib import Path

import pytest

from pipeline.core.program import Program
from pipeline.examples import Difference, Outcome, read_examples, rules_shown, run_example
from pipeline.program import compile_bundle, load_program

PROGRAMS = Path(__file__).resolve().parents[3] / "programs"
SAMPLES = sorted(path.name for path in PROGRAMS.iterdir() if path.is_dir())
SETTINGS = """\
program: corner-shop
zone: Europe/Berlin
enrolment: automatic
currencies: [EUR]
units:
  points: {expires: 12mo}
"""
TIERS = "tiers: [{id: bronze, threshold: 0}, {id: gold, threshold: 100}]\n"
RULES = """\
rules:
  - id: base
    on: transaction_completed
    limit: {per_member: {points: 120, every: month}}
    award: {points: {per: 100, of: event.amount_minor}, pending: 7d}
    qualifies: true
  - id: tried
    on: transaction_completed
    award: {points: 5}
    mode: shadow
  - id: gift
    on: transaction_completed
    when: event.attributes.gift == "yes" && has(event.attributes.wrap)
    award: {points: 3}
"""


def programme(tmp_path: Path) -> Program:
    for name, text in {"program.yaml": SETTINGS, "tiers.yaml": TIERS, "rules.yaml": RULES}.items():
        (tmp_path / name).write_text(text)
    return compile_bundle(load_program(tmp_path))


def outcome(tmp_path: Path, text: str) -> Outcome:
    """The outcome of one example with these lines below its name."""
    lines = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
    (tmp_path / "examples.yaml").write_text(f"examples:\n  - name: it\n{lines}")
    program = programme(tmp_path)
    examples, problems = read_examples(tmp_path, program)
    assert problems == []
    (example,) = examples
    return run_example(program, example)


BUY = "event: {on: transaction_completed, at: 2026-03-02T09:00, attributes: {gift: 'no'}, data: {amount_minor: 13000}}"


@pytest.mark.parametrize("name", SAMPLES)
def test_the_examples_of_every_sample_hold_and_show_each_of_its_rules(name: str) -> None:
    program = compile_bundle(load_program(PROGRAMS / name))
    examples, problems = read_examples(PROGRAMS / name, program)
    outcomes = [run_example(program, example) for example in examples]

    assert problems == []
    assert [(each.example.name, each.differences) for each in outcomes if each.differences] == []
    assert rules_shown(outcomes) == {rule.rule_id for table in program.rules.values() for rule in table.rules}


def test_what_comes_out_as_expected_makes_no_difference(tmp_path: Path) -> None:
    held = outcome(
        tmp_path,
        f"{BUY}\nuntil: 7d\nexpect:\n  awards: {{base: 120}}\n  shadow: {{tried: 5}}\n"
        "  limited: {base: {wanted: 130, by: limit:points/month}}\n"
        "  balances: {points: {available: 120, pending: 0}}\n  tier: gold\n",
    )

    assert held.differences == ()
    assert held.rules == {"base", "tried"}


def test_every_kind_of_difference_is_named_with_both_sides(tmp_path: Path) -> None:
    failed = outcome(
        tmp_path,
        f"{BUY}\nexpect:\n  refused: order_exists\n  errors: gift\n  awards: {{gift: 3}}\n  shadow: {{}}\n"
        "  limited: {base: {wanted: 131, by: limit:points/month}, gift: cooldown}\n"
        "  balances: {points: {available: 120, pending: 120}}\n  tier: bronze\n"
        "  members: {other: {tier: bronze}}\n",
    )

    assert failed.differences == (
        Difference("refused", "order_exists", "-"),
        Difference("errors", "gift", "-"),
        Difference("awards.gift", "3", "-"),
        Difference("awards.base", "-", "120"),
        Difference("shadow.tried", "-", "5"),
        Difference("limited.base", "limit:points/month, wanted 131", "limit:points/month, wanted 130"),
        Difference("limited.gift", "cooldown", "-"),
        Difference("member.points.available", "120", "0"),
        Difference("member.tier", "bronze", "gold"),
        Difference("other.tier", "bronze", "none"),
    )
    assert rules_shown([failed]) == set(), "an example that fails shows nothing"


def test_a_refusal_and_a_failing_rule_are_differences_unless_they_are_expected(tmp_path: Path) -> None:
    bought = "on: transaction_completed, at: 2026-03-02T09:00"
    missing = outcome(
        tmp_path, f"event: {{{bought}, attributes: {{wrap: x}}, data: {{amount_minor: 1}}}}\nexpect: {{}}"
    )
    invalid = outcome(tmp_path, f"event: {{{bought}, data: {{amount_minor: 1, currency: USD}}}}\nexpect: {{}}")

    assert missing.differences == (Difference("errors", "-", "gift"),)
    assert invalid.differences == (Difference("refused", "-", "unknown_currency"),)


def test_a_history_that_is_refused_is_a_difference(tmp_path: Path) -> None:
    history = "history:\n  - {on: redemption_requested, at: 2026-03-01T09:00, data: {reward_id: tea}}"

    failed = outcome(tmp_path, f"{history}\n{BUY}\nexpect: {{awards: {{base: 120}}}}")

    assert failed.differences == (Difference("history, event history-1", "applied", "refused: unknown_reward"),)


def test_a_repeated_event_is_a_duplicate(tmp_path: Path) -> None:
    same = (
        "{on: transaction_completed, at: 2026-03-02T09:00, id: e, attributes: {gift: 'no'}, data: {amount_minor: 500}}"
    )

    held = outcome(tmp_path, f"events:\n  - {same}\n  - {same}\nexpect: {{refused: duplicate, awards: {{base: 5}}}}")

    assert held.differences == ()


def test_times_are_local_to_the_programme_unless_they_name_a_zone(tmp_path: Path) -> None:
    for at, utc_hours in (("2026-07-01T00:30", 22.5 - 24), ("2026-07-01T00:30:00Z", 0.5), ("2026-07-01", -2)):
        event = f"{{on: transaction_completed, at: {at}, attributes: {{gift: 'no'}}, data: {{amount_minor: 500}}}}"
        example = outcome(tmp_path, f"event: {event}\nexpect: {{}}").example

        midnight_ms = 1_782_864_000_000
        assert example.events[0].occurred_at_ms == midnight_ms + utc_hours * 3_600_000
