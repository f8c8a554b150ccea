"""Mistakes in examples are told with file, line, caret and the way out, all in one run."""

from pathlib import Path

import pytest

from pipeline.examples import check_examples
from pipeline.program import compile_bundle, load_program

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"


def problems(tmp_path: Path, text: str, *, known: bool = True) -> list[str]:
    """What is said of an examples.yaml beside the shop's rules; of any programme's where it is not known."""
    (tmp_path / "examples.yaml").write_text(text)
    program = compile_bundle(load_program(SHOP)) if known else None
    return [problem.render() for problem in check_examples(tmp_path, program)]


def of_example(tmp_path: Path, text: str) -> list[str]:
    """First line and suggestion of each problem in one example with these lines."""
    lines = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
    found = problems(tmp_path, f"examples:\n  - name: it\n{lines}")
    return [" | ".join(line.strip() for line in (each.split("\n")[0], each.split("\n")[-1])) for each in found]


def test_a_problem_is_shown_as_those_of_a_programme_are(tmp_path: Path) -> None:
    text = """\
examples:
  - name: a purchase
    event: {on: transaction_completed, at: 2026-03-02T09:00, data: {amount_mino: 4250}}
    expect:
      awards: {purchas: 42}
"""
    assert problems(tmp_path, text) == [
        """\
examples.yaml:3:68: error: data of transaction_completed lacks `amount_minor`
    3 |     event: {on: transaction_completed, at: 2026-03-02T09:00, data: {amount_mino: 4250}}
      |                                                                    ^
      = add `amount_minor: ...`""",
        """\
examples.yaml:3:69: error: unknown key `amount_mino` in data of transaction_completed
    3 |     event: {on: transaction_completed, at: 2026-03-02T09:00, data: {amount_mino: 4250}}
      |                                                                     ^
      = did you mean `amount_minor`?""",
        """\
examples.yaml:5:16: error: there is no rule `purchas`
    5 |       awards: {purchas: 42}
      |                ^
      = did you mean `purchase`?""",
    ]


BUY = "event: {on: transaction_completed, at: 2026-03-02, data: {amount_minor: 1}}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("expect: {}", "2:11: error: an example needs either `event` or `events` | = write `event: {on: ...}`"),
        (f"{BUY}\nexpect: {{awrds: {{}}}}", "error: unknown key `awrds` in expect | = did you mean `awards`?"),
        (f"{BUY}", "error: an example lacks `expect` | = add `expect: ...`"),
        (f"{BUY}\nexpect: {{refused: order_exist}}", "no reason `order_exist` | = did you mean `order_exists`?"),
        (f"{BUY}\nexpect: {{refused: [order_exist]}}", "no reason `order_exist` | = did you mean `order_exists`?"),
        (f"{BUY}\nexpect: {{refused: [[a]]}}", "`refused` lists reasons | = write one reason after each dash"),
        (f"{BUY}\nexpect: {{tier: golden}}", "there is no tier `golden` | = did you mean `gold`?"),
        (f"{BUY}\nexpect: {{balances: {{miles: {{}}}}}}", "there is no unit `miles` | = known: points"),
        (f"{BUY}\nexpect: {{balances: {{points: {{availabl: 1}}}}}}", "did you mean `available`?"),
        (f"{BUY}\nexpect: {{awards: {{purchase: 0}}}}", "`purchase` must be at least 1, not 0"),
        (f"{BUY}\nexpect: {{awards: {{purchase: 4.5}}}}", "`4.5` is not a whole number"),
        (f"{BUY}\nexpect: {{limited: {{purchase: {{wanted: 5}}}}}}", "`limited` of rule `purchase` lacks `by`"),
        (f"{BUY}\nexpect: {{members: {{ann: {{tir: gold}}}}}}", "unknown key `tir` in member `ann`"),
        (f"{BUY}\nuntil: soon\nexpect: {{}}", "`until`: `soon` is not a time | = write 2026-03-01T09:30 for"),
        ("event: {on: purchase, at: 2026-03-02}\nexpect: {}", "`on` cannot be `purchase`"),
        ("event: {on: member_enrolled}\nexpect: {}", "an event needs `at` or `after`"),
        ("event: {on: member_enrolled, after: 1d}\nexpect: {}", "there is no event before this one"),
        (
            "history: [{on: member_enrolled, at: 9999-12-01}]\nevent: {on: profile_changed, after: 2mo}\nexpect: {}",
            "`after` leads beyond the year 9999",
        ),
        ("event: {on: member_enrolled, at: 9999-12-01}\nuntil: 2mo\nexpect: {}", "`until` leads beyond the year 9999"),
        ("event: {on: member_enrolled, at: 2026-03-02, after: 1d}\nexpect: {}", "either `at` or `after`"),
        ("event: {on: member_enrolled, at: 2026-13-02}\nexpect: {}", "`2026-13-02` is not a time"),
        ("event: {on: member_quarantined, at: 2026-03-02}\nexpect: {}", "`on` cannot be `member_quarantined`"),
        (
            "event: {on: emi_payment_succeeded, at: 2026-03-02, data: {instalment_number: 3000000000, "
            "amount_minor: 1, on_time: yes}}\nexpect: {}",
            "`instalment_number` must be at most 2147483647",
        ),
        (
            "event: {on: fulfillment_outcome, at: 2026-03-02, data: {redemption_id: r, outcome: fine}}\nexpect: {}",
            "`outcome` cannot be `fine`",
        ),
        (
            "event: {on: custom_event, at: 2026-03-02, data: {name: n, numbers: {steps: many}}}\nexpect: {}",
            "`many` is not a whole number",
        ),
        (
            "event: {on: transaction_completed, at: 2026-03-02, data: {amount_minor: 1, lines: [{line_id: a}]}}\n"
            "expect: {}",
            "an item of `lines` lacks `sku`",
        ),
    ],
)  # fmt: skip
def test_every_mistake_is_found(tmp_path: Path, text: str, found: str) -> None:
    said = of_example(tmp_path, text)

    assert any(found in each for each in said), said


def test_two_examples_have_two_names(tmp_path: Path) -> None:
    one = f"  - name: it\n    {BUY}\n    expect: {{}}\n"

    (found,) = problems(tmp_path, f"examples:\n{one}{one}")

    assert "5:5: error: there are two examples `it`" in found


def test_beside_a_programme_with_mistakes_names_are_not_judged_and_the_rest_is(tmp_path: Path) -> None:
    text = f"examples:\n  - name: it\n    {BUY}\n    expect: {{awards: {{x: 1}}, teir: y}}\n"

    (found,) = problems(tmp_path, text, known=False)

    assert "unknown key `teir` in expect" in found


def test_a_folder_and_a_file_of_examples_are_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "more.yaml").write_text("exampels: []\n")
    (tmp_path / "examples" / ".hidden.yaml").write_text("[\n")

    found = problems(tmp_path, "examples: []\n")

    assert [each.split(" error: ")[0] for each in found] == [
        "examples.yaml:1:11:", "examples/more.yaml:1:1:", "examples/more.yaml:1:1:",
    ]  # fmt: skip
    assert "`examples` is an empty list" in found[0]
    assert "unknown key `exampels`" in "".join(found)
