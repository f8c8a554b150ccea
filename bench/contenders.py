"""The contenders, and one run of one of them: fresh topics, the load, the measurement, the check of what came out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

from bench.load import LogRecord, Size, encoded
from bench.measure import Processors, Progress, Slope, Stalled, slope, watch
from bench.oracle import Outcome, actual
from bench.world import ROOT, World, world, write
from pipeline.demo.crew import Crew, CrewError
from pipeline.devstack.stack import LocalStack
from pipeline.lane.kafka import new_admin
from pipeline.lane.ports import LaneFailed
from pipeline.wire.codec import Undecodable
from pipeline.wire.topics import LOG


class Contender(NamedTuple):
    """Who is measured: `module` with `arguments` is run by this interpreter."""

    name: str
    module: str
    arguments: tuple[str, ...]
    title: str


WORKER: Final = Contender("worker", "pipeline.cli.main", ("worker",), "`accrue worker`, all agents, default settings")
BARE: Final = Contender("bare", "bench.bare_loop", (), "bare loop: confluent-kafka, rocksdict, the same core")
FAUST: Final = Contender("faust", "bench.plain_faust", (), "plain Faust: agent over events, Faust's RocksDB tables")


class Run(NamedTuple):
    """One run: when, of whom, and what it came to; `void` says why it does not count, or is empty."""

    number: int
    contender: str
    size: Size
    slope: Slope | None
    void: str


class Course:
    """Runs contenders over the same log, one after the other, on one stack. As often as wanted."""

    def __init__(self, stack: LocalStack, directory: Path, name: str) -> None:
        """`name` begins the names of all topics; `directory` takes stores and logs."""
        self._stack = stack
        self._directory = directory
        self._name = name
        self._count = 0
        self._encoded: dict[tuple[Size, frozenset[tuple[str, int]]], list[LogRecord]] = {}

    def run(self, contender: Contender, size: Size, expected: Outcome) -> Run:
        """Measure one contender. Raises only what says that the servers, not the contender, have failed."""
        self._count += 1
        number = self._count
        name = f"{self._name}-{number:02}-{contender.name}"
        with world(self._stack, name, self._directory, history=True) as fresh:
            write(fresh.settings, fresh.topics.name(LOG), self._records(fresh, size))
            try:
                measured = self._measure(contender, fresh, size, expected)
                found = actual(fresh.settings, fresh.topics, fresh.decoder)
            except (Stalled, CrewError, LaneFailed, Undecodable, ValueError) as error:
                return Run(number, contender.name, size, None, str(error))
            return Run(number, contender.name, size, measured, "; ".join(found.differences(expected)))

    def _measure(self, contender: Contender, fresh: World, size: Size, expected: Outcome) -> Slope:
        topic = fresh.topics.topic("reward-decisions")
        progress = Progress(new_admin(fresh.settings), topic.full_name, topic.partitions)
        progress()  # the first request opens connections
        load_average = os.getloadavg()[0]
        with crew_of(self._directory, fresh) as crew:
            crew.start(fresh.settings.app_id, (contender.module, *contender.arguments))
            processors = Processors(crew.pid(fresh.settings.app_id), self._broker_pid())
            samples = watch(progress, processors, expected.decisions, crew.check)
        return slope(samples, size.events, load_average)

    def _records(self, fresh: World, size: Size) -> list[LogRecord]:
        """Encoded once for the same schema ids, which the registry gives by content."""
        key = (size, frozenset(fresh.schema_ids.items()))
        if key not in self._encoded:
            partitions = fresh.topics.partitions(LOG)
            self._encoded[key] = encoded(size, partitions, fresh.encoder, fresh.bundle.hash)
        return self._encoded[key]

    def _broker_pid(self) -> int:
        pid = self._stack.kafka.status().pid
        assert pid is not None, "the broker runs as long as the course does"
        return pid


def crew_of(directory: Path, fresh: World) -> Crew:
    """Runs modules of this project on these topics; `directory` takes their logs."""
    return Crew(directory, fresh.environment() | {"PYTHONPATH": str(ROOT)}, (sys.executable, "-m"))
