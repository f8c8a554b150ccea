"""What others see of a worker: its metrics, their document, its record, its lanes, its log lines."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import logs, metrics
from pipeline.lane.board import Board
from pipeline.lane.facts import LaneFacts
from pipeline.lane.lane_set import LaneSet
from pipeline.lane.ports import Batch, LaneBroken
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.remedies import lost_records
from pipeline.lane.worker_http import TOKEN_HEADER, WorkerServer
from pipeline.lane.worker_records import WorkerRefused, on_record, records_folder, resume_lane, running_workers
from pipeline.settings import Settings

ROOT = Path(__file__).parents[3]


def test_the_document_of_the_metrics_is_up_to_date() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text("utf-8") == metrics.document(), (
        "run `python -m pipeline.metrics > docs/metrics.md`"
    )


def test_every_metric_has_a_name_of_its_own_under_one_prefix() -> None:
    names = [metric._name for metric in metrics.vars_of_module()]

    assert len(names) == len(set(names)) > 10
    assert all(name.startswith("accrue_") for name in names)


class StillLane:
    """A lane that is broken whenever it opens but at 7, and says so."""

    def __init__(self) -> None:
        self.position = -1
        self.quarantined = (Quarantined("m-1", "e-1", "shop", 5, "ZeroDivisionError: x", 1_000, 2),)

    def open(self, at: int | None = None) -> int:
        if at != 7:
            raise LaneBroken("records are lost", lost_records(5, 9, 3))
        self.position = at
        return at

    def process(self, batch: Batch) -> None:
        raise AssertionError("nothing is sent")

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing is held."""


@contextmanager
def served(settings: Settings) -> Iterator[WorkerServer]:
    """This process as a worker with a lane of topic t, partition 0, that is broken."""
    board = Board()
    lanes = LaneSet("rewards", "t", lambda _partition, _clock: StillLane())
    board.add(lanes)
    server = WorkerServer(0, board)
    try:
        lanes.open([0])
        with on_record(settings, server, ["rewards"]):
            yield server
    finally:
        lanes.close()
        server.close()


def lane_when(settings: Settings, state: str) -> LaneFacts:
    """The one lane of the one worker, once it is in that state."""
    deadline = time.monotonic() + 60
    while True:
        (worker,) = running_workers(settings)
        (facts,) = worker.lanes
        if facts.state == state:
            return facts
        assert time.monotonic() < deadline, facts
        time.sleep(0.01)


def test_a_running_worker_is_on_record_and_a_dead_one_is_not(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    records_folder(settings).mkdir(parents=True)
    record = {"pid": dead.pid, "url": "http://127.0.0.1:1", "token": "", "agents": []}
    (records_folder(settings) / f"{dead.pid}.json").write_text(json.dumps(record))

    with served(settings) as server:
        (found,) = running_workers(settings)
        with urllib.request.urlopen(server.metrics_url) as answer:
            assert b"accrue_lane_state" in answer.read()
        mode = (records_folder(settings) / f"{os.getpid()}.json").stat().st_mode

    assert (found.pid, found.agents, found.answers) == (os.getpid(), ("rewards",), True)
    assert mode & 0o077 == 0, "the record holds the token: it is for the worker's own user"
    assert running_workers(settings) == []


def test_a_broken_lane_is_shown_with_its_remedy_and_resumed_over_the_wire(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with served(settings):
        trouble = lane_when(settings, "broken").trouble
        assert trouble is not None
        assert trouble.why == "records are lost"
        assert "`accrue lane reset t 0 --to start`" in trouble.remedy

        resume_lane(settings, "t", 0)
        assert lane_when(settings, "broken").trouble == trouble, "broken as before, since then"
        resume_lane(settings, "t", 0, at=7)

        assert lane_when(settings, "running").quarantined[0].member_id == "m-1"
        with pytest.raises(WorkerRefused, match="holds t/0 broken"):
            resume_lane(settings, "t", 0)


@pytest.mark.parametrize(
    ("path", "token", "body", "status"),
    [
        ("/lanes/resume", "", b'{"topic": "t", "partition": 0}', 403),
        ("/lanes/resume", "own", b'{"topic": "t", "partition": 1}', 409),
        ("/lanes/resume", "own", b'{"topic": "other", "partition": 0}', 409),
        ("/lanes/resume", "own", b"no json", 409),
        ("/lanes/resume", "own", b"", 404),
        ("/lanes", "own", b"{}", 404),
    ],
)
def test_an_order_that_is_not_in_order_is_refused(
    tmp_path: Path, path: str, token: str, body: bytes, status: int
) -> None:
    settings = Settings(data_dir=tmp_path)
    with served(settings) as server:
        lane_when(settings, "broken")
        headers = {TOKEN_HEADER: server.token if token else "wrong"}
        request = urllib.request.Request(server.url + path, body, headers, method="POST")

        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)

        assert refused.value.code == status
        assert lane_when(settings, "broken").position == -1


def test_logs_are_json_lines_whoever_logs() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("INFO", stream)
        logs.logger("accrue.lane").warning("record rejected", member_id="m-1", reason="malformed")
        logging.getLogger("accrue.kafka").warning("broker %s is away", "b1")
        logging.getLogger("faust").info("chatter")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["level"], line["logger"]) for line in lines] == [
        ("record rejected", "warning", "accrue.lane"),
        ("broker b1 is away", "warning", "accrue.kafka"),
    ]
    assert lines[0]["member_id"] == "m-1"
