"""The example of cohort signals in docs/fraud.md, as it stands there: what a file of events with baselines comes to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from pipeline.cli.main import cli

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fraud.md"
PROGRAM = "program: docs\nzone: UTC\nenrolment: required\ncurrencies: [USD]\nunits:\n  points: {expires: never}\n"
RULES = """\
rules:
  - {id: purchase, on: transaction_completed, award: {points: {per: 100, of: event.amount_minor}}}
"""


def simulated(tmp_path: Path, events: str) -> dict[str, Any]:
    fraud, _, _ = example()
    folder = tmp_path / "program"
    folder.mkdir(exist_ok=True)
    for name, text in (("program.yaml", PROGRAM), ("rules.yaml", RULES), ("fraud.yaml", fraud)):
        (folder / name).write_text(text)
    (tmp_path / "events.jsonl").write_text(events)
    options = ["--program", str(folder), "--events", str(tmp_path / "events.jsonl"), "--json"]
    done = CliRunner().invoke(cli, ["simulate", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.output)
    return result


def example() -> tuple[str, str, dict[str, Any]]:
    """(fraud.yaml, events, the alert that is shown)."""
    section = PAGE.read_text("utf-8").split("## Against a cohort\n")[1].split("\n## ")[0]
    (fraud,) = re.findall(r"```yaml\n(.*?)```", section, re.S)
    events, alert = re.findall(r"```json\n(.*?)```", section, re.S)
    return fraud, events, json.loads(alert)


def test_the_example_is_what_the_simulation_says(tmp_path: Path) -> None:
    _, events, shown = example()
    (alert,) = simulated(tmp_path, events)["alerts"]

    evidence = shown.pop("evidence")
    del evidence["..."]
    assert {name: alert[name] for name in shown} == shown
    assert {name: alert["evidence"][name] for name in evidence} == evidence


def test_baselines_of_a_file_need_their_lead_like_those_of_the_log(tmp_path: Path) -> None:
    _, events, _ = example()
    late = events.replace("2026-03-01T08:00:00Z", "2026-03-01T08:55:00.001Z")
    assert late != events

    assert simulated(tmp_path, late)["alerts"] == []
