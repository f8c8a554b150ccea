"""A stack outlives the process that started it, is found again, ended by process id, and started again as it was."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from pipeline.devstack import DevstackError, LocalStack, Progress, ports

pytestmark = pytest.mark.kafka

SMALL = ("valkey", "postgres")  # what starts within a second


@pytest.fixture
def home(stack_dir: Path) -> Path:
    """Where the test's stack lives."""
    return stack_dir


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come about within 60 s"
        time.sleep(0.02)


def command_lines() -> list[str]:
    """Those of all processes that live."""
    return [" ".join(found.info["cmdline"] or ()) for found in psutil.process_iter(["cmdline"])]


def accrue(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_all_four_through_the_command_line(home: Path) -> None:
    given = ports.pick(())
    up = accrue("up", "--dir", str(home), "--json", "--kafka-heap-mb", "384", "--port", f"valkey={given}")
    assert up.returncode == 0, up.stderr
    facts = json.loads(up.stdout)
    assert facts["redis_url"] == f"redis://127.0.0.1:{given}/0"
    assert [server["state"] for server in facts["servers"]] == ["running"] * 4
    assert all(server["memory_bytes"] > 1 << 20 for server in facts["servers"])
    assert "kafka: ready" in up.stderr
    recorded = json.loads((home / "stack.json").read_text())
    assert recorded["pids"] == {server["name"]: server["pid"] for server in facts["servers"]}
    assert recorded["bootstrap_servers"] == facts["bootstrap_servers"] == f"127.0.0.1:{recorded['ports']['kafka']}"

    # The command has ended; the servers have not, and a second `up` leaves them alone.
    again = accrue("up", "--dir", str(home), "--json")
    assert again.returncode == 0, again.stderr
    pids = {server["name"]: server["pid"] for server in json.loads(again.stdout)["servers"]}
    assert pids == recorded["pids"]
    stack = LocalStack.attach(home)
    assert {server.name: server.pid for server in stack.servers} == pids
    assert "-Xmx384m" in (stack.kafka.data_dir / "java.args").read_text()

    other_port = accrue("up", "--dir", str(home), "--port", f"valkey={given + 1}")
    assert other_port.returncode == 1
    assert f"valkey runs on port {given}, not {given + 1}" in other_port.stderr
    other_heap = accrue("up", "--dir", str(home), "--kafka-heap-mb", "512")
    assert other_heap.returncode == 1
    assert "heap of 384 MiB, not 512" in other_heap.stderr

    down = accrue("down", "--dir", str(home), "--json")
    assert down.returncode == 0, down.stderr
    assert json.loads(down.stdout)["ended"] == ["kafka", "registry", "valkey", "postgres"]
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert all(ports.is_free(port) for port in recorded["ports"].values())
    assert accrue("status", "--dir", str(home)).returncode == 1
    assert accrue("down", "--dir", str(home)).stdout == f"Nothing ran in {home}.\n"


def test_status_tells_running_stopped_and_crashed_apart(home: Path) -> None:
    stack = LocalStack.up(home, only=SMALL)
    shown = accrue("status", "--dir", str(home), "--json")
    assert shown.returncode == 0, shown.stderr
    states = {server["name"]: server["state"] for server in json.loads(shown.stdout)["servers"]}
    assert states == {"kafka": "stopped", "registry": "stopped", "valkey": "running", "postgres": "running"}

    assert stack.valkey.pid is not None
    psutil.Process(stack.valkey.pid).kill()
    until(lambda: stack.valkey.status().state == "crashed", "the crash")
    shown = accrue("status", "--dir", str(home))
    assert shown.returncode == 1
    assert "valkey\tcrashed" in shown.stdout
    assert "valkey ended unasked" in shown.stderr

    LocalStack.up(home, only=SMALL)
    assert stack.valkey.status().state == "running"


def test_the_next_start_has_the_same_ports_and_data(home: Path) -> None:
    with LocalStack.up(home, only=["valkey"]) as stack:
        before = stack.settings
        with redis.Redis.from_url(before.redis_url) as client:
            client.set("kept", "1")
    assert not stack.valkey.running

    with LocalStack.up(home, only=["valkey"]) as stack:
        assert stack.settings == before
        with redis.Redis.from_url(before.redis_url) as client:
            assert client.get("kept") == b"1"
        assert stack.down(wipe=True) == ("valkey",)
    assert not home.exists()


def test_a_port_that_was_taken_meanwhile_is_replaced(home: Path) -> None:
    with LocalStack.up(home, only=["valkey"]) as stack:
        before = stack.valkey.port
    with socket.create_server(("127.0.0.1", before)), LocalStack.up(home, only=["valkey"]) as stack:
        assert stack.valkey.port != before
        with redis.Redis.from_url(stack.settings.redis_url) as client:
            assert client.ping()
        taken = accrue("up", "--dir", str(home), "--only", "postgres", "--port", f"postgres={before}")
        assert taken.returncode == 1
        assert f"port {before} for postgres is taken" in taken.stderr


def test_one_that_fails_takes_the_others_of_its_call_along(home: Path) -> None:
    with LocalStack.up(home, only=["valkey"]) as stack:
        (stack.postgres.data_dir / "data").mkdir(parents=True)  # no database in it
        with pytest.raises(
            DevstackError, match=r"postgres ended while starting with exit code 2\n--- .*postgres\.log\n.*data"
        ):
            LocalStack.up(home, only=SMALL)
        assert stack.valkey.running  # it ran before
        stack.valkey.stop()
        with pytest.raises(DevstackError, match="postgres ended while starting"):
            LocalStack.up(home, only=SMALL)
        assert not stack.valkey.running


def test_an_interrupt_from_the_progress_callback_ends_what_was_started(home: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == "ready":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalStack.up(home, only=SMALL, on_progress=interrupt)

    assert [status.state for status in LocalStack(home).status()] == ["stopped"] * 4


@pytest.mark.parametrize(
    "arguments", [["--only", "zookeeper"], ["--port", "valkey"], ["--port", "valkey=0"], ["--kafka-heap-mb", "x"]]
)
def test_misuse_exits_with_two_and_starts_nothing(home: Path, arguments: list[str]) -> None:
    refused = accrue("up", "--dir", str(home), *arguments)

    assert refused.returncode == 2
    assert "Usage: accrue up" in refused.stderr.replace("python -m pipeline.cli.main", "accrue")
    assert refused.stdout == ""
    assert not home.exists()


@pytest.mark.parametrize("names", [{"only": ["zookeeper"]}, {"ports": {"zookeeper": 1}}])
def test_unknown_names_are_refused(home: Path, names: dict[str, list[str]]) -> None:
    with pytest.raises(DevstackError, match="'zookeeper' is unknown: choose from kafka"):
        LocalStack.up(home, **names)  # type: ignore[arg-type]


STARTER = """\
import os, signal, sys
from pipeline.devstack import LocalStack
stack = LocalStack.up(sys.argv[1], only=["valkey", "postgres"], **{sys.argv[2]: True})
print("up", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def start_and_be_killed(home: Path, how: str) -> None:
    starter = subprocess.run(
        [sys.executable, "-c", STARTER, str(home), how], capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert starter.returncode == -9, starter.stderr
    assert starter.stdout == "up\n"


def test_guarded_servers_end_with_a_process_that_is_killed(home: Path) -> None:
    start_and_be_killed(home, "guarded")

    until(lambda: json.loads((home / "stack.json").read_text())["pids"] == {}, "the end of the servers")
    assert [status.state for status in LocalStack(home).status()] == ["stopped"] * 4
    assert (home / "guard.log").read_text() == ""
    assert (home / "postgres-18" / "data").exists()


def test_temporary_servers_leave_nothing_behind_when_their_process_is_killed(home: Path) -> None:
    start_and_be_killed(home, "temporary")

    until(lambda: not home.exists(), "the end of the directory")
    until(lambda: not any(str(home) in line for line in command_lines()), "the end of the guard")


def test_the_guard_leaves_with_an_ordinary_end(home: Path) -> None:
    with LocalStack.up(home, only=["valkey"], temporary=True):
        children = psutil.Process().children()
        assert any(str(home) in child.cmdline() and "-c" in child.cmdline() for child in children)
    assert not home.exists()
    assert not any(str(home) in " ".join(child.cmdline()) for child in psutil.Process().children())
