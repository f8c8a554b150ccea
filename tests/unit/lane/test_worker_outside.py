"""What others see of a worker: its metrics, their document, its record, its log lines."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from pipeline import logs, metrics
from pipeline.lane.worker_records import LaneStatus, lanes_in, on_record, records_folder, running_workers
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


def test_lanes_are_read_from_the_metrics() -> None:
    text = (
        '# TYPE accrue_lane_state gauge\naccrue_lane_state{topic="t",partition="2",state="running"} 1.0\n'
        'accrue_lane_state{topic="t",partition="2",state="failed"} 0.0\n'
        'accrue_lane_state{topic="t",partition="10",state="broken"} 1.0\n'
        '# TYPE accrue_lane_position gauge\naccrue_lane_position{topic="t",partition="2"} 1e+06\n'
        '# TYPE accrue_lane_lag_records gauge\naccrue_lane_lag_records{topic="t",partition="2"} 7.0\n'
    )

    assert lanes_in(text) == [LaneStatus("t", 2, "running", 1_000_000, 7), LaneStatus("t", 10, "broken", -1, -1)]


def test_a_running_worker_is_on_record_and_a_dead_one_is_not(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    port = metrics.serve(0)
    metrics.lane_state.labels("t", 0, "running").set(1)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    records_folder(settings).mkdir(parents=True)
    record = {"pid": dead.pid, "metrics_url": "http://127.0.0.1:1/metrics", "agents": []}
    (records_folder(settings) / f"{dead.pid}.json").write_text(json.dumps(record))

    with on_record(settings, f"http://127.0.0.1:{port}/metrics", ["rewards"]):
        (found,) = running_workers(settings)

    assert (found.pid, found.agents, found.answers) == (os.getpid(), ("rewards",), True)
    assert LaneStatus("t", 0, "running", -1, -1) in found.lanes
    assert running_workers(settings) == []


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
