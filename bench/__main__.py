"""`make bench`: CPU time per event and drain rate of `accrue worker`, beside the bare loop and plain Faust.

Exits 1 if a run's outputs differ from what the core decides of the same log, and 0 whether or not targets are met.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import report
from bench.contenders import BARE, FAUST, WORKER, Contender, Course, Run
from bench.load import Size
from bench.oracle import expected
from bench.world import SERVERS, SHOP
from pipeline.devstack.stack import LocalStack
from pipeline.program import load_program


def main() -> int:
    """Run the course and report; the exit code."""
    options = _options()
    size = Size(options.events, options.members)
    # Plain Faust needs a hundred times longer: fewer events, with as many for each member.
    small = Size(options.faust_events, max(1, options.members * options.faust_events // options.events))
    directory = Path(tempfile.mkdtemp(prefix="accrue-bench-"))
    runs: list[Run] = []
    try:
        bundle = load_program(SHOP)
        outcomes = {wanted: expected(wanted, bundle) for wanted in (size, small)}
        with LocalStack.up(directory / "stack", only=SERVERS, temporary=True) as stack:
            course = Course(stack, directory, f"bench-{int(time.time())}")
            for contender in _order(options.runs, options.faust_runs, options.only):
                wanted = small if contender is FAUST else size
                runs.append(course.run(contender, wanted, outcomes[wanted]))
                print(report.text(runs).splitlines()[1 + len(runs)], file=sys.stderr, flush=True)
    finally:
        if options.keep:
            print(f"logs are in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps(report.as_json(runs), indent=2) if options.json else report.text(runs))
    if options.write:
        report.write_figures(options.write, "drain", f"{report.machine()}.\n\n{report.text(runs)}")
    return 1 if any(run.void for run in runs) else 0


def _order(runs: int, faust_runs: int, only: list[str]) -> Iterator[Contender]:
    """Pairs of worker and bare loop, either first in turn; plain Faust after the first pairs."""
    for number in range(max(runs, faust_runs)):
        pair = (WORKER, BARE) if number % 2 == 0 else (BARE, WORKER)
        round_of = (*(pair if number < runs else ()), *((FAUST,) if number < faust_runs else ()))
        yield from (contender for contender in round_of if not only or contender.name in only)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="pairs of worker and bare loop (7)")
    parser.add_argument("--faust-runs", type=int, default=3, help="runs of plain Faust (3)")
    parser.add_argument("--events", type=int, default=200_000, help="records on the log, repeats included (200000)")
    parser.add_argument("--members", type=int, default=20_000, help="members they belong to (20000)")
    parser.add_argument("--faust-events", type=int, default=20_000, help="records for plain Faust (20000)")
    parser.add_argument("--only", action="append", choices=[c.name for c in (WORKER, BARE, FAUST)], default=[])
    parser.add_argument("--keep", action="store_true", help="keep the contenders' stores and logs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the figures into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
