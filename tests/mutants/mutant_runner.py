"""`python -m tests.mutants`: puts plausible mistakes, one at a time, into a copy of the tree and runs the tests on it.

Each patch begins with three lines: `mistake:` in words, `breaks:` the invariants of docs/simulation.md (or the rule)
that it breaks, `tests:` what to run. A mutant is caught if a test fails; one that survives means that the tests lack
something. In the copy nothing is compiled, and before the tests run it is proved that the copy is what is imported.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compiled import copy_sources, environment

HERE: Final = Path(__file__).resolve().parent
HEADER: Final = ("mistake", "breaks", "tests")
SECONDS_PER_TEST: Final = 120
NOT_THE_COPY: Final = 97

RUN: Final = f"""
import pathlib, sys
import agents.app, pipeline.core.engine, pipeline.lane.lane, pipeline.wire.codec
for module in (agents.app, pipeline.core.engine, pipeline.lane.lane, pipeline.wire.codec):
    file = pathlib.Path(module.__file__)
    if not file.is_relative_to(sys.argv[1]) or file.suffix != ".py":
        print(f"{{file}} is imported, which is not the copy in {{sys.argv[1]}}", file=sys.stderr)
        sys.exit({NOT_THE_COPY})
import pytest
sys.exit(pytest.main(sys.argv[2:]))
"""


class MutantError(Exception):
    """A mutant could not be tried: the message says which and why."""


@dataclass(frozen=True)
class Mutant:
    """One mistake. `tests` are arguments for pytest."""

    name: str
    path: Path
    mistake: str
    breaks: str
    tests: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Mutant:
        """Raises MutantError for a patch without its three lines."""
        fields: dict[str, str] = {}
        for line, name in zip(path.read_text().splitlines(), HEADER, strict=False):
            label, _, text = line.partition(": ")
            if label != name or not text.strip():
                raise MutantError(f"{path.name} needs a line `{name}: ...` in place of {line!r}")
            fields[name] = text.strip()
        if fields.keys() != set(HEADER):
            raise MutantError(f"{path.name} needs the lines {', '.join(HEADER)} at its beginning")
        return cls(path.stem, path, fields["mistake"], fields["breaks"], tuple(fields["tests"].split()))


@dataclass(frozen=True)
class Verdict:
    """What became of a run: `failed` is the test that did fail, empty if all passed; `invariants` those it named."""

    failed: str
    invariants: tuple[str, ...]
    seconds: float


def mutants(names: Sequence[str] = ()) -> list[Mutant]:
    """The mutants of these names, or all. Raises MutantError."""
    known = {path.stem: path for path in sorted(HERE.glob("*.patch"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise MutantError(f"there is no mutant {unknown[0]!r}; there are {', '.join(known)}")
    return [Mutant.read(known[name]) for name in (names or known)]


class Copy:
    """A copy of the tree in which mistakes are made."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        copy_sources(tree)

    def apply(self, mutant: Mutant, *, back: bool = False) -> None:
        """Make the mistake, or mend it again. Raises MutantError if the patch does not fit the tree."""
        command = ["git", "apply", *(["--reverse"] if back else []), str(mutant.path)]
        done = subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MutantError(f"{mutant.path.name} does not apply: make it anew ({done.stderr.strip()})")

    def run(self, tests: Sequence[str]) -> Verdict:
        """Run tests until one fails. Raises MutantError if they do not run at all."""
        options = ["-x", "-q", "-rf", "--tb=short", "-p", "no:cacheprovider", f"--timeout={SECONDS_PER_TEST}"]
        command = [sys.executable, "-c", RUN, str(self.tree), *options, *tests]
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=self.tree, env=environment(self.tree), capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - started
        said = done.stdout + done.stderr
        if done.returncode == 0:
            return Verdict("", (), seconds)
        failed = re.search(r"^FAILED (\S+)", said, re.MULTILINE)
        if done.returncode != 1 or failed is None:
            raise MutantError(f"{' '.join(tests)} did not run (exit code {done.returncode}):\n{said[-3000:]}")
        named = re.findall(r"\b([IP][1-9]): ", "\n".join(line for line in said.splitlines() if line.startswith("E ")))
        return Verdict(failed.group(1), tuple(sorted(set(named))), seconds)

    def try_one(self, mutant: Mutant) -> Verdict:
        """Run the mutant's tests on its mistake. Raises MutantError."""
        self.apply(mutant)
        try:
            return self.run(mutant.tests)
        finally:
            self.apply(mutant, back=True)


def row(mutant: Mutant, verdict: Verdict) -> str:
    """One line of the table: what the failing test named is the invariant; else what the mutant says it breaks."""
    by = f"`{verdict.failed.rpartition('/')[2]}`" if verdict.failed else "**nothing**"
    invariant = ", ".join(verdict.invariants) or f"({mutant.breaks})"
    return f"| {mutant.name} | {mutant.mistake} | {by} | {invariant} | {verdict.seconds:.0f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if all are caught, 1 if one survives, 2 if one could not be tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which mutants (default: all)")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests without a mistake first")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="accrue-mutants-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run under an account of its own
        try:
            return judge(Copy(Path(folder)), mutants(options.names), baseline=not options.no_baseline)
        except MutantError as error:
            print(error, file=sys.stderr)
            return 2


def judge(copy: Copy, chosen: Sequence[Mutant], *, baseline: bool) -> int:
    """Try each mutant and print the table. Raises MutantError."""
    if baseline:
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        verdict = copy.run(tests)
        if verdict.failed:
            raise MutantError(f"{verdict.failed} fails without any mistake: mend that first")
        print(f"Without a mistake all tests pass ({verdict.seconds:.0f} s).\n", flush=True)
    print("| mutant | mistake | caught by | invariant | s |\n|---|---|---|---|---|", flush=True)
    survivors = 0
    for mutant in chosen:
        verdict = copy.try_one(mutant)
        survivors += not verdict.failed
        print(row(mutant, verdict), flush=True)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} mutants are caught.")
    return 1 if survivors else 0
