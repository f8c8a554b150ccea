"""The demo's processes: killed, restarted and ended by id, and kills come when they were planned."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from pipeline.demo.crew import Crew, CrewError
from pipeline.demo.kills import LAST_AT, Kill, Killer, planned_kills

SLEEPER = "import sys, time; print('up', flush=True)\nwhile True: time.sleep(0.05)"


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        time.sleep(0.01)


@pytest.fixture
def sleepers(tmp_path: Path) -> Crew:
    """A crew whose members are small Python programs, given as their only argument, instead of `accrue` commands."""
    return Crew(tmp_path, {"ACCRUE_APP_ID": "crew-test"}, command=(sys.executable, "-c"))


def pid_of(crew: Crew, name: str) -> int:
    return crew._running[name].pid


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_was_started_is_ended_on_leaving_also_by_an_error(sleepers: Crew) -> None:
    with pytest.raises(RuntimeError, match="the demo failed"), sleepers as crew:
        crew.start("one", [SLEEPER])
        crew.start("two", [f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPER}"])
        wait_until(lambda: crew.log("two").read_text() == "up\n")
        pids = [pid_of(crew, "one"), pid_of(crew, "two")]
        crew.stop_all(grace_s=0.2)
        crew.restart("one")
        pids.append(pid_of(crew, "one"))
        raise RuntimeError("the demo failed")

    assert not any(alive(pid) for pid in pids)


def test_a_killed_member_is_gone_and_comes_back_with_the_same_arguments(sleepers: Crew) -> None:
    with sleepers as crew:
        crew.start("worker", [SLEEPER])
        first = pid_of(crew, "worker")
        crew.kill("worker")
        assert not alive(first)
        crew.restart("worker")
        assert pid_of(crew, "worker") != first
        wait_until(lambda: crew.log("worker").read_text().endswith("up\n"))
        crew.check()
        wait_until(lambda: crew.cpu_s("worker") > 0)


def test_one_that_ends_by_itself_is_reported_with_its_log(sleepers: Crew) -> None:
    with sleepers as crew:
        crew.start("worker", ["print('no Kafka there'); raise SystemExit(3)"])
        with pytest.raises(CrewError, match=r"worker ended by itself with code 3(?s:.*)no Kafka there"):
            wait_until(lambda: crew.check() is not None)


def test_the_crew_ends_when_the_demo_is_killed(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from pipeline.demo.crew import Crew
members = Crew(Path({str(tmp_path)!r}), {{}}, command=(sys.executable, "-c"))
members.start("worker", [{SLEEPER!r}])
print(members._running["worker"].pid, flush=True)
while True: time.sleep(1)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        pid = int(demo.stdout.readline())
        assert alive(pid)
        os.kill(demo.pid, signal.SIGKILL)

    wait_until(lambda: not alive(pid))


def test_kills_are_planned_by_seed_within_the_load() -> None:
    kills = planned_kills(50, ["w1", "w2"], seed=4)

    assert kills == planned_kills(50, ["w1", "w2"], seed=4) != planned_kills(50, ["w1", "w2"], seed=5)
    assert {kill.worker for kill in kills} == {"w1", "w2"}
    assert all(0 <= a.at <= b.at <= LAST_AT for a, b in pairwise(kills))
    with pytest.raises(ValueError, match="kills is -1: give 0 or more"):
        planned_kills(-1, ["w1"], seed=1)


def test_a_killer_waits_for_the_share_and_kills_one_at_a_time(sleepers: Crew) -> None:
    with sleepers as crew:
        for name in ("w1", "w2"):
            crew.start(name, [SLEEPER])
        before = {name: pid_of(crew, name) for name in ("w1", "w2")}
        killer = Killer(crew, [Kill(0.2, 0, "w1"), Kill(0.2, 0, "w2")])

        killer.advance(0.19)
        assert (killer.done, killer.left) == (0, 2)
        killer.advance(0.5)
        assert (killer.done, killer.left) == (1, 1)
        assert (alive(before["w1"]), alive(before["w2"])) == (False, True)
        killer.advance(0.5)
        assert (killer.done, killer.left) == (2, 0)
        assert pid_of(crew, "w2") != before["w2"]
