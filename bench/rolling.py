"""Workers restarted one after the other under load: the longest pause between two commits of each partition.

    python -m bench.rolling          three workers, eight partitions, 800 purchases a second

Each worker gets SIGTERM, ends, is started again, and the next one follows once all lanes run. Afterwards everything is
drained and compared with what the core decides of the same log. Exits 1 if that differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from bench import report
from bench.contenders import WORKER, crew_of
from bench.load import LogRecord
from bench.open_loop import enrolments, purchases
from bench.oracle import Outcome, actual, of_log
from bench.pauses import Commit, commits, longest_pause
from bench.world import SERVERS, World, world, write
from pipeline.core.payloads import ProgramActivated
from pipeline.demo.crew import Crew
from pipeline.devstack.stack import LocalStack
from pipeline.lane.kafka import new_producer
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.worker_records import running_workers
from pipeline.wire.topics import LOG

MEMBERS: Final = 2_000
STEADY_S: Final = 10.0
"""Before the first restart, to compare with."""
BETWEEN_S: Final = 3.0
PATIENCE_S: Final = 180.0
PAUSE_S: Final = 0.02


class Restart(NamedTuple):
    """One worker: SIGTERM, its end, and all lanes running again with it; wall clock in ms."""

    worker: str
    asked_ms: int
    ended_ms: int
    settled_ms: int


class Row(NamedTuple):
    """A partition: commits in all, the longest pause before any restart and during them, and after which SIGTERM."""

    partition: int
    commits: int
    steady_ms: int
    longest_ms: int
    after: str


class Rolling(NamedTuple):
    """The whole run; `differences` from the core's own decisions, empty if there are none."""

    workers: int
    rate: float
    events: int
    restarts: list[Restart]
    rows: list[Row]
    differences: list[str]


class Load(threading.Thread):
    """Sends purchases at `rate` a second until it is stopped."""

    def __init__(self, fresh: World, rate: float) -> None:
        super().__init__(name="load", daemon=True)
        self._fresh = fresh
        self._rate = rate
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self.flowing = threading.Event()
        self.sent = 0

    def run(self) -> None:
        log, partitions = self._fresh.topics.name(LOG), self._fresh.topics.partitions(LOG)
        try:
            producer = new_producer(self._fresh.settings)
            producer.list_topics(log, timeout=PATIENCE_S)
            started = time.monotonic()
            while not self._ending.wait(PAUSE_S):
                due = int((time.monotonic() - started) * self._rate) - self.sent
                prefix = f"roll-{self.sent}-"
                for record in purchases(prefix, due, MEMBERS, partitions, self._fresh.encoder):
                    producer.produce(log, record.value, record.key, record.partition)
                producer.poll(0)
                self.sent += due
                self.flowing.set()
            if producer.flush(PATIENCE_S):
                raise TimeoutError(f"{len(producer)} purchases were not delivered within {PATIENCE_S:.0f} s")
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits for the load
            self._failure = error

    def finish(self) -> int:
        """Stop; how many were sent. Raises what ended it before."""
        self._ending.set()
        self.join(PATIENCE_S)
        if self._failure is not None:
            raise self._failure
        return self.sent


def main() -> int:
    """Measure and report; the exit code."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="accrue-bench-"))
    try:
        with LocalStack.up(directory / "stack", only=SERVERS, temporary=True) as stack:
            name = f"rolling-{int(time.time())}"
            with world(stack, name, directory, history=False, partitions=options.partitions) as fresh:
                found = measure(fresh, directory, options.workers, options.rate)
    finally:
        if options.keep:
            print(f"logs are in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps({"machine": report.machine(), **found._asdict()}, indent=2) if options.json else text(found))
    if options.write:
        report.write_figures(options.write, "rolling restart", f"{report.machine()}.\n\n{text(found)}")
    return 1 if found.differences else 0


def measure(fresh: World, directory: Path, workers: int, rate: float) -> Rolling:
    """Start the workers and the load, restart each, drain, read what the markers say."""
    log, partitions = fresh.topics.name(LOG), fresh.topics.partitions(LOG)
    hour_ago_ms = _now_ms() - 3_600_000
    activation = fresh.encoder.program_activated(ProgramActivated(fresh.bundle.hash, hour_ago_ms, "bench", "rolling"))
    write(fresh.settings, log, [LogRecord(partition, None, activation, 0) for partition in range(partitions)])
    write(fresh.settings, log, enrolments(MEMBERS, partitions, fresh.encoder))
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    with crew_of(directory, fresh) as crew:
        for name in names:
            crew.start(name, (WORKER.module, *WORKER.arguments), {"ACCRUE_DATA_DIR": str(directory / name)})
        _wait(lambda: _settled(fresh, directory, names), crew, "all lanes running")
        load = Load(fresh, rate)
        load.start()
        load.flowing.wait(PATIENCE_S)
        _pass(BETWEEN_S)
        steady_from_ms = _now_ms()
        _pass(STEADY_S)
        restarts = [_restart(fresh, directory, crew, name, names) for name in names]
        sent = load.finish()
        _wait(lambda: _undecided(fresh) == 0, crew, "everything decided")
        crew.stop_all()
    rows = _rows(fresh, partitions, steady_from_ms, restarts)
    outcome, expected = _outcomes(fresh)
    return Rolling(workers, rate, sent, restarts, rows, outcome.differences(expected))


def text(found: Rolling) -> str:
    """As a table."""
    lines = [
        "| partition | commits | longest pause, steady | longest pause, restarts | when |",
        "|---|---|---|---|---|",
        *(
            f"| {row.partition} | {row.commits:,} | {row.steady_ms / 1000:.2f} s | {row.longest_ms / 1000:.2f} s "
            f"| {row.after} |"
            for row in found.rows
        ),
        "",
        f"{found.events:,} purchases at {found.rate:,.0f} a second; {found.workers} workers restarted one after the "
        f"other. Longest pause of any partition: **{max(row.longest_ms for row in found.rows) / 1000:.2f} s**.",
        *(
            f"- {restart.worker}: ended {(restart.ended_ms - restart.asked_ms) / 1000:.2f} s after SIGTERM, all lanes "
            f"running {(restart.settled_ms - restart.asked_ms) / 1000:.2f} s after it"
            for restart in found.restarts
        ),
        f"- outputs: {'; '.join(found.differences) or 'exactly what the core decides of the same log'}",
    ]
    return "\n".join(lines)


def _restart(fresh: World, directory: Path, crew: Crew, name: str, names: list[str]) -> Restart:
    asked_ms = _now_ms()
    os.kill(crew.pid(name), signal.SIGTERM)
    _wait(lambda: crew.ended(name), crew, f"the end of {name}")
    ended_ms = _now_ms()
    crew.restart(name)
    _wait(lambda: _settled(fresh, directory, names), crew, "all lanes running")
    settled_ms = _now_ms()
    _pass(BETWEEN_S)
    return Restart(name, asked_ms, ended_ms, settled_ms)


def _settled(fresh: World, directory: Path, names: list[str]) -> bool:
    """Whether every worker has lanes of the log, and all partitions have a lane that runs."""
    running: set[int] = set()
    for name in names:
        own = _lanes_of(fresh, directory, name)
        if not own:
            return False
        running |= own
    return len(running) == fresh.topics.partitions(LOG)


def _lanes_of(fresh: World, directory: Path, name: str) -> set[int]:
    """Partitions of the log whose lanes run in a worker."""
    log = fresh.topics.name(LOG)
    workers = running_workers(replace(fresh.settings, data_dir=directory / name))
    return {f.partition for w in workers for f in w.lanes if f.topic == log and f.state == "running"}


def _undecided(fresh: World) -> int:
    """Records of the log behind the lanes' last markers; purchases bring no other records about."""
    reader = KafkaReader(fresh.settings)
    log, changelog = fresh.topics.name(LOG), fresh.topics.name("member-changelog")
    left = 0
    try:
        for partition in range(fresh.topics.partitions(LOG)):
            position = commits(reader, changelog, partition)[-1].position
            end = reader.bounds(log, partition)[1]
            left += sum(len(chunk) for chunk in reader.read(log, partition, position, end))
    finally:
        reader.close()
    return left


def _rows(fresh: World, partitions: int, steady_from_ms: int, restarts: list[Restart]) -> list[Row]:
    reader = KafkaReader(fresh.settings)
    changelog = fresh.topics.name("member-changelog")
    first, last = restarts[0].asked_ms, restarts[-1].settled_ms
    rows = []
    try:
        for partition in range(partitions):
            found: list[Commit] = commits(reader, changelog, partition)
            steady = longest_pause(found, steady_from_ms, first)
            longest = longest_pause(found, first, last)
            ends_ms = longest.before_ms + longest.length_ms
            restart = max((r for r in restarts if r.asked_ms <= ends_ms), key=lambda r: r.asked_ms)
            phase = "leaves" if longest.before_ms < restart.ended_ms else "comes back"
            rows.append(
                Row(partition, len(found), steady.length_ms, longest.length_ms, f"{restart.worker} {phase}")
            )  # fmt: skip
    finally:
        reader.close()
    return rows


def _outcomes(fresh: World) -> tuple[Outcome, Outcome]:
    """What is on the topics, and what the core decides of the log that is on them."""
    return actual(fresh.settings, fresh.topics, fresh.decoder), of_log(
        fresh.settings, fresh.topics, fresh.decoder, fresh.bundle
    )


def _wait(condition: Callable[[], bool], crew: Crew, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        crew.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE_S:.0f} s")
        time.sleep(PAUSE_S)


def _pass(seconds: float) -> None:
    """Let load go by."""
    threading.Event().wait(seconds)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.rolling", description=__doc__)
    parser.add_argument("--workers", type=int, default=3, help="workers (3)")
    parser.add_argument("--partitions", type=int, default=8, help="partitions of the log (8)")
    parser.add_argument("--rate", type=float, default=800.0, help="purchases a second (800)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--keep", action="store_true", help="keep the workers' stores and logs")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the figures into docs/reliability.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
