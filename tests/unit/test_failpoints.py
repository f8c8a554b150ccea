"""Failpoints: what the setting may say, when they bite, and that nothing is wrapped without them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.failpoints import EXIT_CODE, Failpoints, armed
from pipeline.lane.failing import append_with_failpoints, store_with_failpoints, with_failpoints
from pipeline.lane.ports import LaneFailed
from pipeline.settings import InvalidSettings


def reach(failpoints: Failpoints | None, point: str, done: list[str]) -> None:
    assert failpoints is not None
    failpoints.around(point, lambda: done.append(point), LaneFailed)


def test_without_the_setting_the_ports_stay_as_they_are() -> None:
    port = object()
    assert armed("") is None
    assert with_failpoints(port, None) is port  # type: ignore[arg-type]
    assert store_with_failpoints(port, None) is port  # type: ignore[arg-type]
    assert append_with_failpoints(print, None) is print
    assert store_with_failpoints(port, armed("send:before=error@#1")) is port  # type: ignore[arg-type]


def test_before_an_operation_it_is_not_done_and_after_it_only_its_answer_is_lost() -> None:
    done: list[str] = []
    failpoints = armed("send:before=error@#1,commit:after=enospc@#1")
    with pytest.raises(LaneFailed, match="failpoint send:before"):
        reach(failpoints, "send", done)
    assert done == []
    with pytest.raises(LaneFailed, match="failpoint commit:after: No space left on device"):
        reach(failpoints, "commit", done)
    assert done == ["commit"]


def test_one_with_a_count_bites_that_time_and_no_other() -> None:
    done: list[str] = []
    failpoints = armed("append:before=error@#3")
    for _ in range(2):
        reach(failpoints, "append", done)
    with pytest.raises(LaneFailed):
        reach(failpoints, "append", done)
    for _ in range(50):
        reach(failpoints, "append", done)
    assert len(done) == 52


def bites(setting: str) -> list[int]:
    """At which of 500 times it bites."""
    found = []
    failpoints = armed(setting)
    for number in range(500):
        try:
            reach(failpoints, "begin", [])
        except LaneFailed:
            found.append(number)
    return found


def test_one_with_a_probability_bites_as_its_seed_says() -> None:
    first = bites("begin:before=error@0.1,seed=7")
    assert first == bites("begin:before=error@0.1,seed=7") != bites("begin:before=error@0.1,seed=8")
    assert 20 < len(first) < 100


def test_exit_ends_the_process_at_once_and_leaves_a_line_behind() -> None:
    script = (
        "from pipeline import failpoints, logs; logs.configure();"
        "failpoints.armed('fence:after=exit@#1').around('fence', lambda: print('done', flush=True), RuntimeError);"
        "print('never')"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == EXIT_CODE
    assert ended.stdout == "done\n"
    assert '"event": "failpoint"' in ended.stderr


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sent:before=exit@0.1", "'sent' is no point: choose from fence, begin, send"),
        ("send:during=exit@0.1", "'during' is no moment: choose from before, after"),
        ("send:before=crash@0.1", "'crash' is no action: choose from exit, error"),
        ("send:before=exit@1.5", r"'1.5' is no probability"),
        ("send:before=exit@0", r"'0' is no probability"),
        ("send:before=exit@#0", "'#0' is no count"),
        ("send:before=exit", "write POINT:MOMENT=ACTION@WHEN or seed=NUMBER"),
        ("send:before=exit@0.1,seed=x", "'seed=x': write POINT"),
        (",", "holds ''"),
    ],
)
def test_what_is_misspelt_is_refused_with_the_remedy(setting: str, message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        armed(setting)
