"""What a run came to: a table of faults, what holds, and the number of violations; also as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.demo.report import Check
from tests.chaos.evidence import Row


@dataclass
class Result:
    """All facts of a run. Times in seconds."""

    seed: int
    kills: int
    load_s: float
    total_s: float
    drained_s: float
    longest_standstill_s: float
    records: int
    digest: str
    rows: list[Row]
    checks: list[Check]
    load: Mapping[str, int]

    @property
    def violations(self) -> int:
        return sum(not check.holds for check in self.checks)

    @property
    def unfulfilled(self) -> list[str]:
        """Kinds that did not reach their number, never did bite, or were not recovered from."""
        return [row.kind for row in self.rows if not row.fulfilled]

    @property
    def passed(self) -> bool:
        return not self.violations and not self.unfulfilled

    def to_json(self) -> dict[str, Any]:
        return {"passed": self.passed, "violations": self.violations, "unfulfilled": self.unfulfilled, **asdict(self)}


def show(result: Result, console: Console) -> None:
    """Print the table of faults, what holds, and the verdict."""
    table = Table("fault", box=None, pad_edge=False, header_style="bold")
    for column in ("due", "done", "did bite", "median to recover", "worst to recover"):
        table.add_column(column, justify="right")
    for row in result.rows:
        times = sorted(row.recovered_s)
        median = f"{times[len(times) // 2]:.1f} s" if times else "-"
        worst = "never" if row.never else f"{times[-1]:.1f} s" if times else "-"
        style = None if row.fulfilled else "red"
        table.add_row(row.kind, str(row.due), str(row.done), str(row.bit), median, worst, style=style)
    console.print(table)
    console.print()
    for check in result.checks:
        mark = "[green]holds[/]" if check.holds else "[red]VIOLATED[/]"
        console.print(f"{check.name:7}{mark}  {check.says}: ", end="")
        console.print(check.found, markup=False, highlight=False)
    console.print(
        f"\nseed {result.seed}: {result.records:,} records in {result.load_s:.0f} s of load, drained in "
        f"{result.drained_s:.1f} s, {result.total_s:.0f} s in all; digest {result.digest[:16]}"
    )
    if result.unfulfilled:
        console.print(f"[red]not fulfilled: {', '.join(result.unfulfilled)}[/]")
    console.print(f"violations: {result.violations}", highlight=False)
