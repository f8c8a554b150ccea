"""`accrue demo`: the main job on real servers, from purchases to points, with the proof at the end."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pipeline import logs
from pipeline.cli.common import json_option, print_json
from pipeline.cli.events import parse_mapping
from pipeline.demo.report import show
from pipeline.demo.run import Plan, run
from pipeline.demo.shoppers import CDNOW_CUSTOMERS
from pipeline.demo.stage import Stage
from pipeline.devstack import Progress as StackProgress


@click.command()
@click.option(
    "--purchases",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of purchases as `accrue events import` takes it; generated shoppers without it.",
)
@click.option("--map", "chosen", multiple=True, metavar="FIELD=COLUMN", help="Which column of the file holds a field.")
@click.option("--customers", type=click.IntRange(1), default=CDNOW_CUSTOMERS, show_default=True, help="Generated ones.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of shoppers and kills.")
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Of the log.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Worker processes.")
@click.option("--kills", type=click.IntRange(0), default=0, show_default=True, help="Workers to kill -9 under load.")
@click.option("--keep", is_flag=True, help="Keep the folder with logs, data and the exported log.")
@json_option
def demo(
    purchases: Path | None,
    chosen: tuple[str, ...],
    customers: int,
    seed: int,
    partitions: int,
    workers: int,
    kills: int,
    keep: bool,
    as_json: bool,
) -> None:
    """Run the whole pipeline on servers of its own and prove what it did.

    A year and a half of purchases goes in, workers turn them into points, tiers and redemptions, a scripted live day
    brings every fault there is; then ledger, stores and the replayed log are compared. Exits with 0 only if every
    invariant holds. Everything that was started is ended, also by Ctrl-C.
    """
    plan = Plan(purchases, parse_mapping(chosen), customers, seed, kills)
    logs.configure("ERROR")  # what clients warn of while servers start and workers die is part of the play
    with _folder(keep) as directory:
        with _ended_in_order(), _Screen() as screen:
            screen.act("starting Kafka, registry, Redis protocol and PostgreSQL")
            with Stage(directory, partitions=partitions, workers=workers, on_progress=screen.server) as stage:
                facts = run(stage, plan, screen)
        if as_json:
            print_json(facts.to_json())
        else:
            show(facts, Console())
        if not facts.proved:
            raise click.ClickException("not everything holds that must: see the proof")


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """A fresh folder, deleted in the end unless it is to be kept or shows why the demo failed."""
    directory = Path(tempfile.mkdtemp(prefix="accrue-demo-"))
    try:
        yield directory
    except Exception:
        keep = True
        raise
    finally:
        if keep:
            click.echo(f"Kept in {directory}: the exported log, the processes' logs, the servers' data.", err=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)


class _Screen:
    """Shows on stderr what is going on: a bar on a terminal, a line per act elsewhere."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._lines = not console.is_terminal
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=self._lines)
        self._task: TaskID | None = None

    def __enter__(self) -> _Screen:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._close_act()
        self._progress.stop()

    def act(self, title: str) -> None:
        """As Watcher has it."""
        self._close_act()
        if self._lines:
            click.echo(title, err=True)
        self._task = self._progress.add_task(title, total=None)

    def progress(self, done: int, total: int) -> None:
        """As Watcher has it."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def server(self, progress: StackProgress) -> None:
        """What a server is at; only fetching takes long enough for a bar."""
        if progress.total:
            self.progress(progress.done, progress.total)

    def _close_act(self) -> None:
        """The act is done: its bar is full and stands still."""
        if self._task is not None:
            self._progress.update(self._task, completed=1, total=1)
            self._progress.stop_task(self._task)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A polite kill ends the demo as Ctrl-C does: what it started is ended first."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
