"""Processes are recognised by their command, ended with their descendants, and never confused with a stranger's."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.devstack import DevstackError, LocalStack, ports, process
from pipeline.devstack.state import HOST, Record, Settings, StateFile

Spawn = Callable[[str], tuple[psutil.Process, list[str], Path]]
"""Takes Python code; gives the process, its command and its log."""

WAIT = "import time\nwhile True: time.sleep(60)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\n" + WAIT
CHILD = "print('settled', flush=True)\n" + WAIT
PARENT = f"import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', {CHILD!r}]).pid, flush=True)\n" + WAIT


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come about within 30 s"
        time.sleep(0.01)


@pytest.fixture
def spawned(tmp_path: Path) -> Iterator[Spawn]:
    started = []

    def spawn(code: str) -> tuple[psutil.Process, list[str], Path]:
        command = [sys.executable, "-c", code]
        log = tmp_path / "logs" / f"{len(started)}.log"
        child = process.spawn(command, cwd=tmp_path, log=log, env={})
        started.append(child)
        found = process.find(child.pid, command)
        assert found is not None
        return found, command, log

    yield spawn
    for child in started:
        if (found := process.find(child.pid, list(child.args))) is not None:
            process.kill(found)
        child.wait()


def test_a_process_is_found_by_its_command_alone(
    spawned: Spawn,
) -> None:
    found, command, _ = spawned(WAIT)

    assert process.find(found.pid, command) == found
    assert process.find(found.pid, [*command, "--other"]) is None
    assert process.find(None, command) is None
    process.kill(found)
    assert process.find(found.pid, command) is None


def test_a_process_is_out_of_reach_of_the_terminals_interrupt(
    spawned: Spawn,
) -> None:
    found, _, _ = spawned(WAIT)

    assert os.getsid(found.pid) == found.pid


def test_one_that_obeys_is_ended_by_its_signal(
    spawned: Spawn,
) -> None:
    found, _, _ = spawned(WAIT)

    assert process.end(found, stop_signal=signal.SIGTERM, grace_s=30)
    assert not found.is_running()


def test_one_that_is_deaf_to_its_signal_is_killed(
    spawned: Spawn,
) -> None:
    found, _, log = spawned(STUBBORN)
    until(lambda: "deaf" in log.read_text(), "ignoring the signal")

    assert not process.end(found, stop_signal=signal.SIGTERM, grace_s=0.2)
    assert not found.is_running()


@pytest.mark.parametrize("how", ["end", "kill"])
def test_descendants_end_with_their_parent(spawned: Spawn, how: str) -> None:
    found, _, log = spawned(PARENT)
    until(lambda: len(log.read_text().split()) == 2, "the child's start")
    child = psutil.Process(next(int(word) for word in log.read_text().split() if word.isdigit()))

    assert process.memory_bytes(found) > process.memory_bytes(child) > 1 << 20
    if how == "end":
        process.end(found, stop_signal=signal.SIGTERM, grace_s=30)
    else:
        process.kill(found)

    assert not child.is_running()


def test_down_leaves_a_stranger_alone_that_was_given_our_process_id(spawned: Spawn, tmp_path: Path) -> None:
    stranger, _, _ = spawned(WAIT)

    def reused(record: Record) -> None:
        record.ports = dict.fromkeys(("kafka", "registry", "valkey", "postgres"), 1)
        record.pids["valkey"] = stranger.pid
        record.commands["valkey"] = ["valkey-server", "valkey.conf"]

    StateFile(tmp_path).update(reused)
    stack = LocalStack(tmp_path)

    assert {status.name: status.state for status in stack.status()}["valkey"] == "crashed"
    assert stack.down() == ()
    assert stranger.is_running()
    assert stranger.status() != psutil.STATUS_ZOMBIE
    assert StateFile(tmp_path).read().pids == {}


def test_the_state_file_tells_the_addresses(tmp_path: Path) -> None:
    state = StateFile(tmp_path)
    assert state.read() == Record()

    def ports_of(record: Record) -> None:
        record.ports = {"kafka": 1, "registry": 2, "valkey": 3, "postgres": 4}

    state.update(ports_of)

    content = json.loads((tmp_path / "stack.json").read_text())
    expected = Settings(
        "127.0.0.1:1",
        "http://127.0.0.1:2/apis/ccompat/v7",
        "redis://127.0.0.1:3/0",
        "postgresql://postgres@127.0.0.1:4/postgres",
    )
    assert {name: content[name] for name in vars(expected)} == vars(expected)
    assert LocalStack(tmp_path).settings == expected


@pytest.mark.parametrize(("text", "named"), [("{", "not valid JSON"), ("{}", "'ports' is missing"), ("[]", "missing")])
def test_a_damaged_state_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "stack.json").write_text(text)

    with pytest.raises(DevstackError, match=rf"stack\.json: .*{named}"):
        StateFile(tmp_path).read()


def test_without_a_stack_everything_says_how_to_get_one(tmp_path: Path) -> None:
    for ask in (
        lambda: LocalStack.attach(tmp_path),
        lambda: LocalStack(tmp_path).settings,
        LocalStack(tmp_path).status,
    ):
        with pytest.raises(DevstackError, match="accrue up"):
            ask()
    assert LocalStack(tmp_path / "missing").down(wipe=True) == ()
    assert not (tmp_path / "missing").exists()


def test_down_with_wipe_leaves_files_that_are_not_the_stacks(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    StateFile(tmp_path).update(
        lambda record: record.ports.update(dict.fromkeys(("kafka", "registry", "valkey", "postgres"), 1))
    )
    (tmp_path / "valkey").mkdir()

    LocalStack(tmp_path).down(wipe=True)

    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_listening_port_is_not_free_and_is_never_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        monkeypatch.setattr(ports, "FIRST", port)
        monkeypatch.setattr(ports, "LAST", port)
        with pytest.raises(DevstackError, match=f"no free loopback port between {port} and {port}"):
            ports.pick(())
    assert ports.is_free(port)
    assert ports.pick(()) == port
    with pytest.raises(DevstackError, match="no free loopback port"):
        ports.pick([port])
