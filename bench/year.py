"""Prints how fast `accrue simulate` decides a year of a shop's 100,000 members: one command, one file, no server.

python -m bench.year --members 100000 --events-each 12
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import load
from bench.world import ROOT, SHOP
from pipeline.core.events import Event
from pipeline.wire.json_events import event_to_json

YEAR_MS: Final = 365 * 86_400_000
UNTIL: Final = "2027-04-01T00:00:00Z"
"""A month after the year's last event: what was pending is available by then."""


def main() -> int:
    """Write the file, simulate it, tell of it; the exit code is that of the simulation."""
    parser = argparse.ArgumentParser(prog="python -m bench.year", description=__doc__)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--events-each", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="accrue-year-") as folder:
        path = Path(folder) / "year.jsonl"
        count = write(path, options.members, options.members * options.events_each)
        size_mb = path.stat().st_size / 1e6
        print(f"{count:,} events of {options.members:,} members in a year, {size_mb:,.0f} MB of JSON lines", flush=True)
        command = [sys.executable, "-m", "pipeline.cli.main", "simulate", "--program", str(SHOP), "--events", str(path)]
        began_s = time.perf_counter()
        done = subprocess.run(
            [*command, "--until", UNTIL], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    seconds = time.perf_counter() - began_s
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return done.returncode
    print(done.stdout.splitlines()[0])
    print(
        f"{count / seconds:,.0f} events a second: {seconds:,.0f} s, {used.ru_utime + used.ru_stime:,.0f} s of CPU, "
        f"{used.ru_maxrss / 1e6:,.1f} GB at most ({'compiled' if compiled() else 'interpreted'} core)"
    )
    return 0


def write(path: Path, members: int, events: int) -> int:
    """Write the events as JSON lines; returns how many."""
    with path.open("w", encoding="utf-8") as file:
        for event in year(members, events):
            file.write(json.dumps(event_to_json(event), ensure_ascii=False, separators=(",", ":")) + "\n")
    return events


def year(members: int, events: int) -> Iterator[Event]:
    """The load of the benchmarks, spread over a year."""
    for event in load.events(load.Size(events, members)):
        yield Event(
            event.event_id,
            event.member_id,
            in_year(event.occurred_at_ms),
            event.source,
            event.traceparent,
            event.attributes,
            event.payload,
            in_year(event.recorded_at_ms),
        )


def in_year(at_ms: int) -> int:
    """A time of the load, moved to where it lies in the year."""
    return load.START_MS + (at_ms - load.START_MS) * YEAR_MS // load.SPAN_MS


def compiled() -> bool:
    """Whether the core runs as machine code."""
    from pipeline.core import engine  # noqa: PLC0415 - only its file is looked at

    return not engine.__file__.endswith(".py")


if __name__ == "__main__":
    sys.exit(main())
