"""Processes that outlive the command that starts them: spawn, recognise, measure and end them by id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.devstack.errors import ServerError

_GONE_WITHIN_S = 30.0  # SIGKILL ends a process at once unless the kernel holds it, as a dead disk makes it do


@dataclass(frozen=True)
class Account:
    """The system account that a process runs as: numeric user and group."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str], *, cwd: Path, log: Path, env: Mapping[str, str], account: Account | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that neither Ctrl-C nor the end of this process ends it.

    Its output is appended to `log`. Only `env` and a few harmless variables reach it, so that a
    setting left over in a shell cannot change a server.

    Raises OSError if the command cannot be executed.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - the command is made of our own paths
            list(command),
            cwd=cwd,
            env={**kept, "LANG": "C.UTF-8", "TZ": "UTC", **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    # For an instant after its start a process has no command line, and `find` would not know it.
    while child.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(child.pid).cmdline():
                break
        time.sleep(0.001)
    return child


def find(pid: int | None, command: Sequence[str]) -> psutil.Process | None:
    """The live process with this id, but only if it was started by exactly this command.

    Every server's command holds the absolute path of its own state directory, so a process id that
    the system has given to something else since is never taken for ours.
    """
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or process.cmdline() != list(command):
            return None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None  # gone, or another user's: in neither case ours
    return process


def end(process: psutil.Process, *, stop_signal: signal.Signals, grace_s: float) -> bool:
    """End a process and its descendants: the signal, `grace_s` seconds to obey it, then SIGKILL.

    Returns whether it obeyed the signal.
    """
    family = _descendants(process)
    obeyed = True
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)
        try:
            process.wait(grace_s)
        except psutil.TimeoutExpired:
            obeyed = False
    _kill_all([process, *family])
    return obeyed


def kill(process: psutil.Process) -> None:
    """End a process and its descendants at once with SIGKILL, as a crash would, and wait until they are gone."""
    _kill_all([process, *_descendants(process)])


def memory_bytes(process: psutil.Process) -> int:
    """Memory that the process and its descendants hold.

    Pages that several of them share are counted once where the system can tell (Linux), else once each.
    """
    total = 0
    for member in [process, *_descendants(process)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                full = member.memory_full_info()
                total += int(getattr(full, "pss", full.rss))
            except psutil.AccessDenied:
                total += int(member.memory_info().rss)
    return total


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _kill_all(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(processes, timeout=_GONE_WITHIN_S)
    if alive:
        raise ServerError(
            f"processes {[member.pid for member in alive]} are still there {_GONE_WITHIN_S:.0f} s after SIGKILL"
        )
