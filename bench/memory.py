"""How much memory a worker takes that owns a million members, beside one that owns none.

    python -m bench.memory           `accrue worker`, restored from a changelog of a million members; an event of each

Resident size is sampled all the time. Exits 1 if the worker did not decide every event, and 0 whether or not the
target is met.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from bench import report
from bench.changelog_load import LOG_BEGINNING, member_id, write_changelogs
from bench.contenders import WORKER, crew_of
from bench.load import SPAN_MS, START_MS, LogRecord, control
from bench.measure import Progress
from bench.world import SERVERS, World, world, write
from pipeline.core.events import Event
from pipeline.core.payloads import ProgramActivated, Tick, TransactionCompleted
from pipeline.demo.crew import Crew
from pipeline.devstack.stack import LocalStack
from pipeline.lane.kafka import new_admin
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topics import LOG

MB: Final = 1e6
EVENTS_PER_WRITE: Final = 100_000
PERIOD_S: Final = 0.1
IDLE_S: Final = 10.0
PATIENCE_S: Final = 900.0
TARGET_MB: Final = 500


class Measured(NamedTuple):
    """Resident sizes in MB: of the idle worker; highest while restoring, highest while deciding, and at the end."""

    members: int
    idle_mb: float
    restoring_mb: float
    restore_s: float
    deciding_mb: float
    deciding_s: float
    end_mb: float

    @property
    def above_idle_mb(self) -> float:
        return max(self.restoring_mb, self.deciding_mb, self.end_mb) - self.idle_mb


class NotDone(Exception):
    """The worker did not do what it was to do; the message says how far it came."""


def main() -> int:
    """Measure both workers and report; the exit code."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="accrue-memory-"))
    name = f"memory-{int(time.time())}"
    try:
        with LocalStack.up(directory / "stack", only=SERVERS, temporary=True) as stack:
            with world(stack, f"{name}-idle", directory, history=True) as fresh:
                _begin(fresh)
                idle_mb = _idle(directory, fresh)
            with world(stack, name, directory, history=True) as fresh:
                _begin(fresh)
                write_changelogs(fresh, options.members, fresh.topics.partitions(LOG))
                measured = _measure(directory, fresh, options.members, idle_mb)
    except NotDone as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps(measured._asdict(), indent=2) if options.json else text(measured))
    if options.write:
        report.write_figures(options.write, "memory", f"{report.machine()}.\n\n{text(measured)}")
    return 0


def _begin(fresh: World) -> None:
    """What every partition of the log begins with."""
    records: list[LogRecord] = []
    for timestamp_ms, record in control(fresh.bundle.hash):
        assert isinstance(record, Tick | ProgramActivated)
        value = fresh.encoder.tick(record) if isinstance(record, Tick) else fresh.encoder.program_activated(record)
        records += [LogRecord(p, None, value, timestamp_ms) for p in range(fresh.topics.partitions(LOG))]
    assert len(records) == LOG_BEGINNING * fresh.topics.partitions(LOG)
    write(fresh.settings, fresh.topics.name(LOG), records)


def _idle(directory: Path, fresh: World) -> float:
    """The resident size of a worker with open lanes that owns no member."""
    with crew_of(directory, fresh) as crew:
        crew.start(fresh.settings.app_id, (WORKER.module, *WORKER.arguments))
        process = psutil.Process(crew.pid(fresh.settings.app_id))
        _await_open(crew, fresh, process)
        return _highest(process, crew, IDLE_S)


def _measure(directory: Path, fresh: World, members: int, idle_mb: float) -> Measured:
    topic = fresh.topics.topic("reward-decisions")
    with crew_of(directory, fresh) as crew:
        started_s = time.monotonic()
        crew.start(fresh.settings.app_id, (WORKER.module, *WORKER.arguments))
        process = psutil.Process(crew.pid(fresh.settings.app_id))
        restoring_mb = _await_open(crew, fresh, process)
        opened_s = time.monotonic()
        for records in _events(fresh, members):
            write(fresh.settings, fresh.topics.name(LOG), records)
        progress = Progress(new_admin(fresh.settings), topic.full_name, topic.partitions)
        written_s = time.monotonic()
        deciding_mb = 0.0
        while progress() < members:
            deciding_mb = max(deciding_mb, _highest(process, crew, 1.0))
            if time.monotonic() - written_s > PATIENCE_S:
                raise NotDone(f"{progress()} of {members} events are decided after {PATIENCE_S:.0f} s")
        done_s = time.monotonic()
        _highest(process, crew, IDLE_S)
        end_mb = _resident_mb(process)
    return Measured(
        members, idle_mb, restoring_mb, opened_s - started_s, max(deciding_mb, end_mb), done_s - opened_s, end_mb
    )


def _await_open(crew: Crew, fresh: World, process: psutil.Process) -> float:
    """Until all lanes of the log are open; the highest resident size meanwhile."""
    log, full_name = crew.log(fresh.settings.app_id), fresh.topics.name(LOG)
    deadline_s = time.monotonic() + PATIENCE_S
    highest_mb = 0.0
    while True:
        highest_mb = max(highest_mb, _highest(process, crew, PERIOD_S))
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
        opened = [line for line in lines if line.get("event") == "lane opened" and line.get("topic") == full_name]
        if len(opened) >= fresh.topics.partitions(LOG):
            for line in opened:
                print(json.dumps(line), file=sys.stderr)
            return highest_mb
        if time.monotonic() > deadline_s:
            raise NotDone(f"{len(opened)} lanes are open after {PATIENCE_S:.0f} s")


def _highest(process: psutil.Process, crew: Crew, seconds: float) -> float:
    """The highest resident size in MB within `seconds`. Raises CrewError where the worker has ended."""
    highest_mb = 0.0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        crew.check()
        highest_mb = max(highest_mb, _resident_mb(process))
        time.sleep(PERIOD_S)
    return highest_mb


def _resident_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / MB


def _events(fresh: World, members: int) -> Iterator[Sequence[LogRecord]]:
    """A purchase of every member, in an order of its own, in parts."""
    numbers = list(range(members))
    random.Random(2).shuffle(numbers)
    partitions = fresh.topics.partitions(LOG)
    first_ms = START_MS + SPAN_MS + 1
    part: list[LogRecord] = []
    for count, number in enumerate(numbers):
        name, at_ms = member_id(number), first_ms + count // 100
        payload = TransactionCompleted(f"late-{number}", 4_000, "USD", "app", "", "US", [])
        event = Event(f"late-{number}", name, at_ms, "shop", "", {}, payload, at_ms)
        key = name.encode()
        part.append(LogRecord(partition_of(key, partitions), key, fresh.encoder.event(event), at_ms))
        if len(part) == EVENTS_PER_WRITE:
            yield part
            part = []
    if part:
        yield part


def text(measured: Measured) -> str:
    """For a terminal, and for the documentation as it stands."""
    m = measured
    met = "met" if m.above_idle_mb <= TARGET_MB else "not met"
    return "\n".join(
        [
            f"| resident size of the worker, {m.members:,} members in one worker | MB |",
            "|---|---|",
            f"| idle, without members | {m.idle_mb:.0f} |",
            f"| highest while restoring ({m.restore_s:.0f} s from the process's start to the last open lane) "
            f"| {m.restoring_mb:.0f} |",
            f"| highest while deciding an event of each member ({m.deciding_s:.0f} s, writing them included) "
            f"| {m.deciding_mb:.0f} |",
            f"| at the end | {m.end_mb:.0f} |",
            "",
            f"Above the idle worker at the highest: {m.above_idle_mb:.0f} MB; target {TARGET_MB}: {met}.",
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000, help="members in the changelogs (1000000)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the figures into a document, docs/restore.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
