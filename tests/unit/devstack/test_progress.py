"""Progress of `accrue up`: a bar per server on a terminal, a line per step elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.cli import stack
from pipeline.devstack import Progress

STEPS = [
    Progress("valkey", "start"),
    Progress("kafka", "fetch", 15_000_000, 45_000_000),
    Progress("kafka", "fetch", 45_000_000, 45_000_000),
    Progress("valkey", "ready"),
    Progress("kafka", "start"),
    Progress("kafka", "ready"),
]


def test_lines_name_each_step_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = stack._Lines()
    for step in STEPS:
        view.show(step)

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "valkey: starting",
        "kafka: fetching 45 MB",
        "valkey: ready",
        "kafka: starting",
        "kafka: ready",
    ]


def test_bars_count_bytes_and_end_full() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with stack._bars(console) as bars:
        view = stack._Bars(bars)
        for step in STEPS[:2]:
            view.show(step)
        bars.refresh()
        assert "kafka    fetching" in screen.getvalue()
        assert "15.0/45.0 MB" in screen.getvalue()
        assert "valkey   starting" in screen.getvalue()
        for step in STEPS[2:]:
            view.show(step)
        assert [(task.fields["server"], task.fields["step"]) for task in bars.tasks] == [
            ("valkey", "ready"),
            ("kafka", "ready"),
        ]
        assert bars.finished
