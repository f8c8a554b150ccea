"""`accrue program diff` of directories, and which published programme an argument names."""

import json
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.cli.program_sources import named_hash

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["program", *arguments])


def changed(tmp_path: Path, old: str, new: str) -> Path:
    copy = Path(shutil.copytree(SHOP, tmp_path / "shop"))
    tiers = copy / "tiers.yaml"
    assert old in tiers.read_text()
    tiers.write_text(tiers.read_text().replace(old, new))
    return copy


def test_changes_are_said_one_a_line(tmp_path: Path) -> None:
    result = run("diff", str(SHOP), str(changed(tmp_path, "threshold: 250", "threshold: 300")))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "tier `gold`: the threshold changes from 250 to 300\n"


def test_a_text_that_differs_without_another_meaning_is_told_from_the_same_text(tmp_path: Path) -> None:
    other = changed(tmp_path, "unit: points", "unit:    points")

    assert run("diff", str(SHOP), str(other)).stdout == "nothing changes: the text differs, the meaning does not\n"
    assert run("diff", str(SHOP), str(SHOP)).stdout == "nothing changes: the same programme\n"


def test_json_tells_the_same_to_machines(tmp_path: Path) -> None:
    other = changed(tmp_path, "threshold: 250", "threshold: 300")

    facts = json.loads(run("diff", "--json", str(SHOP), str(other)).stdout)

    assert (facts["same_hash"], facts["same_meaning"]) == (False, False)
    assert facts["changes"] == [
        {
            "kind": "changed",
            "what": "tier",
            "name": "gold",
            "key": "threshold",
            "before": "250",
            "after": "300",
            "text": "tier `gold`: the threshold changes from 250 to 300",
        }
    ]
    assert facts["before"]["hash"] != facts["after"]["hash"]


def test_a_programme_with_mistakes_is_not_compared(tmp_path: Path) -> None:
    result = run("diff", str(SHOP), str(changed(tmp_path, "threshold: 250", "threshold: 100")))

    assert result.exit_code == 1
    assert "tier `gold` can never be reached" in result.stderr
    assert "has mistakes: mend it first" in result.stderr


def test_a_name_that_can_be_neither_is_misuse() -> None:
    result = run("diff", str(SHOP), "nowhere")

    assert result.exit_code == 2
    assert "neither a directory nor a published programme" in result.stderr
    assert run("rollback", "shop", "--reason", "x").exit_code == 2
    assert run("rollback", "previous").exit_code == 2, "a rollback says why"


A, B, C = "a" * 64, "b" * 64, "c" * 64
LINE = [(10, A), (20, B), (30, B), (40, C)]


@pytest.mark.parametrize(
    ("name", "now_ms", "found"),
    [("current", 15, A), ("current", 35, B), ("previous", 35, A), ("previous", 99, B), ("cccccc", 0, C), (A, 0, A)],
)
def test_a_published_programme_is_named_by_its_place_or_the_beginning_of_its_hash(
    name: str, now_ms: int, found: str
) -> None:
    assert named_hash(name, LINE, [A, B, C], now_ms) == found


@pytest.mark.parametrize(
    ("name", "now_ms", "said"),
    [
        ("current", 5, "no programme is in force yet"),
        ("previous", 15, "no programme was in force before the current one"),
        ("dddddd", 50, "no published programme begins with dddddd"),
    ],
)
def test_a_programme_that_is_not_there_is_refused(name: str, now_ms: int, said: str) -> None:
    with pytest.raises(click.ClickException, match=said):
        named_hash(name, LINE, [A, B, C], now_ms)


def test_a_beginning_that_two_hashes_share_is_refused() -> None:
    with pytest.raises(click.ClickException, match="several published programmes begin with aaaaaa"):
        named_hash("aaaaaa", LINE, [A, "a" * 63 + "b"], 50)
