"""`accrue log`: the event log as JSON lines, losslessly, with the programmes it names."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import click

from pipeline import logs
from pipeline.cli.common import json_option, print_json, settings_options
from pipeline.history.connection import Connection
from pipeline.history.export import export_log
from pipeline.history.progress import progress_bar
from pipeline.settings import Settings


@click.group()
def log() -> None:
    """Export the event log as JSON lines."""


@log.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="File to write; without it lines go to stdout.",
)
@settings_options("bootstrap_servers", "registry_url", "topic_prefix")
@json_option
def export(settings: Settings, out: Path | None, as_json: bool) -> None:
    """Write every committed record up to the log's present end.

    One line per record, as `accrue simulate --log` takes them; the programmes stand before them, so that the file alone
    suffices. With --out and --json the count is printed as JSON.
    """
    logs.configure("ERROR")
    if out is None:
        _export(settings, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    # Under another name until it is whole: a file of that name is never a part of a log.
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            records = _export(settings, file)
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if as_json:
        print_json({"file": str(out), "records": records})
    else:
        click.echo(f"{records:,} records in {out}")


def _export(settings: Settings, file: BinaryIO) -> int:
    with closing(Connection(settings)) as connection, progress_bar("exporting") as advance:
        return export_log(connection.settings, connection.topics, connection.decoder, file.write, advance)
