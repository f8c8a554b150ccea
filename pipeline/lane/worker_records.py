"""Which workers run on this machine: each leaves a record with its address, for those who ask or give orders."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from pipeline.lane.facts import LaneFacts
from pipeline.lane.worker_http import TOKEN_HEADER, Resume, WorkerServer
from pipeline.settings import Settings

ANSWER_SECONDS: Final = 5.0


class WorkerRefused(Exception):
    """A worker did not do what it was told, or does not answer; the message says why."""


class WorkerRecord(msgspec.Struct, frozen=True):
    """What a worker leaves in its data folder, readable by its own user alone."""

    pid: int
    url: str
    token: str
    agents: tuple[str, ...]


class WorkerStatus(msgspec.Struct, frozen=True):
    """A running worker. While it does not answer, `answers` is False and `lanes` empty."""

    pid: int
    url: str
    agents: tuple[str, ...]
    answers: bool
    lanes: tuple[LaneFacts, ...] = ()


def records_folder(settings: Settings) -> Path:
    """Where running workers are on record, one file each, named by process id."""
    return settings.data_dir / settings.app_id / "workers"


@contextmanager
def on_record(settings: Settings, server: WorkerServer, agents: Sequence[str]) -> Iterator[None]:
    """While a worker runs, others on this machine find it; a killed one leaves its record to whoever looks next."""
    folder = records_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}.json"
    written = path.with_suffix(".new")  # whoever looks sees a whole record or none
    record = WorkerRecord(os.getpid(), server.url, server.token, tuple(agents))
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(record))
    written.rename(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_workers(settings: Settings) -> list[WorkerStatus]:
    """The workers of this data folder that are alive, with their lanes, by process id; records of dead ones go."""
    return [_status(record) for record in _records(settings)]


def resume_lane(settings: Settings, topic: str, partition: int, at: int | None = None) -> WorkerStatus:
    """Have the worker that holds a broken lane open it anew, a relaying one at offset `at` if given.

    Returns the worker as it was before. Raises WorkerRefused if no worker of this data folder holds it broken.
    """
    for record in _records(settings):
        status = _status(record)
        if any((lane.topic, lane.partition, lane.state) == (topic, partition, "broken") for lane in status.lanes):
            _post(record, Resume(topic, partition, at))
            return status
    raise WorkerRefused(
        f"no worker of {settings.data_dir} holds {topic}/{partition} broken: see `accrue status`, and give the command "
        "where that worker runs, with its ACCRUE_DATA_DIR; a worker that starts opens all its lanes"
    )


def _records(settings: Settings) -> list[WorkerRecord]:
    found: list[WorkerRecord] = []
    for path in records_folder(settings).glob("*.json"):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=WorkerRecord)
        except FileNotFoundError:
            continue  # it has ended just now
        if _alive(record.pid):
            found.append(record)
        else:
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda record: record.pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it runs, as someone else
    return True


def _status(record: WorkerRecord) -> WorkerStatus:
    try:
        with urllib.request.urlopen(f"{record.url}/lanes", timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own
            lanes = msgspec.json.decode(answer.read(), type=tuple[LaneFacts, ...])
    except OSError:
        return WorkerStatus(record.pid, record.url, record.agents, False)
    return WorkerStatus(record.pid, record.url, record.agents, True, lanes)


def _post(record: WorkerRecord, order: Resume) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own
        f"{record.url}/lanes/resume", msgspec.json.encode(order), {TOKEN_HEADER: record.token}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310 - our own
            return
    except urllib.error.HTTPError as error:
        raise WorkerRefused(f"worker {record.pid}: {error.read().decode('utf-8', 'replace')}") from error
    except OSError as error:
        raise WorkerRefused(f"worker {record.pid} does not answer at {record.url}: {error}") from error
