"""Which workers run on this machine: each leaves a record with the address of its metrics, for those who ask."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from pipeline.settings import Settings

ANSWER_SECONDS: Final = 5.0
STATE: Final = "accrue_lane_state"
POSITION: Final = "accrue_lane_position"
LAG: Final = "accrue_lane_lag_records"


@dataclass(frozen=True)
class LaneStatus:
    """One lane of a running worker. `position` and `lag` are -1 while they are not known."""

    topic: str
    partition: int
    state: str
    position: int = -1
    lag: int = -1


@dataclass(frozen=True)
class WorkerStatus:
    """A running worker. `lanes` is empty while its metrics do not answer, and `answers` is False."""

    pid: int
    metrics_url: str
    agents: tuple[str, ...]
    answers: bool = False
    lanes: tuple[LaneStatus, ...] = field(default=())


def records_folder(settings: Settings) -> Path:
    """Where running workers are on record, one file each, named by process id."""
    return settings.data_dir / settings.app_id / "workers"


@contextmanager
def on_record(settings: Settings, metrics_url: str, agents: Sequence[str]) -> Iterator[None]:
    """While a worker runs, others on this machine find it; a killed one leaves its record to whoever looks next."""
    folder = records_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}.json"
    path.write_text(json.dumps({"pid": os.getpid(), "metrics_url": metrics_url, "agents": list(agents)}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_workers(settings: Settings) -> list[WorkerStatus]:
    """The workers of this data folder that are alive, with their lanes, by process id; records of dead ones go."""
    found: list[WorkerStatus] = []
    for path in records_folder(settings).glob("*.json"):
        content = json.loads(path.read_text())
        if not _alive(content["pid"]):
            path.unlink(missing_ok=True)
            continue
        worker = WorkerStatus(content["pid"], content["metrics_url"], tuple(content["agents"]))
        found.append(_with_lanes(worker))
    return sorted(found, key=lambda worker: worker.pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it runs, as someone else
    return True


def _with_lanes(worker: WorkerStatus) -> WorkerStatus:
    """The worker as its metrics show it."""
    try:
        with urllib.request.urlopen(worker.metrics_url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own
            text = answer.read().decode()
    except OSError:
        return worker
    return WorkerStatus(worker.pid, worker.metrics_url, worker.agents, True, tuple(lanes_in(text)))


def lanes_in(text: str) -> list[LaneStatus]:
    """The lanes that metrics in Prometheus' format speak of, by topic and partition."""
    states: dict[tuple[str, int], str] = {}
    numbers: dict[str, dict[tuple[str, int], int]] = {POSITION: {}, LAG: {}}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == STATE and sample.value == 1:
                states[_place(sample.labels)] = sample.labels["state"]
            elif sample.name in numbers:
                numbers[sample.name][_place(sample.labels)] = int(sample.value)
    return [
        LaneStatus(topic, partition, state, numbers[POSITION].get((topic, partition), -1),
                   numbers[LAG].get((topic, partition), -1))
        for (topic, partition), state in sorted(states.items())
    ]  # fmt: skip


def _place(labels: dict[str, str]) -> tuple[str, int]:
    return labels["topic"], int(labels["partition"])
