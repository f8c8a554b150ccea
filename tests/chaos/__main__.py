"""`python -m tests.chaos`: workers, servers and sinks under faults from a seed; exit code 0 only if all holds."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from types import FrameType

import click
from rich.console import Console

from pipeline import logs
from tests.chaos.chaos_run import chaos
from tests.chaos.report import show
from tests.chaos.schedule import MEAN_S, schedule
from tests.chaos.watch import Lines


@click.command()
@click.option("--kills", type=click.IntRange(1), default=300, show_default=True, help="Workers to kill -9.")
@click.option("--seed", type=int, help="Of the schedule and the load; a random one without it.")
@click.option("--rate", type=click.IntRange(1), default=100, show_default=True, help="Records a second.")
@click.option(
    "--mean", "mean_s", type=click.FloatRange(0.1), default=MEAN_S, show_default=True, help="s between kills."
)
@click.option("--keep", is_flag=True, help="Keep the folder also if all holds.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def main(kills: int, seed: int | None, rate: int, mean_s: float, keep: bool, as_json: bool) -> None:
    """Run workers, servers and sinks under load, with faults of every kind in proportion to the kills, and judge it."""
    seed = SystemRandom().randrange(2**31) if seed is None else seed
    click.echo(f"seed {seed}: repeat with KILLS={kills} SEED={seed}", err=True)
    logs.configure("CRITICAL")  # what clients warn of while servers die is part of the play
    with _folder(keep) as folder, _ended_in_order():
        result = chaos(schedule(seed, kills, mean_s), folder, rate, Lines())
        (folder / "result.json").write_text(json.dumps(result.to_json(), indent=1), "utf-8")
        if as_json:
            click.echo(json.dumps(result.to_json()))
        show(result, Console(stderr=as_json, width=140))
        if not result.passed:
            raise SystemExit(1)


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """A fresh folder, deleted in the end unless it is to be kept or shows why the run failed."""
    folder = Path(tempfile.mkdtemp(prefix="accrue-chaos-"))
    try:
        yield folder
    except BaseException:
        keep = True
        raise
    finally:
        if keep:
            click.echo(f"Kept in {folder}: the exported log, the processes' logs, the servers' data.", err=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """A polite kill ends the run as Ctrl-C does: what it started is ended first."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
