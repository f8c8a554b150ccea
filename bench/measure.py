"""CPU time and progress of a contender, sampled from outside, and the slope of one against the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import psutil
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

PERIOD_S: Final = 0.025
SETTLED_S: Final = 3.0
"""All decisions are there and nothing has been added for this long: the contender is done."""
STALLED_S: Final = 90.0
CHILDREN_EVERY_S: Final = 1.0
REQUEST_S: Final = 10.0
FROM: Final = 0.08
TO: Final = 0.98
"""The slope is taken between these parts of the whole: start-up, warm-up and the last half-filled batches are out."""


class Stalled(Exception):
    """The contender made no progress for a long time."""


class Sample(NamedTuple):
    """Times in seconds since some beginning; `offset` is what the contender has committed by then."""

    at_s: float
    offset: int
    cpu_s: float
    broker_cpu_s: float
    harness_cpu_s: float
    machine_cpu_s: float


class Slope(NamedTuple):
    """What one run comes to. Loads are in busy cores: of the contender, the broker, the harness, all else."""

    cpu_us_per_event: float
    events_per_s: float
    cores: float
    broker_cores: float
    harness_cores: float
    other_cores: float
    load_average: float


class Progress:
    """Sum of the committed end offsets of a topic's partitions; transaction markers count, about one a batch."""

    def __init__(self, admin: AdminClient, topic: str, partitions: int) -> None:
        self._admin = admin
        self._wanted = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(partitions)}

    def __call__(self) -> int:
        """Raises KafkaException."""
        answers = self._admin.list_offsets(
            self._wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=REQUEST_S
        )
        return sum(answer.result().offset for answer in answers.values())


class Processors:
    """CPU seconds of a process with its children, of the broker, of this process and of the whole machine."""

    def __init__(self, pid: int, broker_pid: int) -> None:
        self._process = psutil.Process(pid)
        self._broker = psutil.Process(broker_pid)
        self._children: list[psutil.Process] = []
        self._looked_at_s = 0.0

    def sample(self, at_s: float, offset: int) -> Sample:
        """Raises psutil.NoSuchProcess when contender or broker is gone."""
        if at_s - self._looked_at_s >= CHILDREN_EVERY_S:
            self._looked_at_s = at_s
            self._children = self._process.children(recursive=True)
        whole = psutil.cpu_times()
        idle = whole.idle + getattr(whole, "iowait", 0.0) + getattr(whole, "steal", 0.0)
        guest = getattr(whole, "guest", 0.0) + getattr(whole, "guest_nice", 0.0)  # counted under user as well
        own_s = _cpu_s(self._process) + sum(_child_cpu_s(child) for child in self._children)
        return Sample(at_s, offset, own_s, _cpu_s(self._broker), _own_cpu_s(), sum(whole) - guest - idle)


def watch(
    progress: Callable[[], int], processors: Processors, decisions: int, check: Callable[[], None]
) -> list[Sample]:
    """Samples from now until at least `decisions` are committed and no more come.

    `check` raises where the contender has ended. Raises Stalled when it makes no progress.
    """
    samples: list[Sample] = []
    moved_at_s = time.monotonic()
    offset = -1
    while True:
        now_s = time.monotonic()
        before, offset = offset, progress()
        check()
        samples.append(processors.sample(now_s, offset))
        if offset != before:
            moved_at_s = now_s
        still_s = now_s - moved_at_s
        if offset >= decisions and still_s >= SETTLED_S:
            return samples
        if still_s >= STALLED_S:
            raise Stalled(f"it stands at offset {offset} for {still_s:.0f} s, {decisions} decisions were expected")
        time.sleep(max(0.0, PERIOD_S - (time.monotonic() - now_s)))


def slope(samples: Sequence[Sample], events: int, load_average: float) -> Slope:
    """CPU time and rate per event of the log, between FROM and TO of the way.

    The way is measured in offsets of the decisions' topic, from 0 to where the last sample stands. Repeated events have
    no decision and are spread evenly, so that part of the decisions is the same part of the log. Raises ValueError if
    too few samples lie between.
    """
    whole = samples[-1].offset
    first = next(sample for sample in samples if sample.offset >= FROM * whole)
    last = next(sample for sample in samples if sample.offset >= TO * whole)
    seconds = last.at_s - first.at_s
    done = (last.offset - first.offset) / whole * events
    if not done or not seconds:
        raise ValueError("the load is gone within a sample: take more events")
    cores = (last.cpu_s - first.cpu_s) / seconds
    broker = (last.broker_cpu_s - first.broker_cpu_s) / seconds
    harness = (last.harness_cpu_s - first.harness_cpu_s) / seconds
    machine = (last.machine_cpu_s - first.machine_cpu_s) / seconds
    return Slope(
        (last.cpu_s - first.cpu_s) / done * 1e6, done / seconds, cores, broker, harness,
        max(0.0, machine - cores - broker - harness), load_average,
    )  # fmt: skip


def _cpu_s(process: psutil.Process) -> float:
    """User and system, of children that were waited for too. Raises psutil.NoSuchProcess."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _own_cpu_s() -> float:
    """Of this process, without those it has started and waited for."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def _child_cpu_s(child: psutil.Process) -> float:
    """As `_cpu_s`; one that has just ended counts with its parent."""
    try:
        return _cpu_s(child)
    except psutil.NoSuchProcess:
        return 0.0
