"""The demo's own processes, workers and sinks: started, killed, started again, and ended by id whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

ACCRUE: Final = (sys.executable, "-m", "pipeline.cli.main")
_LOG_TAIL_BYTES: Final = 4_096
_POLL_S: Final = 0.02

# A bare interpreter that remembers the ids it is told of; if the demo is killed, the pipe closes and it ends them.
_WATCH: Final = """\
import os, signal, sys
pids = set()
for line in sys.stdin:
    (pids.add if line[0] == "+" else pids.discard)(int(line[1:]))
for pid in pids:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        continue
"""


class CrewError(Exception):
    """A process of the demo ended by itself; the message holds the tail of its log."""


class Crew:
    """Processes of the `accrue` command by name. As a context manager it ends them on leaving."""

    def __init__(self, directory: Path, env: Mapping[str, str], command: Sequence[str] = ACCRUE) -> None:
        """directory: their working directory and place of their logs. env: added to this process's environment."""
        self._directory = directory
        self._command = tuple(command)
        # A setting left over in the shell, such as another cluster's, must not reach them.
        own = {name: value for name, value in os.environ.items() if not name.startswith("ACCRUE_")}
        self._env = {**own, **env}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._arguments: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {}
        self._watch = subprocess.Popen(  # noqa: S603 - this interpreter with our own code
            [sys.executable, "-c", _WATCH], stdin=subprocess.PIPE, start_new_session=True
        )

    def start(self, name: str, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start `accrue ARGUMENTS` as `name`, with `env` for it alone; its output is appended to NAME.log."""
        assert name not in self._running, f"{name} runs already"
        own_env = dict(env or {})
        self._arguments[name] = (tuple(arguments), own_env)
        with self.log(name).open("ab") as log:
            started = subprocess.Popen(  # noqa: S603 - our own command
                [*self._command, *arguments],
                cwd=self._directory,
                env={**self._env, **own_env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the demo's alone: it ends them in order
            )
        self._running[name] = started
        self._tell(f"+{started.pid}\n")

    def kill(self, name: str) -> None:
        """End it at once with SIGKILL, as a crash would, and return when it is gone."""
        process = self._running[name]
        process.kill()
        process.wait()
        self._gone(name)

    def restart(self, name: str) -> None:
        """Start it again as it was started before."""
        self.start(name, *self._arguments[name])

    def log(self, name: str) -> Path:
        """Where its output goes."""
        return self._directory / f"{name}.log"

    def pid(self, name: str) -> int:
        """Its process id."""
        return self._running[name].pid

    def cpu_s(self, name: str) -> float:
        """Processor seconds that it has used since it was last started."""
        times = psutil.Process(self._running[name].pid).cpu_times()
        return float(times.user + times.system)

    def check(self) -> None:
        """Raises CrewError if one of them has ended by itself."""
        for name in list(self._running):
            if self.ended(name):
                raise CrewError(f"{name} ended by itself without being asked to\n{self._log_tail(name)}")

    def ended(self, name: str) -> bool:
        """Whether it has ended by itself, in order. Raises CrewError if it ended with another code than 0."""
        code = self.exit_code(name)
        if code is None:
            return False
        if code:
            raise CrewError(f"{name} ended by itself with code {code}\n{self._log_tail(name)}")
        return True

    def exit_code(self, name: str) -> int | None:
        """The code that it has ended with by itself, None while it runs; it may be started again then."""
        code = self._running[name].poll()
        if code is not None:
            self._gone(name)
        return code

    def runs(self, name: str) -> bool:
        """Whether it was started and not yet seen to end."""
        return name in self._running

    def stop(self, name: str, grace_s: float = 20.0) -> None:
        """Ask it to end, and end it with SIGKILL after `grace_s` seconds."""
        self._stop([name], grace_s)

    def stop_all(self, grace_s: float = 20.0) -> None:
        """Ask all to end at once, and end those with SIGKILL that have not after `grace_s` seconds."""
        self._stop(list(self._running), grace_s)

    def _stop(self, names: list[str], grace_s: float) -> None:
        for name in names:
            self._running[name].send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        for name in names:
            process = self._running[name]
            try:
                process.wait(max(_POLL_S, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._gone(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop_all()
        finally:
            assert self._watch.stdin is not None
            self._watch.stdin.close()  # ends whatever is still on its list
            self._watch.wait()

    def _gone(self, name: str) -> None:
        self._tell(f"-{self._running.pop(name).pid}\n")

    def _tell(self, line: str) -> None:
        assert self._watch.stdin is not None
        self._watch.stdin.write(line.encode())
        self._watch.stdin.flush()

    def _log_tail(self, name: str) -> str:
        with self.log(name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace").strip()
        return f"--- {self.log(name)}\n{text or '(it wrote nothing)'}"
