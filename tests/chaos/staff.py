"""The workers and sinks of a run: taken by one fault at a time, armed with failpoints, started again when they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from pipeline.demo.crew import Crew
from pipeline.demo.stage import SINKS, Stage
from pipeline.failpoints import EXIT_CODE

SESSION_TIMEOUT_MS: Final = 3_000
HEARTBEAT_MS: Final = 750
EXTRA: Final = "extra"
"""The worker that joins and leaves."""
POLL_S: Final = 0.1
READY_S: Final = 60.0

_PLACES: Final = {
    "fence": (1, 1),  # a worker may have but one lane to open
    "begin": (2, 60),
    "send": (5, 200),
    "commit": (2, 60),
    "store.write": (3, 60),
    "append": (1, 6),
}
"""Where workers fail, and the first and last time at which they do."""


def deck(seed: int) -> list[str]:
    """Every way in which a worker can fail at a failpoint, shuffled; each is a setting."""
    draw = Random(f"failpoints/{seed}")
    settings = []
    for point, times in _PLACES.items():
        for moment in ("before", "after"):
            actions = ["exit", "error"]
            if point == "store.write":
                actions.append("enospc")
            if point == "commit" and moment == "before":
                actions.append("pause")
            settings += [f"{point}:{moment}={action}@#{draw.randint(*times)}" for action in actions]
    draw.shuffle(settings)
    return settings


def cards(seed: int, point: str) -> list[str]:
    """Those of the deck that are about one point."""
    return [setting for setting in deck(seed) if setting.startswith(f"{point}:")]


def sink_deck(seed: int) -> list[str]:
    """The same for a sink."""
    draw = Random(f"sink failpoints/{seed}")
    settings = [
        f"sink.write:{moment}={action}@#{draw.randint(1, 8)}"
        for moment in ("before", "after")
        for action in ("exit", "error", "enospc", "pause")
    ]
    draw.shuffle(settings)
    return settings


class Staff:
    """Starts again whoever has ended; what ended without being made to is remembered as a finding."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self._crew: Crew = stage.crew
        self._ending = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="staff", daemon=True)
        self.workers = list(stage.workers)
        self.sinks = [f"sink-{name}" for name in SINKS]
        self.everyone = [*self.workers, *self.sinks, EXTRA]
        self._locks = {name: threading.Lock() for name in self.everyone}
        self._deck = deck(seed)
        self._dealt = 0
        self.started_s: dict[str, float] = {}
        self.findings: list[str] = []
        self.exits = 0
        """At failpoints."""

    def _supervise(self) -> None:
        while not self._ending.wait(POLL_S):
            for name in self.everyone:
                if self._locks[name].acquire(blocking=False):
                    try:
                        self._look_after(name)
                    finally:
                        self._locks[name].release()

    def start_supervising(self) -> None:
        """From now on whoever ends is started again."""
        self._supervisor.start()

    def end(self) -> None:
        """Nobody is started again from now on."""
        self._ending.set()
        if self._supervisor.is_alive():
            self._supervisor.join()

    @contextmanager
    def taken(self, draw: Random, ready: Callable[[str], bool]) -> Iterator[str]:
        """One of the workers that are ready for a fault, which no other fault touches meanwhile.

        Waits for one; after READY_S any that runs will do.
        """
        deadline = time.monotonic() + READY_S
        while True:
            for name in draw.sample(self.workers, len(self.workers)):
                if self._locks[name].acquire(blocking=False):
                    try:
                        if self._crew.runs(name) and (ready(name) or time.monotonic() > deadline):
                            yield name
                            return
                    finally:
                        self._locks[name].release()
            time.sleep(POLL_S)

    @contextmanager
    def alone_with(self, name: str) -> Iterator[str]:
        """This process, once no other fault is at it."""
        with self._locks[name]:
            yield name

    def start(self, name: str, failpoints: str = "") -> None:
        """Start a worker or a sink."""
        settings = {"ACCRUE_FAILPOINTS": failpoints} if failpoints else {}
        self.started_s[name] = time.time()
        if name in self.sinks:
            self._crew.start(name, ["sink", "run", name.removeprefix("sink-")], settings)
            return
        settings |= {
            "ACCRUE_DATA_DIR": str(self.data_dir(name)),
            "ACCRUE_CLOCK_FILE": str(self.clock_file(name)),
            "ACCRUE_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "ACCRUE_KAFKA_HEARTBEAT_INTERVAL_MS": str(HEARTBEAT_MS),
        }
        self._crew.start(name, ["worker"], settings)

    def kill(self, name: str) -> None:
        """End it with SIGKILL, unless it has just ended by itself."""
        if self._ended(name):
            return
        self._crew.kill(name)

    def stop(self, name: str) -> None:
        """Ask it to end."""
        if not self._ended(name):
            self._crew.stop(name)

    def pid(self, name: str) -> int:
        return self._crew.pid(name)

    def next_failpoints(self) -> str:
        """The next card of the deck, from its beginning again when it is used up."""
        card = self._deck[self._dealt % len(self._deck)]
        self._dealt += 1
        return card

    def data_dir(self, name: str) -> Path:
        return self._stage.directory / name

    def store(self, name: str, partition: int) -> Path:
        """The folder of a lane's RocksDB store."""
        settings = self._stage.settings
        return self.data_dir(name) / settings.app_id / self._stage.connection.log.full_name / str(partition)

    def clock_file(self, name: str) -> Path:
        return self._stage.directory / f"{name}.clock"

    def _look_after(self, name: str) -> None:
        if self._ended(name) and name != EXTRA:
            self.start(name)

    def _ended(self, name: str) -> bool:
        """Whether it has ended by itself; at a failpoint it was made to."""
        if not self._crew.runs(name):
            return False
        code = self._crew.exit_code(name)
        if code is None:
            return False
        if code == EXIT_CODE:
            self.exits += 1
        else:
            self.findings.append(f"{name} ended by itself with code {code}: see {self._crew.log(name)}")
        return True
