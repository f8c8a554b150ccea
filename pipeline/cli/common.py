"""What all commands share: the --json option and how facts are printed, for people and for machines."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

import click

from pipeline import settings
from pipeline.wire.times import time_text

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")

NEVER: Final = "never"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Flags for these fields of `Settings`; the command gets `settings`, loaded with what was given."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_settings(*args: Any, **given: Any) -> Any:
            flags = {name: given.pop(name) for name in names}
            return command(*args, settings=settings.load(**flags), **given)

        wrapped: Any = with_settings
        for name in reversed(names):
            wrapped = click.option(f"--{name.replace('_', '-')}", metavar="TEXT", help=_doc_of(name))(wrapped)
        return cast("Command", wrapped)

    return decorate


def _doc_of(name: str) -> str:
    (doc,) = [field.metadata["doc"] for field in dataclasses.fields(settings.Settings) if field.name == name]
    return f"{doc}  [env: {settings.variable(name)}]"


def print_json(value: object) -> None:
    """One JSON document on stdout; bytes are shown as hex digits, times in UTC."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_shown))


def print_json_line(value: object) -> None:
    """One JSON document on one line, for streams of unknown length; values as in `print_json`."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_shown))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; tab-separated lines with a header elsewhere, so that pipes get whole values."""
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(" ".join(str(cell).split()) for cell in row))
        return
    from rich.console import Console  # noqa: PLC0415 - a fifth of a second that --help and pipes need not wait for
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: brackets in a value are no markup
    Console().print(table)


def warn(line: str) -> None:
    """One line on stderr about something that did not stop the command."""
    click.echo(f"Warning: {line}", err=True)


def iso_time(time_ms: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC, such as 2026-03-01T08:00:00.250Z; else the number."""
    return str(time_text(time_ms))


def iso_time_or_never(time_ms: int) -> str:
    """As `iso_time`; 0 is never."""
    return iso_time(time_ms) if time_ms else NEVER


def utc_text(moment: datetime) -> str:
    """A time with a zone as ISO 8601 in UTC."""
    return iso_time((moment - _EPOCH) // _MS)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return utc_text(value)
    raise TypeError(f"{value!r} of type {type(value).__name__} has no JSON form: convert it before printing")
