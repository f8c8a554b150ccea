"""What the check finds in one run, and what it does not hold against a programme."""

from pathlib import Path

import pytest
from program_texts import RULES, SETTINGS, SOUND, TIERS, problems, rule

from pipeline.program import check, load_program
from pipeline.program.problems import ProgramRefused


def reasons(files: dict[str, str]) -> list[str]:
    """First lines of the problems, without the place."""
    return [problem.split("\n")[0].split(": ", 1)[1] for problem in problems(files)]


def test_a_sound_programme_has_no_problem() -> None:
    assert problems({}) == []


def test_every_mistake_is_found_in_one_run() -> None:
    found = reasons(
        {
            "program.yaml": SETTINGS.replace("required", "require").replace("EUR", "euro"),
            "tiers.yaml": TIERS.replace("threshold: 500}", "threshold: five}"),
            "rewards.yaml": "rewards:\n  - {id: mug, prize: 5}\n  - {id: cup, price: 0, provider: hose}\n",
            "rules/a.yaml": "rules:\n  - id: a\n    on: transaction_completed\n    when: event.amont > member.avail\n"
            '      && member.tier == "gold"\n    award: {points: {of: event.x}, units: miles}\n',
            "rules/b.yaml": "rules:\n  - id: b\n    award: {points: no}\n  - c\n",
        }
    )

    assert found == [
        "error: `enrolment` cannot be `require`",
        "error: `euro` is not a currency code",
        "error: a reward lacks `price`",
        "error: unknown key `prize` in a reward",
        "error: `price` must be at least 1, not 0",
        "error: `provider` cannot be `hose`",
        "error: `event.amont` does not exist on transaction_completed",
        "error: `member.avail` does not exist",
        "error: there is no tier `gold`",
        "error: `event.x` does not exist on transaction_completed",
        "error: unknown key `units` in award of rule `a`",
        "error: rule `b` lacks `on`",
        "error: `points`: `no` is not a whole number",
        "error: a rule must be a mapping, not `c`",
        "error: `threshold`: `five` is not a whole number",
    ]


def test_the_three_examples_read_naturally_and_pass() -> None:
    first = rule("on: transaction_completed\nfirst_only: true\naward: {points: 100}")
    above = rule("on: transaction_completed\nwhen: event.amount_minor > 10000\naward: {points: 100}")
    pause = rule("on: transaction_completed\nunless_rewarded_within: 30d\naward: {points: 100}")

    assert problems(first) == problems(above) == problems(pause) == []


def test_a_broken_file_is_not_held_against_those_that_name_what_is_in_it() -> None:
    when = rule('on: transaction_completed\nwhen: member.tier == "silver"\naward: {points: 5, unit: miles}')
    reward = {"rewards.yaml": "rewards:\n  - {id: mug, price: 5, unit: miles, tiers: [silver]}\n"}

    assert len(problems({"tiers.yaml": "tiers: [\n", **when, **reward})) == 1
    assert len(problems({"program.yaml": "units: [\n", **when, **reward})) == 1
    assert reasons({"tiers.yaml": TIERS.replace("threshold: 500}", "threshold: -1}"), **when, **reward}) == [
        "error: `threshold` must be at least 0, not -1"
    ]


def test_a_programme_can_do_without_tiers_and_rewards(tmp_path: Path) -> None:
    (tmp_path / "program.yaml").write_text(SETTINGS)
    (tmp_path / "rules.yaml").write_text(RULES.replace("    qualifies: true\n", ""))

    assert check(tmp_path) == []


def test_a_programme_without_rules_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "program.yaml").write_text(SETTINGS)

    assert [problem.reason for problem in check(tmp_path)] == ["there are no rules, so nothing earns points"]
    assert load_program(tmp_path).files == (("program.yaml", SETTINGS),)


def test_notes_and_hidden_files_may_lie_beside_a_programme(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    for name in ("README.md", ".draft.yaml", "rules/.gitkeep"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("anything: [")

    assert check(tmp_path) == []


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    unix, windows = tmp_path / "unix", tmp_path / "windows"
    write(unix, SOUND)
    windows.mkdir()
    for name, text in SOUND.items():
        (windows / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())

    assert load_program(windows).hash == load_program(unix).hash


def test_what_cannot_be_read_is_reported_not_raised(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    (tmp_path / "rules.yaml").write_bytes(b"rules:\n  - id: caf\xe9\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "inner").mkdir()

    found = [(problem.file, problem.line, problem.column, problem.reason) for problem in check(tmp_path)]
    assert ("rules.yaml", 2, 12, "not UTF-8 text") in found
    assert ("rules/inner", 1, 1, "this is not a file of a programme") in found
    assert [problem.reason for problem in check(tmp_path / "nowhere")] == ["there is no such directory"]
    assert [problem.reason for problem in check(tmp_path / "rules.yaml")] == ["there is no such directory"]


def test_loading_raises_every_problem(tmp_path: Path) -> None:
    write(tmp_path, {**SOUND, "tiers.yaml": TIERS.replace("bronze", "Bronze").replace("platinum", "silver")})

    with pytest.raises(ProgramRefused, match="`Bronze` is not a name") as raised:
        load_program(tmp_path)

    assert [problem.line for problem in raised.value.problems] == [2, 4]


def write(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("on: transaction_completed\naward: {}", "award of rule `it` lacks `points`"),
        ("on: transaction_completed\naward: {points: {}}", "points of rule `it` lacks `of`"),
        ("on: transaction_completed\naward: {points: 5}\nlimit: {}", "limit of rule `it` lacks `per_member`"),
        ("on: transaction_completed\naward: {points: 5}\nlimit: [{per_member: {}}]", "lacks `every`"),
        ("on: transaction_completed\naward: {points: 5}\nunless_rewarded_within: {}", "lacks `window`"),
    ],
)
def test_an_empty_mapping_lacks_what_it_must_have(text: str, lacks: str) -> None:
    assert any(lacks in problem for problem in problems(rule(text)))


def test_an_empty_item_of_a_list_lacks_what_it_must_have() -> None:
    assert "a rule lacks `id`" in "".join(problems({"rules/more.yaml": "rules: [{}]\n"}))
    assert "a reward lacks `id`" in "".join(problems({"rewards.yaml": "rewards: [{}]\n"}))
    assert "a tier lacks `id`" in "".join(problems({"tiers.yaml": TIERS + "  - {}\n"}))
