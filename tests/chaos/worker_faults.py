"""Faults of workers: killed, stopped and continued, joining and leaving, their disks and their clocks."""

from __future__ import annotations

import os
import resource
import signal
import time
import urllib.request
from pathlib import Path
from random import Random
from typing import Final

from pipeline.failpoints import EVENT
from tests.chaos import schedule
from tests.chaos.process_logs import Said
from tests.chaos.run_state import Injected, Run
from tests.chaos.schedule import Fault
from tests.chaos.staff import EXTRA, SESSION_TIMEOUT_MS, cards

EVIDENCE_S: Final = 60.0
"""How long a fault is kept up, or waited for, until it shows that it bites."""
CLOCKS_MS: Final = {
    schedule.CLOCK_HOUR_AHEAD: 3_600_000,
    schedule.CLOCK_HOUR_BEHIND: -3_600_000,
    schedule.CLOCK_DAY_AHEAD: 86_400_000,
    schedule.CLOCK_DAY_BEHIND: -86_400_000,
}
SETTLED_S: Final = 1.5
DAMAGEABLE: Final = ("*.sst", "*.log", "MANIFEST-*", "CURRENT")


def kill(run: Run, fault: Fault) -> list[Injected]:
    """kill -9, and started again at once, armed with the next failpoint."""
    draw = run.draw(fault)
    settled_s = draw.uniform(0.0, 2 * SETTLED_S)
    with run.staff.taken(draw, lambda name: at_work(run, name, settled_s)) as name:
        began_s = time.time()
        bit = has_lanes(run, name)
        run.staff.kill(name)
        run.staff.start(name, run.staff.next_failpoints())
    return [Injected(fault.kind, began_s, began_s, bit)]


def fail_at(run: Run, fault: Fault) -> list[Injected]:
    """Killed, and back armed with a failpoint at one point, which is given time to bite."""
    point = fault.kind.removeprefix("failpoint ")
    settings = cards(run.seed, point)
    with run.staff.taken(run.draw(fault), lambda name: at_work(run, name)) as name:
        began_s = time.time()
        run.staff.kill(name)
        run.staff.start(name, settings[fault.number % len(settings)])
        run.wait_for(lambda: run.logs.found([name], began_s, lambda said: said.event == EVENT), EVIDENCE_S)
    return []  # counted from the logs, with those that killed workers were armed with


def zombie(run: Run, fault: Fault) -> list[Injected]:
    """Stopped until its partitions are others', then continued as if nothing had been."""
    draw = run.draw(fault)
    with run.staff.taken(draw, lambda name: at_work(run, name)) as name:
        began_s = time.time()
        had_lanes = has_lanes(run, name)
        pid = run.staff.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            run.pause(SESSION_TIMEOUT_MS / 1000 + draw.uniform(0.5, 2.5))
        finally:
            os.kill(pid, signal.SIGCONT)
        continued_s = time.time()
        bit = had_lanes and run.wait_for(lambda: run.logs.found([name], continued_s, _shut_out), EVIDENCE_S)
    return [Injected(fault.kind, began_s, began_s, bit)]


def rebalance(run: Run, fault: Fault) -> list[Injected]:
    """Another worker joins, gets partitions, and leaves in order."""
    with run.staff.alone_with(EXTRA):
        joined_s = time.time()
        run.staff.start(EXTRA)
        joined = run.wait_for(lambda: run.logs.found([EXTRA], joined_s, _assigned), EVIDENCE_S)
        run.pause(run.draw(fault).uniform(0.0, 1.0))
        left_s = time.time()
        run.staff.stop(EXTRA)
        left = joined and run.wait_for(lambda: run.logs.found(run.staff.workers, left_s, _assigned), EVIDENCE_S)
    return [Injected(fault.kind, joined_s, joined_s, joined), Injected(fault.kind, left_s, left_s, left)]


def damage_store(run: Run, fault: Fault) -> list[Injected]:
    """A killed worker finds a file of every store of its own damaged."""
    draw = run.draw(fault)
    with run.staff.taken(draw, lambda name: at_work(run, name)) as name:
        began_s = time.time()
        run.staff.kill(name)
        damaged = [
            partition
            for partition in range(run.stage.partitions)
            if _damage(run.staff.store(name, partition), fault.kind, draw)
        ]
        started_s = time.time()
        run.staff.start(name)

        def opened(said: Said) -> bool:
            return said.event == "lane opened" and said.fields["partition"] in damaged and _of_log(run, said)

        bit = run.wait_for(lambda: run.logs.found([name], started_s, opened), EVIDENCE_S)
        rebuilt = run.logs.found([name], started_s, lambda said: "is damaged and is rebuilt" in said.event)
    return [Injected(fault.kind, began_s, started_s, bit, note="rebuilt" if rebuilt else "")]


def fill_disk(run: Run, fault: Fault) -> list[Injected]:
    """No file of a running worker can grow, until a lane has failed by it."""
    with run.staff.taken(run.draw(fault), lambda name: at_work(run, name)) as name:
        began_s = time.time()
        had_lanes = has_lanes(run, name)
        before = _reopenings(run, name) if had_lanes else 0.0
        pid = run.staff.pid(name)
        _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        try:
            bit = had_lanes and run.wait_for(lambda: _reopenings(run, name) > before, EVIDENCE_S)
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    return [Injected(fault.kind, began_s, time.time(), bit)]


def shift_clock(run: Run, fault: Fault) -> list[Injected]:
    """A worker's clock is wrong until the broker has refused a record for it."""
    with run.staff.taken(run.draw(fault), lambda name: at_work(run, name)) as name:
        began_s = time.time()
        file = run.staff.clock_file(name)
        file.write_text(str(CLOCKS_MS[fault.kind]))
        try:
            bit = run.wait_for(lambda: run.logs.found([name], began_s, _time_refused), EVIDENCE_S)
        finally:
            file.write_text("0")
    return [Injected(fault.kind, began_s, time.time(), bit)]


def has_lanes(run: Run, name: str) -> bool:
    """Whether a worker has a lane of the log open; those of other topics may have nothing to do for long."""
    return bool(_open_lanes(run, name))


def at_work(run: Run, name: str, settled_s: float = SETTLED_S) -> bool:
    """Whether it opened one a while ago: one that is hit whenever it opens a lane would never get anywhere."""
    return any(opened_s < time.time() - settled_s for opened_s in _open_lanes(run, name))


def _open_lanes(run: Run, name: str) -> list[float]:
    """When a worker, in its present life, opened the lanes of the log that it still has."""
    latest: dict[int, Said] = {}
    for said in run.logs.since(name, run.staff.started_s[name]):
        if said.event in ("lane opened", "lane closed") and _of_log(run, said):
            latest.setdefault(said.fields["partition"], said)
    return [said.at_s for said in latest.values() if said.event == "lane opened"]


def _of_log(run: Run, said: Said) -> bool:
    return bool(said.fields["topic"] == run.stage.connection.log.full_name)


def _assigned(said: Said) -> bool:
    return said.event == "partitions assigned" and bool(said.fields["partitions"])


def _shut_out(said: Said) -> bool:
    return said.event in ("partitions lost", "lane failed")


def _time_refused(said: Said) -> bool:
    why = str(said.fields.get("why", ""))
    return "the broker refuses records of" in why


def _reopenings(run: Run, name: str) -> float:
    """How often lanes of this worker were opened after a failure; 0 while it does not answer."""
    url = run.logs.metrics_url(name)
    if not url:
        return 0.0
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0
    lines = [line for line in text.splitlines() if line.startswith("accrue_lane_reopenings_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _damage(folder: Path, kind: str, draw: Random) -> bool:
    """Damage one file of a store; whether there was one."""
    files = sorted(path for pattern in DAMAGEABLE for path in folder.glob(pattern) if path.stat().st_size)
    if not files:
        return False
    victim = draw.choice(files)
    size = victim.stat().st_size
    if kind == schedule.STORE_REMOVED:
        victim.unlink()
    elif kind == schedule.STORE_TRUNCATED:
        os.truncate(victim, draw.randrange(size))
    else:
        with victim.open("r+b") as file:
            file.seek(draw.randrange(size))
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ (1 << draw.randrange(8))]))
    return True
