"""What must hold after a run: the invariants against the oracle, and that nothing else went wrong on the way."""

from __future__ import annotations

import time
from typing import Final

from pipeline.demo.audit import Faults
from pipeline.demo.gather import LOG_FILE, collect
from pipeline.demo.positions import Positions
from pipeline.demo.proof import Evidence, prove
from pipeline.demo.report import Check
from pipeline.demo.run import fill_stores, stop_workers
from pipeline.history.replay import Replay
from tests.chaos.evidence import InputFaults
from tests.chaos.monitor import SINK_TOPICS
from tests.chaos.run_state import Run
from tests.chaos.watch import Lines

DRAINED_WITHIN_S: Final = 120.0


def drain(run: Run) -> float:
    """Seconds until lanes, relays and sinks have worked off everything; more than DRAINED_WITHIN_S if they do not."""
    began_s = time.monotonic()
    positions = Positions(run.stage.connection, run.stage.partitions)
    try:
        run.wait_for(lambda: positions.quiet() and _sinks_at_end(run), DRAINED_WITHIN_S)
    finally:
        positions.close()
    return time.monotonic() - began_s


def gather(run: Run, lines: Lines) -> tuple[Evidence, InputFaults]:
    """Stop the workers, let the sinks finish, and read back all there is."""
    lines.act("stopping the workers")
    stop_workers(run.stage)
    evidence = collect(run.stage, fill_stores(run.stage), lines)
    inputs = InputFaults()
    for record in Replay(run.stage.directory / LOG_FILE).records():
        inputs.add(record)
    return evidence, inputs


def checks(run: Run, evidence: Evidence, drained_s: float) -> list[Check]:
    """I1 to I9, and what a run must not show beside them."""
    return [*prove(evidence), _drained(run, drained_s), _processes(run), _lanes(run), _errors(run), _sinks(run)]


def _sinks_at_end(run: Run) -> bool:
    for name in SINK_TOPICS:
        samples = run.monitor.samples[name]
        if not samples or samples[-1].at_s < time.time() - 5 or samples[-1].reached != samples[-1].ends:
            return False
    return True


def _drained(run: Run, drained_s: float) -> Check:
    faults = Faults()
    if drained_s >= DRAINED_WITHIN_S:
        log, lanes = run.monitor.latest()
        faults.add(f"not drained within {DRAINED_WITHIN_S:.0f} s: {lanes} of {log} positions decided")
    # A figure, no promise: a partition whose owners die one after the other, or whose broker is away, stands still.
    seconds, partition, since_s = run.monitor.longest_standstill_s()
    at = time.strftime("%H:%M:%S", time.gmtime(since_s))
    longest = f"longest standstill before: {seconds:.1f} s, partition {partition}, from {at}"
    found = f"{drained_s:.1f} s after the load; {longest}"
    return _check("I9", "after the faults everything is worked off", faults, found)


def _processes(run: Run) -> Check:
    faults = Faults()
    for finding in run.staff.findings:
        faults.add(finding)
    found = f"{run.staff.exits} ends at failpoints"
    return _check("Ends", "no process ends unless it is made to", faults, found)


def _lanes(run: Run) -> Check:
    faults = Faults()
    for name in run.staff.everyone:
        for said in run.logs.everything(name):
            if said.event == "lane broken: the partition stands still":
                faults.add(f"{name}: {said.fields['topic']}/{said.fields['partition']}: {said.fields['why']}")
    return _check("Lanes", "no lane stands still for good", faults, "none broken")


def _errors(run: Run) -> Check:
    """Every failure is one that the pipeline expects: no exception that nobody thought of."""
    faults = Faults()
    expected = 0
    for name in run.staff.everyone:
        for said in run.logs.everything(name):
            if "exception" in said.fields:
                faults.add(f"{name}: {said.event}: {said.fields['exception'].strip().splitlines()[-1]}")
            expected += said.event == "lane failed"
    return _check("Errors", "no failure that the pipeline does not expect", faults, f"{expected} lanes opened anew")


def _sinks(run: Run) -> Check:
    faults = Faults()
    for name in run.staff.sinks:
        for said in run.logs.everything(name):
            if said.event in ("row conflicts", "record rejected"):
                faults.add(f"{name}: {said.event}: {said.fields.get('detail', '')}")
    return _check("Sinks", "no record that a sink cannot use or holds otherwise", faults, "none")


def _check(name: str, says: str, faults: Faults, found: str) -> Check:
    if not faults.count:
        return Check(name, says, holds=True, found=found)
    return Check(name, says, holds=False, found=f"{faults.count} faults: {'; '.join(faults.first)}")
