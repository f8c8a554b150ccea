"""`accrue up | down`: the local stack from the command line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from pipeline.cli.common import json_option, print_json, print_table

try:
    from pipeline.devstack import DEFAULT_DIR, PORTS, SERVERS, DevstackError, LocalStack, Progress, Status
except ModuleNotFoundError as error:
    if (error.name or "pipeline").split(".")[0] == "pipeline":
        raise
    raise click.ClickException(
        f"the local stack needs the package {error.name!r}: pip install 'accrue[local]'"
    ) from error

_WORDS = {"fetch": "fetching", "unpack": "unpacking", "start": "starting", "ready": "ready"}

dir_option = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DIR,
    show_default=True,
    help="Where the stack keeps its data, logs and stack.json.",
)


@click.command(short_help="Start the local stack.")
@dir_option
@click.option(
    "--only", multiple=True, type=click.Choice(SERVERS), help="Start this server; repeatable. All by default."
)
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="NAME=PORT",
    help=f"Fix a port; repeatable. Names: {', '.join(PORTS)}. Free ports by default, the same ones at the next up.",
)
@click.option("--kafka-heap-mb", type=click.IntRange(min=128), help="Kafka's Java heap in MiB.  [default: 512]")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds that each server may take to answer.",
)
@json_option
def up(
    *,
    directory: Path,
    only: tuple[str, ...],
    ports: tuple[str, ...],
    kafka_heap_mb: int | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Start Kafka, the schema registry, Valkey and PostgreSQL, and return once all of them answer.

    They run on until `accrue down`. What runs already is left alone.
    """
    wanted_ports = _parse_ports(ports)
    with _reported() as view, _refusals():
        stack = LocalStack.up(
            directory,
            only=only or None,
            ports=wanted_ports,
            kafka_heap_mb=kafka_heap_mb,
            timeout_s=timeout_s,
            on_progress=view.show,
        )
    servers = stack.status()
    if as_json:
        print_json(stack_json(stack, servers))
    else:
        print_servers(servers)


@click.command(short_help="End the local stack.")
@dir_option
@click.option("--wipe", is_flag=True, help="Delete data, logs and state as well.")
@json_option
def down(directory: Path, wipe: bool, as_json: bool) -> None:
    """End the servers that `accrue up` started in this directory. Their data stays for the next `up`."""
    with _refusals():
        ended = LocalStack(directory).down(wipe=wipe)
    if as_json:
        print_json({"dir": str(directory.absolute()), "ended": list(ended), "wiped": wipe})
    else:
        click.echo(f"Ended {', '.join(ended)}." if ended else f"Nothing ran in {directory.absolute()}.")


@contextmanager
def _refusals() -> Iterator[None]:
    """Show the stack's errors as they are, with the lines of the log that they quote."""
    try:
        yield
    except DevstackError as error:
        raise click.ClickException(str(error)) from error


def _parse_ports(given: tuple[str, ...]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for item in given:
        name, _, number = item.partition("=")
        if name not in PORTS:
            raise click.BadParameter(f"{item!r}: the name must be one of {', '.join(PORTS)}", param_hint="--port")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 65_535:
            raise click.BadParameter(f"{item!r}: the port must be between 1 and 65535", param_hint="--port")
        if name in ports or int(number) in ports.values():
            raise click.BadParameter(f"{item!r}: every name and every port may be given once", param_hint="--port")
        ports[name] = int(number)
    return ports


def stack_json(stack: LocalStack, servers: Sequence[Status]) -> dict[str, object]:
    """The stack's facts for machines."""
    return {"dir": str(stack.directory), **asdict(stack.settings), "servers": [asdict(server) for server in servers]}


def print_servers(servers: Sequence[Status]) -> None:
    rows = [
        (server.name, server.state, server.address, server.pid or "-", f"{server.memory_bytes / 2**20:.0f} MiB")
        for server in servers
    ]
    print_table(("server", "state", "address", "pid", "memory"), rows)


class _Lines:
    """Progress where stderr is no terminal: one line when a server enters a step."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def show(self, progress: Progress) -> None:
        step = (progress.server, progress.step)
        if step not in self._seen:
            self._seen.add(step)
            size = f" {progress.total / 1e6:.0f} MB" if progress.total else ""
            click.echo(f"{progress.server}: {_WORDS[progress.step]}{size}", err=True)


class _Bars:
    """Progress on a terminal: one bar per server, counting bytes while there are any to count."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._rows: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def show(self, progress: Progress) -> None:
        with self._lock:
            if progress.server not in self._rows:
                self._rows[progress.server] = self._bars.add_task("", server=progress.server, step="", total=None)
            row = self._rows[progress.server]
        ready = progress.step == "ready"
        total = progress.total or (1 if ready else None)  # None: a bar that only shows that something is going on
        self._bars.update(row, step=_WORDS[progress.step], completed=1 if ready else progress.done, total=total)
        if ready:
            self._bars.stop_task(row)


class _Bytes(DownloadColumn):
    """Bytes done and in all; empty while a step has none."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total and task.total > 1 else Text()


@contextmanager
def _reported() -> Iterator[_Bars | _Lines]:
    """Where progress goes to: stderr, drawn if that is a terminal."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    with _bars(Console(stderr=True)) as bars:
        yield _Bars(bars)


def _bars(console: Console) -> Bars:
    columns = (TextColumn("{task.fields[server]:9}{task.fields[step]:10}"), BarColumn(), TimeElapsedColumn(), _Bytes())
    return Bars(*columns, console=console, transient=True)
