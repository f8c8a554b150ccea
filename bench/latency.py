"""Latency under load: from when an event is due to when a committed reader sees its ledger entry.

    python -m bench.latency          half of the rate at which the worker drains such events, measured just before

A worker with default settings, one broker, sender and reader on the same machine. Exits 1 if an entry is missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

from hdrh.histogram import HdrHistogram

from bench import report
from bench.contenders import WORKER, crew_of
from bench.load import LogRecord
from bench.measure import Processors, Progress, Sample, slope, watch
from bench.open_loop import NOT_SEEN, Plan, Schedule, consume, enrolments, produce, purchases
from bench.world import SERVERS, World, world, write
from pipeline.core.payloads import ProgramActivated
from pipeline.devstack.stack import LocalStack
from pipeline.lane.kafka import new_admin
from pipeline.wire.topics import LOG

MEMBERS: Final = 2_000
DRAINED: Final = 60_000
WARM_UP_S: Final = 5
HIGHEST_US: Final = 120_000_000
DIGITS: Final = 3
PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)
LEAD_S: Final = 1.0
PATIENCE_S: Final = 300.0


class Latency(NamedTuple):
    """`latency_ms` by percentile, 100 for the largest; `sent_late_ms` is the sender's worst delay, which is counted."""

    rate: float
    drain_rate: float
    seconds: float
    events: int
    missing: int
    latency_ms: dict[float, float]
    sent_late_ms: float
    cores: float
    broker_cores: float
    other_cores: float
    load_average: float


def main() -> int:
    """Measure and report; the exit code."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="accrue-bench-"))
    try:
        with (
            LocalStack.up(directory / "stack", only=SERVERS, temporary=True) as stack,
            world(stack, f"latency-{int(time.time())}", directory, history=False) as fresh,
        ):
            pid = stack.kafka.status().pid
            assert pid is not None, "the broker has been started"
            measured = _measure(fresh, directory, pid, options.rate, options.seconds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps({"machine": report.machine(), **measured._asdict()}, indent=2) if options.json else text(measured))
    if options.write:
        report.write_figures(options.write, "latency", f"{report.machine()}.\n\n{text(measured)}")
    return 1 if measured.missing else 0


def text(measured: Latency) -> str:
    """As a table."""
    names = [f"p{percentile:g}" for percentile in PERCENTILES] + ["max"]
    times = [f"{latency_ms:,.1f}" for latency_ms in measured.latency_ms.values()]
    drained = f", half of {measured.drain_rate:,.0f} drained" if measured.drain_rate else ""
    return "\n".join(
        [
            f"| ms | {' | '.join(names)} |",
            f"|---|{'---|' * len(names)}",
            f"| {measured.rate:,.0f} events/s | {' | '.join(times)} |",
            "",
            f"{measured.events:,} purchases in {measured.seconds:.0f} s at {measured.rate:,.0f} a second{drained}; "
            f"{measured.missing} without an entry. The sender was at most {measured.sent_late_ms:.1f} ms late. "
            f"Busy cores: worker {measured.cores:.2f}, broker {measured.broker_cores:.2f}, all else, sender and reader "
            f"included, {measured.other_cores:.2f}; load average before {measured.load_average:.1f}.",
        ]
    )


def percentiles_ms(seen_ns: Sequence[int], schedule: Schedule, first: int) -> tuple[dict[float, float], int]:
    """Latencies of the events from number `first` on, and how many events of all were not seen."""
    histogram = HdrHistogram(1, HIGHEST_US, DIGITS)
    missing = 0
    for number, at_ns in enumerate(seen_ns):
        if at_ns == NOT_SEEN:
            missing += 1
        elif number >= first:
            histogram.record_value(max(1, (at_ns - schedule.due_ns(number)) // 1_000))
    found = {wanted: histogram.get_value_at_percentile(wanted) / 1_000 for wanted in PERCENTILES}
    return {**found, 100.0: histogram.get_max_value() / 1_000}, missing


def _measure(fresh: World, directory: Path, broker_pid: int, rate: float | None, seconds: int) -> Latency:
    log, partitions = fresh.topics.name(LOG), fresh.topics.partitions(LOG)
    hour_ago_ms = time.time_ns() // 1_000_000 - 3_600_000
    activation = fresh.encoder.program_activated(ProgramActivated(fresh.bundle.hash, hour_ago_ms, "bench", "latency"))
    records = [LogRecord(partition, None, activation, 0) for partition in range(partitions)]
    records += enrolments(MEMBERS, partitions, fresh.encoder)
    if rate is None:
        records += purchases("drained-", DRAINED, MEMBERS, partitions, fresh.encoder)
    events = len(records) - partitions
    write(fresh.settings, log, records)
    topic = fresh.topics.topic("reward-decisions")
    progress = Progress(new_admin(fresh.settings), topic.full_name, topic.partitions)
    load_average = os.getloadavg()[0]
    with crew_of(directory, fresh) as crew:
        name = fresh.settings.app_id
        crew.start(name, (WORKER.module, *WORKER.arguments))
        processors = Processors(crew.pid(name), broker_pid)
        samples = watch(progress, processors, events, crew.check)
        drain_rate = slope(samples, events, load_average).events_per_s if rate is None else 0.0
        chosen = rate or drain_rate / 2
        count = int(chosen * (WARM_UP_S + seconds))
        plan = Plan(
            fresh.settings, log, fresh.topics.name("ledger-entries"), partitions, MEMBERS, count, chosen,
            fresh.schema_ids,
        )  # fmt: skip
        seen_ns, late_ns, schedule, (before, after) = _run(plan, processors)
        crew.check()
    latency_ms, missing = percentiles_ms(seen_ns, schedule, int(chosen * WARM_UP_S))
    took_s = after.at_s - before.at_s
    cores, broker = (after.cpu_s - before.cpu_s) / took_s, (after.broker_cpu_s - before.broker_cpu_s) / took_s
    return Latency(
        chosen, drain_rate, seconds, count, missing, latency_ms, late_ns / 1e6, cores, broker,
        (after.machine_cpu_s - before.machine_cpu_s) / took_s - cores - broker, load_average,
    )  # fmt: skip


def _run(plan: Plan, processors: Processors) -> tuple[Sequence[int], int, Schedule, tuple[Sample, Sample]]:
    """Sender and reader as processes: when each event was seen, the worst delay in sending, the processors' work."""
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        channels: list[Connection] = []
        for target in (consume, produce):
            ours, theirs = spawn.Pipe()
            child = spawn.Process(target=target, args=(plan, theirs), daemon=True)
            child.start()
            stack.callback(child.join)
            stack.callback(child.terminate)
            theirs.close()  # so that a child that dies is noticed as the end of its channel
            channels.append(ours)
        reader, sender = channels
        for channel in channels:
            _answer(channel)
        schedule = Schedule(time.monotonic_ns() + int(LEAD_S * 1e9), plan.rate)
        before = processors.sample(time.monotonic(), 0)
        sender.send(schedule)
        late_ns: int = _answer(sender)
        after = processors.sample(time.monotonic(), 0)
        seen_ns: Sequence[int] = _answer(reader)
    return seen_ns, late_ns, schedule, (before, after)


def _answer(channel: Connection) -> Any:
    """Raises EOFError if the process at the other end has died, TimeoutError if it is silent."""
    if not channel.poll(PATIENCE_S):
        raise TimeoutError(f"sender or reader gave no answer within {PATIENCE_S:.0f} s")
    return channel.recv()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--rate", type=float, help="events a second; half of the drain rate if not given")
    parser.add_argument("--seconds", type=int, default=45, help="how long to measure, after the warm-up (45)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the figures into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
