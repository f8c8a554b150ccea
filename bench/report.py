"""Runs as a table, medians and ratios with their intervals against the targets: as text, JSON and Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.contenders import BARE, FAUST, WORKER, Contender, Run
from bench.intervals import Interval, interval_of_median

TO_BARE_MAX: Final = 1.25
TO_FAUST_MAX: Final = 1 / 15
BEGIN: Final = "<!-- figures: {} -->"
END: Final = "<!-- end of figures: {} -->"


class Comparison(NamedTuple):
    """The worker's CPU time per event as a multiple of the other's, run by run beside each other."""

    other: Contender
    interval: Interval
    pairs: int
    target: float

    @property
    def met(self) -> bool:
        return self.interval.median <= self.target


def compare(runs: Sequence[Run], other: Contender, target: float) -> Comparison | None:
    """Each run of `other` with the worker's nearest in time, each of which is used once; None if there is no pair."""
    workers = {run.number: run.slope for run in runs if run.contender == WORKER.name and run.slope and not run.void}
    ratios: list[float] = []
    for run in runs:
        if run.contender != other.name or run.slope is None or run.void or not workers:
            continue
        nearest = min(workers, key=lambda number: abs(number - run.number))
        ratios.append(workers.pop(nearest).cpu_us_per_event / run.slope.cpu_us_per_event)
    return Comparison(other, interval_of_median(ratios), len(ratios), target) if ratios else None


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """Against the bare loop and plain Faust, where both were run."""
    wanted = ((BARE, TO_BARE_MAX), (FAUST, TO_FAUST_MAX))
    return [found for other, target in wanted if (found := compare(runs, other, target)) is not None]


def text(runs: Sequence[Run]) -> str:
    """For a terminal, and for the documentation as it stands."""
    lines = [
        "| run | contender | events | CPU µs/event | events/s | cores: own | broker | harness | other | load avg |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(run) for run in runs),
        "",
        *(_summary(runs, contender) for contender in (WORKER, BARE, FAUST)),
        *(_verdict(comparison) for comparison in comparisons(runs)),
    ]
    return "\n".join(line for line in lines if line is not None)


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """All runs and comparisons."""
    return {
        "machine": machine(),
        "runs": [
            {
                "run": run.number,
                "contender": run.contender,
                **run.size._asdict(),
                **(run.slope._asdict() if run.slope else {}),
                "void": run.void,
            }
            for run in runs
        ],
        "ratios": [
            {
                "worker_to": c.other.name,
                **c.interval._asdict(),
                "pairs": c.pairs,
                "target": c.target,
                "met": c.met,
            }
            for c in comparisons(runs)
        ],
    }


def machine() -> str:
    """The machine and interpreter that figures belong to."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}"


def write_figures(path: Path, name: str, content: str) -> None:
    """Replace the figures called `name` in a Markdown file. Raises ValueError where the file has no place for them."""
    begin, end = BEGIN.format(name), END.format(name)
    document = path.read_text("utf-8")
    before, found, rest = document.partition(begin)
    _old, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"{path} has no lines {begin!r} and {end!r}: put them where the figures belong")
    path.write_text(f"{before}{begin}\n{content}\n{end}{after}", "utf-8")


def _row(run: Run) -> str:
    size = f"{run.size.events:,}"
    if run.slope is None:
        return f"| {run.number} | {run.contender} | {size} | void: {run.void} |||||||"
    s = run.slope
    note = f" (void: {run.void})" if run.void else ""
    return (
        f"| {run.number} | {run.contender}{note} | {size} | {s.cpu_us_per_event:,.1f} | {s.events_per_s:,.0f} "
        f"| {s.cores:.2f} | {s.broker_cores:.2f} | {s.harness_cores:.2f} | {s.other_cores:.2f} | {s.load_average:.1f} |"
    )


def _summary(runs: Sequence[Run], contender: Contender) -> str:
    slopes = [run.slope for run in runs if run.contender == contender.name and run.slope and not run.void]
    if not slopes:
        return f"- {contender.title}: no run counts"
    cpu = interval_of_median([slope.cpu_us_per_event for slope in slopes])
    rate = interval_of_median([slope.events_per_s for slope in slopes])
    return (
        f"- {contender.title}: **{cpu.median:,.1f} µs** CPU an event ({cpu.low:,.1f} to {cpu.high:,.1f}), "
        f"{rate.median:,.0f} events/s ({rate.low:,.0f} to {rate.high:,.0f}); {len(slopes)} runs, "
        f"interval of the median at {cpu.confidence:.0%}"
    )


def _verdict(found: Comparison) -> str:
    interval, digits = found.interval, 2 if found.target >= 1 else 4
    verdict = "met" if found.met else "missed"
    return (
        f"- worker / {found.other.name}, CPU per event: **{interval.median:.{digits}f}** "
        f"({interval.low:.{digits}f} to {interval.high:.{digits}f} at {interval.confidence:.0%}, {found.pairs} pairs); "
        f"target at most {found.target:.{digits}f}: {verdict}"
    )
