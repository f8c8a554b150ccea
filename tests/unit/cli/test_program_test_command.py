"""`accrue program test`: examples beside the rules, run purely; `check` judges them too, the hash ignores them."""

import json
import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.program import load_program

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["program", *arguments])


def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_examples_that_hold_are_counted() -> None:
    result = run("test", str(SHOP))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith(" examples, 0 failed\n")


def test_an_example_that_fails_shows_expected_beside_given(tmp_path: Path) -> None:
    shop = copy(tmp_path)
    change(shop / "rules" / "purchases.yaml", "rate: 0.5", "rate: 0.25")

    result = run("test", str(shop))

    assert result.exit_code == 1
    assert (
        """\
examples/purchases.yaml:24: failed: a big basket earns half a point more for every 1.00
                       expected  given
    awards.big-basket  25        12
"""
        in result.stdout
    )


def test_json_tells_the_same_to_machines(tmp_path: Path) -> None:
    shop = copy(tmp_path)
    change(shop / "rules" / "purchases.yaml", "award: {points: 10, pending: 14d}", "award: {points: 9, pending: 14d}")
    (shop / "examples" / "engagement.yaml").unlink()

    result = run("test", "--json", str(shop))

    facts = json.loads(result.stdout)
    failed = [each for each in facts["examples"] if not each["passed"]]
    assert result.exit_code == 1
    assert facts["failed"] == len(failed) > 0
    assert facts["passed"] + facts["failed"] == len(facts["examples"])
    assert {"what": "awards.comeback", "expected": "10", "given": "9"} in failed[0]["differences"]
    assert (failed[0]["file"], failed[0]["line"]) == ("examples/purchases.yaml", 29)
    assert "welcome" in facts["rules_without_example"]
    assert "purchase" not in facts["rules_without_example"]


def test_examples_are_no_part_of_the_hash(tmp_path: Path) -> None:
    shop = copy(tmp_path)
    shutil.rmtree(shop / "examples")

    assert load_program(shop) == load_program(SHOP)


def test_check_finds_mistakes_in_examples(tmp_path: Path) -> None:
    shop = copy(tmp_path)
    change(shop / "examples" / "purchases.yaml", "awards: {purchase: 11}", "awards: {purchases: 11}")

    checked, tested = run("check", str(shop)), run("test", str(shop))

    assert (checked.exit_code, checked.stdout) == (1, "")
    assert "error: there is no rule `purchases`" in checked.stderr
    assert "did you mean `purchase`?" in checked.stderr
    assert tested.exit_code == 1
    assert "the examples were not run: mend them first" in tested.stderr
    assert json.loads(run("check", "--json", str(shop)).stdout)["sound"] is False


def test_a_programme_with_mistakes_or_without_examples_is_not_tested(tmp_path: Path) -> None:
    shop = copy(tmp_path)
    shutil.rmtree(shop / "examples")
    bare = run("test", str(shop))
    change(shop / "tiers.yaml", "threshold: 250", "threshold: 100")
    broken = run("test", str(shop))

    assert (bare.exit_code, broken.exit_code) == (1, 1)
    assert "has no examples: write" in bare.stderr
    assert "was not tested: mend it first" in broken.stderr
    assert run("test", str(tmp_path / "nowhere")).exit_code == 2
