"""Every mutant fits the tree and says what it breaks, and a few are tried; `make mutants` tries them all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import ROOT
from mutant_runner import HERE, Copy, Mutant, MutantError, main, mutants, row

TRIED = ("dead-letter-dropped", "no-chain-check", "store-before-commit")

HEADER = """mistake: None.
breaks: nothing
tests: tests/unit/lane/test_commit.py
---
"""
A_NEW_FILE = """--- /dev/null
+++ b/unread
@@ -0,0 +1 @@
+nothing
"""
OF_ANOTHER_TREE = """--- a/unread
+++ b/unread
@@ -1 +1 @@
-nothing
+something
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    yield Copy(tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize("path", sorted(HERE.glob("*.patch")), ids=lambda path: path.stem)
def test_a_mutant_fits_the_tree_and_names_tests_that_exist(path: Path) -> None:
    mutant = Mutant.read(path)

    done = subprocess.run(["git", "apply", "--check", str(path)], cwd=ROOT, capture_output=True, text=True, check=False)

    assert not done.returncode, f"{path.name} does not apply any more: make it anew\n{done.stderr}"
    assert all((ROOT / test).is_file() for test in mutant.tests), mutant.tests


def test_there_are_plausible_mistakes_enough() -> None:
    assert len(mutants()) >= 20


@pytest.mark.parametrize("name", TRIED)
def test_a_mutant_is_caught_by_an_invariant(tree: Copy, name: str) -> None:
    (mutant,) = mutants([name])

    verdict = tree.try_one(mutant)

    assert verdict.failed, f"{name} survives"
    assert set(verdict.invariants) & set(mutant.breaks.split(", ")), verdict
    assert f"| {name} | {mutant.mistake} | `{Path(verdict.failed).name}` | " in row(mutant, verdict)


def test_what_changes_nothing_survives(tree: Copy, tmp_path: Path) -> None:
    """Else a runner that fails for a reason of its own would count as a catch."""
    patch = tmp_path / "harmless.patch"
    patch.write_text(HEADER + A_NEW_FILE)

    assert tree.try_one(Mutant.read(patch)).failed == ""


def test_a_patch_that_does_not_fit_is_an_error(tree: Copy, tmp_path: Path) -> None:
    patch = tmp_path / "other.patch"
    patch.write_text(HEADER + OF_ANOTHER_TREE)

    with pytest.raises(MutantError, match=r"other\.patch does not apply"):
        tree.try_one(Mutant.read(patch))


def test_tests_that_do_not_run_catch_nothing(tree: Copy) -> None:
    with pytest.raises(MutantError, match="did not run"):
        tree.run(["tests/unit/no_such_test.py"])


@pytest.mark.parametrize("text", ["", "mistake: one\nbreaks: I1\n", "mistake: one\ntests: a\nbreaks: I1\n"])
def test_a_patch_without_its_three_lines_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bare.patch"
    path.write_text(text)

    with pytest.raises(MutantError, match="needs"):
        Mutant.read(path)


def test_an_unknown_name_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-mutant"]) == 2
    assert "there is no mutant 'no-such-mutant'" in capsys.readouterr().err
