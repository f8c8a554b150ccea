"""What the faults of a run act on, and what they leave on record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from pipeline.demo.stage import Stage
from pipeline.devstack import LocalStack
from tests.chaos.load import Load
from tests.chaos.monitor import LANES, Monitor
from tests.chaos.process_logs import ProcessLogs
from tests.chaos.schedule import Fault
from tests.chaos.staff import Staff

POLL_S: Final = 0.1


@dataclass
class Injected:
    """A fault that was done. `bit`: it met what it was to meet; None: to be found out at the end.

    Recovery counts from `since_s` until `of` (lanes, postgres or redis) has worked off all that was there by then.
    """

    kind: str
    began_s: float
    since_s: float
    bit: bool | None
    of: str = LANES
    note: str = ""


@dataclass
class Run:
    """One run. `ending` is set when it is broken off."""

    seed: int
    stage: Stage
    stack: LocalStack
    staff: Staff
    load: Load
    monitor: Monitor
    logs: ProcessLogs
    ending: threading.Event = field(default_factory=threading.Event)
    injected: list[Injected] = field(default_factory=list)
    load_ended_s: float = 0.0

    def draw(self, fault: Fault) -> Random:
        """Chance for the details of one fault."""
        return Random(f"{self.seed}/{fault.kind}/{fault.number}")

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came about within so many seconds. Raises BrokenOff."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.pause(POLL_S)
        return True

    def pause(self, seconds: float) -> None:
        """Let time go by. Raises BrokenOff."""
        if self.ending.wait(seconds):
            raise BrokenOff


class BrokenOff(Exception):
    """The run was interrupted, or another part of it failed."""
