"""`accrue events`: sends live events from JSON lines, and imports history from files of purchases."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from pipeline import logs
from pipeline.cli.common import iso_time, json_option, print_json, settings_options
from pipeline.history.append import Appender
from pipeline.history.connection import Connection
from pipeline.history.importer import ImportBroken, Imported, Importer
from pipeline.history.progress import progress_bar
from pipeline.history.purchases import (
    DAY_MS,
    ENROLLED_BEFORE_MS,
    BadRowError,
    Reading,
    read_purchases,
    shift_days,
)
from pipeline.history.purchases import events as events_of
from pipeline.history.send import BadEvent, Limits, send_lines
from pipeline.lane.appender import AFTER_MAX, BEFORE_MAX
from pipeline.lane.kafka import new_admin, partition_counts, topic_config
from pipeline.settings import Settings
from pipeline.wire.times import InvalidTime, time_ms

NOW: Final = "now"
SHOWN_BAD: Final = 20
"""So many bad lines are named; the rest are counted."""


@click.group()
def events() -> None:
    """Send live events or import history."""


@events.command()
@click.argument("file", type=click.File("rb"))
@settings_options("bootstrap_servers", "registry_url", "topic_prefix")
@json_option
def send(settings: Settings, file: BinaryIO, as_json: bool) -> None:
    """Send the events of a file of JSON lines (- is stdin) to the log.

    A line: {"event_id", "type", "member_id", "occurred_at", "source", "data": {...}}. Bad lines are named and not sent,
    and the exit code is then 1; mend them and send the whole file again, for what was sent counts once.
    """
    logs.configure("ERROR")  # what the client mends by itself is no news; what it cannot mend is an error here
    bad = _Named()
    with closing(Connection(settings)) as connection:
        admin = new_admin(settings)
        topic = connection.log.full_name
        partitions = partition_counts(admin).get(topic, 0)
        if not partitions:
            raise click.ClickException(f"{topic} does not exist: create it with `accrue topics apply`")
        config = topic_config(admin, topic)
        limits = Limits(int(config[BEFORE_MAX]), int(config[AFTER_MAX]))
        appender = Appender(settings, topic, partitions)
        sent = send_lines(file, connection.encoder(), appender, limits, bad.name)
    if as_json:
        print_json({"sent": sent.events, "bad": sent.bad})
    else:
        click.echo(f"{sent.events:,} events sent to {topic}")
    bad.fail()


@events.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--map", "chosen", multiple=True, metavar="FIELD=COLUMN", help="Which column holds a field.")
@click.option("--currency", default="USD", show_default=True, help="Of rows that do not name one.")
@click.option("--zone", default="UTC", show_default=True, help="Of dates and times that do not name one.")
@click.option("--source", default="import", show_default=True, help="What the events name as their source.")
@click.option("--shift-to", metavar="TIME|now", help="Move the history by whole days so that it ends just before.")
@click.option("--force", is_flag=True, help="Also where the log holds later records already.")
@click.option("--strict", is_flag=True, help="Stop at the first bad row; nothing is written then.")
@settings_options("bootstrap_servers", "registry_url", "topic_prefix")
@json_option
def import_(
    settings: Settings,
    file: Path,
    chosen: tuple[str, ...],
    currency: str,
    zone: str,
    source: str,
    shift_to: str | None,
    force: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Import a history of purchases: CSV, TSV or whitespace under a header, columns in any order.

    Fields are member_id, date and amount, and where there are columns for them currency, order_id, channel, store_id
    and country; other columns become attributes. Members enrol a second before their first purchase. History comes
    before live events: workers may run meanwhile, producers may not.
    """
    logs.configure("ERROR")
    bad = _Named(strict)
    reading = read_purchases(file, parse_mapping(chosen), currency, _zone(zone), bad.name)
    if not reading.purchases:
        raise click.ClickException(f"{file} holds no purchase that can be imported")
    target_ms = None if shift_to is None else _target_ms(shift_to)
    days = 0 if target_ms is None else shift_days(reading.purchases, target_ms)
    imported = _import(settings, reading, source, days, target_ms, force)
    if as_json:
        facts = {"purchases": len(reading.purchases), "bad_rows": len(reading.bad_rows), "shifted_days": days}
        print_json({**facts, **imported._asdict()})
    else:
        click.echo(
            f"{len(reading.purchases):,} purchases imported as {imported.events:,} events in {imported.seconds:.1f} s"
            + (f", shifted by {days} days" if days else "")
        )
    bad.fail()


class _Named:
    """Names bad lines on stderr, the first ones; with `strict` the first one ends the command."""

    def __init__(self, strict: bool = False) -> None:
        self._strict = strict
        self._count = 0

    def name(self, bad: BadRowError | BadEvent) -> None:
        if self._strict:
            raise bad
        self._count += 1
        if self._count <= SHOWN_BAD:
            click.echo(str(bad), err=True)

    def fail(self) -> None:
        """Exit with 1 if there were bad lines."""
        if self._count:
            raise click.ClickException(f"{self._count} bad lines were left out, all others were taken")


def _import(
    settings: Settings, reading: Reading, source: str, days: int, target_ms: int | None, force: bool
) -> Imported:
    purchases = reading.purchases
    first_ms, last_ms = (purchases[i].occurred_at_ms + days * DAY_MS for i in (0, -1))
    in_all = len(purchases) + len({purchase.member_id for purchase in purchases})
    with closing(Connection(settings)) as connection, _ended_in_order(), progress_bar("importing") as advance:
        importer = Importer(settings, connection.log, connection.encoder(), connection.decoder)
        if not force:
            importer.check(first_ms - ENROLLED_BEFORE_MS, last_ms)
        try:
            return importer.run(events_of(purchases, source, days), lambda done: advance(done, in_all))
        except ImportBroken as error:
            again = f"; the time is --shift-to {iso_time(target_ms)}" if target_ms is not None else ""
            raise click.ClickException(f"{error}{again}") from error


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A polite kill ends the command as Ctrl-C does, so that the broker's setting is put back."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parse_mapping(chosen: tuple[str, ...]) -> dict[str, str]:
    """The values of `--map` by field. Raises click.BadParameter."""
    mapping = {}
    for item in chosen:
        field, sign, column = item.partition("=")
        if not sign or not field or not column:
            raise click.BadParameter(f"{item!r}: write FIELD=COLUMN, such as member_id=customer_id", param_hint="--map")
        mapping[field] = column
    return mapping


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(f"{name!r} is no time zone such as America/New_York", param_hint="--zone") from error


def _target_ms(text: str) -> int:
    if text == NOW:
        return time.time_ns() // 1_000_000
    try:
        return time_ms(text)
    except InvalidTime as error:
        raise click.BadParameter(f"{error}, or `now`", param_hint="--shift-to") from error
