"""Failpoints: places where a test lets the pipeline fail on purpose. Without the setting nothing is wrapped.

ACCRUE_FAILPOINTS is a list such as `send:before=exit@#40,commit:after=error@0.02,store.write:before=enospc@#3,seed=7`:
at which point, before or after the operation, what happens, and when: `@#40` at the 40th time, `@0.02` each time with
that probability, drawn from the seed.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, final

from pipeline import logs
from pipeline.settings import InvalidSettings, variable

POINTS: Final = ("fence", "begin", "send", "commit", "store.write", "append", "sink.write")
"""The operations of a lane's transaction and store, appends to the log by relay, fulfilment and ticks, and a sink's
writes."""
MOMENTS: Final = ("before", "after")
ACTIONS: Final = ("exit", "error", "enospc", "pause")
"""exit: the process ends at once, as by kill -9. error, enospc: the operation fails. pause: it takes longer."""
EXIT_CODE: Final = 86
PAUSE_SECONDS: Final = 2.0
EVENT: Final = "failpoint"
"""What is logged at each bite."""

_FORM: Final = re.compile(r"(?P<point>[a-z.]+):(?P<moment>[a-z]+)=(?P<action>[a-z]+)@(?P<when>#?[0-9.]+)")

log = logs.logger("accrue.failpoints")


@dataclass(frozen=True)
class Failpoint:
    """One place and what happens there: at the `nth` time (from 1), or if that is 0 with `probability` (0 to 1)."""

    point: str
    moment: str
    action: str
    nth: int
    probability: float


@final
class Failpoints:
    """Failpoints that are armed. May be shared by threads."""

    def __init__(self, failpoints: list[Failpoint], seed: int) -> None:
        self._armed: dict[tuple[str, str], list[tuple[Failpoint, Random]]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        for each in failpoints:
            draw = Random(f"{seed}/{each}")  # noqa: S311 - faults of a test, no secret
            self._armed.setdefault((each.point, each.moment), []).append((each, draw))

    def around(self, point: str, operation: Callable[[], object], fail: Callable[[str], Exception]) -> None:
        """Run an operation with what is armed before and after it; `fail` makes the exception out of its message.

        What is armed after it finds the operation done: only its answer is lost.
        """
        self._reach(point, "before", fail)
        operation()
        self._reach(point, "after", fail)

    def watches(self, point: str) -> bool:
        """Whether anything is armed at this point."""
        return any((point, moment) in self._armed for moment in MOMENTS)

    def _reach(self, point: str, moment: str, fail: Callable[[str], Exception]) -> None:
        place = (point, moment)
        armed = self._armed.get(place)
        if armed is None:
            return
        with self._lock:
            count = self._counts[place] = self._counts.get(place, 0) + 1
            biting = [
                each
                for each, draw in armed
                if (count == each.nth if each.nth else draw.random() < each.probability)
            ]  # fmt: skip
        for each in biting:
            _bite(each, count, fail)


def armed(text: str) -> Failpoints | None:
    """The failpoints that a setting asks for, None where it is empty. Raises InvalidSettings."""
    if not text:
        return None
    seed = 0
    failpoints: list[Failpoint] = []
    for part in (part.strip() for part in text.split(",")):
        name, _, number = part.partition("=")
        if name == "seed" and number.isascii() and number.isdigit():
            seed = int(number)
        else:
            failpoints.append(_failpoint(part))
    log.warning("failpoints armed: this process fails on purpose", failpoints=text)
    return Failpoints(failpoints, seed)


def _failpoint(part: str) -> Failpoint:
    found = _FORM.fullmatch(part)
    if found is None:
        raise _refusal(part, "write POINT:MOMENT=ACTION@WHEN or seed=NUMBER")
    for group, known in (("point", POINTS), ("moment", MOMENTS), ("action", ACTIONS)):
        if found[group] not in known:
            raise _refusal(part, f"{found[group]!r} is no {group}: choose from {', '.join(known)}")
    point, moment, action, when = found.group("point", "moment", "action", "when")
    if when.startswith("#"):
        if not when[1:].isdigit() or int(when[1:]) < 1:
            raise _refusal(part, f"{when!r} is no count: write #1 or more")
        return Failpoint(point, moment, action, int(when[1:]), 0.0)
    try:
        probability = float(when)
    except ValueError:
        probability = -1.0
    if not 0.0 < probability <= 1.0:
        raise _refusal(part, f"{when!r} is no probability: write a number above 0 and at most 1, or #1 for the first")
    return Failpoint(point, moment, action, 0, probability)


def _refusal(part: str, remedy: str) -> InvalidSettings:
    return InvalidSettings(f"{variable('failpoints')} holds {part!r}: {remedy}")


def _bite(failpoint: Failpoint, count: int, fail: Callable[[str], Exception]) -> None:
    place = f"{failpoint.point}:{failpoint.moment}"
    log.warning(EVENT, point=failpoint.point, moment=failpoint.moment, action=failpoint.action, count=count)
    if failpoint.action == "exit":
        os._exit(EXIT_CODE)  # the handler has flushed the line above
    elif failpoint.action == "pause":
        time.sleep(PAUSE_SECONDS)
    elif failpoint.action == "enospc":
        raise fail(f"failpoint {place}: {os.strerror(errno.ENOSPC)}")
    else:
        raise fail(f"failpoint {place}")
