"""docs/programs.md tells of every key of an example, and its own example is sound and holds."""

import re
from pathlib import Path

from pipeline.examples import read, read_events, read_examples, run_example
from pipeline.program import compile_bundle, load_program

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "programs.md").read_text("utf-8")
CODE = set(re.findall(r"`([^`\n]+)`", TEXT))
PROGRAMME = {
    "program.yaml": "program: p\nzone: UTC\nenrolment: required\ncurrencies: [USD]\nunits: {points: {expires: 1y}}\n",
    "tiers.yaml": "tiers: [{id: bronze, threshold: 0}, {id: gold, threshold: 5}]\n",
    "rules.yaml": "rules:\n  - {id: base, on: transaction_completed, award: {points: 1}, qualifies: true}\n",
}


def test_every_key_is_told_of() -> None:
    keys = {"history", *(f"examples.*.{key}" for key in ("name", "event", "until", "expect")), "events"}
    keys |= {f"expect.{key}" for key in read.EXPECT_KEYS} | set(read_events.KEYS) | set(read.ACCOUNTS)

    assert keys - CODE == set()


def test_the_documented_example_holds(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n# (examples\.yaml)\n(.*?)```", TEXT, re.DOTALL)
    for name, text in (*PROGRAMME.items(), example):
        (tmp_path / name).write_text(text)
    program = compile_bundle(load_program(tmp_path))

    examples, problems = read_examples(tmp_path, program)

    assert problems == []
    assert [run_example(program, example).differences for example in examples] == [()]
