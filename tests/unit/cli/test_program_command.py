"""`accrue program check`: problems on stderr, facts on stdout, the exit code for scripts."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.cli.main import cli

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["program", *arguments])


def broken(tmp_path: Path) -> Path:
    for path in SHOP.rglob("*.yaml"):
        copy = tmp_path / path.relative_to(SHOP)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text().replace("threshold: 250", "threshold: 100").replace("rate: 0.5", "rat: 0.5"))
    return tmp_path


def test_a_sound_programme_is_summed_up() -> None:
    result = run("check", str(SHOP))

    assert result.exit_code == 0
    assert result.stdout.startswith("programme shop ")
    assert result.stdout.endswith(": 15 rules (1 shadow), 4 tiers, 5 rewards\n")
    assert result.stderr == ""


def test_mistakes_go_to_stderr_and_refuse(tmp_path: Path) -> None:
    result = run("check", str(broken(tmp_path)))

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "rules/purchases.yaml:25:50: error: unknown key `rat` in points of rule `big-basket`" in result.stderr
    assert "tiers.yaml:13:16: error: tier `gold` can never be reached" in result.stderr
    assert result.stderr.endswith("2 errors, 0 warnings\n")


def test_json_tells_the_same_to_machines(tmp_path: Path) -> None:
    sound, refused = run("check", "--json", str(SHOP)), run("check", "--json", str(broken(tmp_path)))

    assert (sound.exit_code, refused.exit_code) == (0, 1)
    facts = json.loads(sound.stdout)
    assert (facts["sound"], len(facts["hash"]), facts["problems"]) == (True, 64, [])
    facts = json.loads(refused.stdout)
    assert (facts["sound"], facts["hash"]) == (False, None)
    assert facts["problems"][1] == {
        "file": "tiers.yaml",
        "line": 13,
        "column": 16,
        "severity": "error",
        "reason": "tier `gold` can never be reached: its threshold 100 is equal to that of `silver`, 100",
        "suggestion": "list tiers with thresholds going up",
        "source_line": "    threshold: 100",
    }


def test_misuse_is_told_apart_from_refusal(tmp_path: Path) -> None:
    assert run("check", str(tmp_path / "nowhere")).exit_code == 2
    assert run("publish", str(SHOP), "--effective-at", "tomorrow").exit_code == 2


def test_a_broken_programme_is_not_published(tmp_path: Path) -> None:
    result = run("publish", str(broken(tmp_path)))

    assert result.exit_code == 1
    assert "2 errors, 0 warnings" in result.stderr
    assert "was not published: mend it first" in result.stderr
