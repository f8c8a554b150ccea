"""Which faults did bite, by what the run left behind: logs of processes, the replayed log, and the outputs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.events import Event
from pipeline.core.memory import Duplicate
from pipeline.demo.proof import Evidence
from pipeline.failpoints import EVENT
from pipeline.history.log_lines import RecordLine
from tests.chaos import schedule
from tests.chaos.load import SHARE
from tests.chaos.run_state import Injected, Run

LATE_MS: Final = 3_600_000
ARMED: Final = "failpoints armed: this process fails on purpose"


@dataclass
class Row:
    """One kind of fault: how often it was due, done, did bite; seconds to recover of each, where that has a meaning."""

    kind: str
    due: int
    done: int = 0
    bit: int = 0
    recovered_s: list[float] = field(default_factory=list)
    never: int = 0
    """Of those that never recovered."""

    @property
    def fulfilled(self) -> bool:
        return self.done >= self.due and self.bit > 0 and not self.never


class InputFaults:
    """Faults of the input, counted on the log itself: told of each of its records in order."""

    def __init__(self) -> None:
        self.records = 0
        self.reordered = 0
        self.late: list[tuple[str, str, str]] = []
        self._latest: dict[str, int] = defaultdict(int)

    def add(self, record: RecordLine) -> None:
        self.records += 1
        event = record.content
        if not isinstance(event, Event) or event.source != "shop":
            return
        if event.occurred_at_ms < record.timestamp_ms - LATE_MS:
            self.late.append((event.member_id, event.source, event.event_id))
        elif event.occurred_at_ms < self._latest[event.member_id]:
            self.reordered += 1
        else:
            self._latest[event.member_id] = event.occurred_at_ms


def rows(run: Run, counts: dict[str, int], evidence: Evidence, inputs: InputFaults) -> list[Row]:
    """The table of a run, in the order of the schedule."""
    _find_out(run, evidence)
    table = [Row(kind, due) for kind, due in counts.items()]
    by_kind = {row.kind: row for row in table}
    for injected in run.injected:
        _count(run, by_kind[injected.kind], injected)
    _count_failpoints(run, by_kind)
    return table + _input_rows(run, evidence, inputs)


def _find_out(run: Run, evidence: Evidence) -> None:
    """Whether changes of programme and schema took effect."""
    hashes = {decision.program_hash for decision in evidence.outputs.decisions}
    decided = {decision.event_id for decision in evidence.outputs.decisions}
    for injected in run.injected:
        if injected.kind == schedule.PROGRAM:
            injected.bit = injected.note in hashes
        elif injected.kind == schedule.SCHEMA:
            injected.bit = any(event_id in decided for event_id in run.load.by_schema[int(injected.note)])


def _count(run: Run, row: Row, injected: Injected) -> None:
    row.done += 1
    row.bit += bool(injected.bit)
    seconds = run.monitor.recovered_s(injected.of, injected.since_s)
    if seconds is None:
        row.never += 1
    else:
        row.recovered_s.append(seconds)


def _count_failpoints(run: Run, by_kind: dict[str, Row]) -> None:
    """Failpoints of workers: armed at every start of one that was killed; in the logs where they bit."""
    for name in run.staff.workers:
        for said in run.logs.everything(name):
            if said.event == ARMED:
                by_kind["failpoint " + said.fields["failpoints"].split(":")[0]].done += 1
            elif said.event == EVENT and said.at_s < run.load_ended_s:
                row = by_kind["failpoint " + said.fields["point"]]
                row.done -= 1  # counted when it was armed
                _count(run, row, Injected(row.kind, said.at_s, said.at_s, True))


def _input_rows(run: Run, evidence: Evidence, inputs: InputFaults) -> list[Row]:
    """A tenth of the records each; what is repeated bites as a duplicate, what is late as a decision."""
    counts: Counter[str] = run.load.counts
    due = int(counts["records"] * SHARE * 0.8)
    partitions = range(evidence.replay.header.partitions)
    repeated = sum(isinstance(o, Duplicate) for p in partitions for o in evidence.replay.simulation.journal(p))
    decided = {(d.member_id, d.source, d.event_id) for d in evidence.outputs.decisions}
    late = sum(identity in decided for identity in set(inputs.late))
    return [
        Row("input repeated", due, counts["repeated"], repeated),
        Row("input out of order", due, counts["reordered"], inputs.reordered),
        Row("input late", due, counts["late"], late),
    ]
