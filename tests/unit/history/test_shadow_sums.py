"""The sums of a shadow rule are what the same rule gives when it is live, limits and pauses included."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli.main import cli
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.core.records import Reward, RewardDecision
from pipeline.history.shadow import ShadowSum, ShadowSums

SETTINGS = """\
program: corner-shop
zone: UTC
enrolment: automatic
currencies: [EUR]
units:
  points: {expires: never}
"""
HOUR_MS = 3_600_000
START_MS = 1_772_355_600_000


def programme(folder: Path, rule: str, mode: str) -> Path:
    folder.mkdir()
    (folder / "program.yaml").write_text(SETTINGS)
    lines = "".join(f"    {line}\n" for line in rule.split("\n"))
    (folder / "rules.yaml").write_text(f"rules:\n  - id: it\n    on: transaction_completed\n    mode: {mode}\n{lines}")
    return folder


def purchases(path: Path, count: int) -> Path:
    """So many purchases by three members, one every seven hours, of 1.00 to 13.00."""
    events = [
        {
            "event_id": f"e-{number}",
            "type": "transaction_completed",
            "member_id": f"m-{number % 3}",
            "occurred_at": START_MS + number * 7 * HOUR_MS,
            "source": "till",
            "data": {"order_id": f"o-{number}", "amount_minor": 100 * (1 + number % 13), "currency": "EUR"},
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def simulated(program: Path, events: Path) -> dict[str, Any]:
    ended = CliRunner().invoke(cli, ["simulate", "--program", str(program), "--events", str(events), "--json"])
    assert ended.exit_code == 0, ended.output
    content: dict[str, Any] = json.loads(ended.stdout)
    return content


@pytest.mark.parametrize(
    "rule",
    [
        "award: {points: 5}",
        "award: {points: {per: 100, of: event.amount_minor}}\nlimit: {per_member: {points: 20, every: week}}",
        "award: {points: 5}\nlimit:\n  - per_member: {count: 1, every: day}\n  - per_member: {count: 9, every: month}",
        "award: {points: 5}\nunless_rewarded_within: 36h",
        "award: {points: 5}\nunless_rewarded_within: {window: 36h, by: any}",
        "award: {points: 5}\nfirst_only: true",
        "award: {points: 5}\nlimit: {per_member: {points: 12, every: {rolling: 5d}}}",
        "award: {points: 5}\nstreak: {every: day, length: 3}",
        "award: {points: 5}\nstreak: {every: week, length: 2, award_at: once}\nduring: {weekdays: [mon, tue, wed]}",
        "award: {points: 5}\nachievement: {count: 4}",
        "award: {points: 5}\nachievement: {count: 4}\nlimit: {per_member: {count: 1, every: year}}",
    ],
    ids=lambda rule: rule.split("\n")[-1],
)
def test_a_shadow_rule_sums_up_to_what_it_gives_when_live(tmp_path: Path, rule: str) -> None:
    events = purchases(tmp_path / "events.jsonl", 120)

    live = simulated(programme(tmp_path / "live", rule, "live"), events)
    shadow = simulated(programme(tmp_path / "shadow", rule, "shadow"), events)

    assert live["shadow"] == []
    assert shadow["entries"] == []
    (row,) = shadow["shadow"]
    assert row["points"] == sum(entry["amount"] for entry in live["entries"]) > 0
    assert row["awards"] == len(live["entries"])
    assert row["members"] == len({entry["member_id"] for entry in live["entries"]}) == 3
    assert (row["rule_id"], row["unit"], row["events"]) == ("it", "points", 120)
    assert row["limited"] >= row["events"] - row["awards"]


def test_people_are_told_too(tmp_path: Path) -> None:
    events = purchases(tmp_path / "events.jsonl", 12)
    program = programme(tmp_path / "shadow", "award: {points: 5}", "shadow")

    ended = CliRunner().invoke(cli, ["simulate", "--program", str(program), "--events", str(events)])

    assert (
        "Shadow rules would have given\nrule_id\tunit\tevents\tawards\tlimited\tmembers\twanted\tpoints" in ended.stdout
    )
    assert "it\tpoints\t12\t12\t0\t3\t60\t60" in ended.stdout


class NoPrograms:
    def program(self, program_hash: str) -> Program:
        raise UnknownProgram(program_hash)


def test_decisions_under_a_programme_that_is_not_to_be_had_count_as_they_are_recorded() -> None:
    sums = ShadowSums(NoPrograms())
    for number, mode in enumerate(("shadow", "shadow", "live")):
        reward = Reward("it", "points", "points", 3, 5, "limit:points/day", mode)
        sums.add(
            RewardDecision(
                f"e-{number}", "m", "till", "transaction_completed", "applied", "", [reward], [], "a" * 64, 1, 1, ""
            )
        )

    assert sums.rows() == [ShadowSum("it", "points", 2, 2, 2, 1, 10, 6)]
