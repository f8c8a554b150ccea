"""`accrue demo` as a person runs it: servers of its own, everything ended however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.kafka
DEMO = (sys.executable, "-m", "pipeline.cli.main", "demo", "--customers", "40", "--seed", "3")


@contextmanager
def demo(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The command in a process of its own, with `folder` for its temporary files."""
    process = subprocess.Popen(
        [*DEMO, *options],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - it takes no lock
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def hear_interrupts() -> None:
    """A session in the background of a script ignores SIGINT, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def left_over(folder: Path) -> list[str]:
    """Processes that still work in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.cwd() or any(str(folder) in word for word in process.cmdline()):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def wait_until_nothing_is_left(folder: Path) -> None:
    """Servers end in order, which takes a moment."""
    deadline = time.monotonic() + 60
    while left_over(folder):
        assert time.monotonic() < deadline, left_over(folder)
        time.sleep(0.1)


@pytest.mark.timeout(900)
def test_the_demo_proves_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--json", "--partitions", "2") as process:
        output, errors = process.communicate(timeout=800)

    assert process.returncode == 0, errors
    content = json.loads(output)
    assert content["proved"] is True
    assert (content["partitions"], content["workers"], content["seed"]) == (2, 2, 3)
    names = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "Day", "I8"]  # the last is that of the partner's own book
    assert [check["name"] for check in content["checks"]] == names
    assert left_over(tmp_path) == []
    assert list(tmp_path.glob("accrue-demo-*")) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("number", "act"), [(signal.SIGTERM, "starting"), (signal.SIGINT, "importing"), (signal.SIGKILL, "importing")]
)
def test_whatever_ends_the_demo_ends_what_it_started(tmp_path: Path, number: signal.Signals, act: str) -> None:
    with demo(tmp_path) as process:
        assert process.stderr is not None
        while act not in (line := process.stderr.readline()):
            assert line, "the demo ended before its time"
        process.send_signal(number)
        process.communicate(timeout=120)

    assert process.returncode != 0
    wait_until_nothing_is_left(tmp_path)
