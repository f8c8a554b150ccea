"""`accrue pools`: how what many members share stands; voucher codes are loaded, partners quarantined."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from pipeline import clock
from pipeline.cli.common import iso_time, json_option, print_json, print_table, settings_options
from pipeline.core.calendar import DAY_MS
from pipeline.core.pool_ids import CODES, KINDS
from pipeline.core.records import PoolBalance
from pipeline.lane.pool_desk import PoolDesk
from pipeline.settings import Settings
from pipeline.sinks.assemble import decoder_of, topics_of
from pipeline.wire.codec import Encoder
from pipeline.wire.registry import Registry

COLUMNS: Final = ("pool", "limit", "given", "left", "desired", "refused", "requests", "updated", "quarantined_until")

kafka_options = settings_options("bootstrap_servers", "registry_url", "topic_prefix")


@click.group()
def pools() -> None:
    """See how pools stand; load voucher codes; quarantine partners."""


@pools.command("list")
@click.option("--kind", type=click.Choice([kind.rstrip(":") for kind in KINDS]), help="Only pools of this kind.")
@kafka_options
@json_option
def list_pools(kind: str | None, settings: Settings, as_json: bool) -> None:
    """List all pools that something was asked of or put into; of fraud signals, partners and what set a signal off.

    Of a fraud signal's pool, `limit` is what the signal allows and `given` what it counted last: members, or points of
    the day with a partner.
    """
    with _desk(settings) as desk:
        rows = [_row(one) for one in desk.balances() if kind is None or one.pool_id.startswith(f"{kind}:")]
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, ([_shown(row[column]) for column in COLUMNS] for row in rows))


@pools.command()
@click.argument("pool")
@kafka_options
@json_option
def show(pool: str, settings: Settings, as_json: bool) -> None:
    """Show one pool, such as budget:summer, stock:mug, household:H/points or codes:cinema; `codes:` may be left out."""
    with _desk(settings) as desk:
        found = {balance.pool_id: balance for balance in desk.balances()}
    balance = found.get(pool) or found.get(CODES + pool)
    if balance is None:
        raise click.ClickException(f"nothing was asked of {pool} or put into it; see `accrue pools list`")
    row = _row(balance)
    if as_json:
        print_json(row)
        return
    for column in COLUMNS:
        click.echo(f"{column:<{max(map(len, COLUMNS))}} {_shown(row[column])}")


@pools.command()
@click.argument("pool")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--author", default=getpass.getuser, show_default="you", help="Who loads; it is kept with the codes.")
@kafka_options
@json_option
def load(pool: str, file: Path, author: str, settings: Settings, as_json: bool) -> None:
    """Put the voucher codes of FILE, one a line, into POOL.

    A code that the pool knows, given or not, changes nothing: a file may be loaded again, in whole or longer.
    """
    codes = [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    if not codes:
        raise click.ClickException(f"{file} has no codes: write one a line")
    with _desk(settings) as desk:
        sent = desk.load(pool, codes, author, _encoder(settings))
    if as_json:
        print_json({"pool": CODES + pool.removeprefix(CODES), "sent": sent})
    else:
        click.echo(f"{sent} codes sent to {CODES}{pool.removeprefix(CODES)}")


@pools.command()
@click.argument("signal")
@click.argument("partner")
@click.option("--days", type=click.IntRange(1, 400), help="Quarantine it for so many days from now.")
@click.option("--end", is_flag=True, help="End its quarantine.")
@click.option("--author", default=getpass.getuser, show_default="you", help="Who does it; it is kept with the request.")
@kafka_options
@json_option
def quarantine(
    signal: str, partner: str, days: int | None, end: bool, author: str, settings: Settings, as_json: bool
) -> None:
    """Let nothing that members earn with PARTNER pass the signal SIGNAL, which is of kind `partner`, for a time."""
    if (days is None) != end:
        raise click.UsageError("say either --days or --end")
    until_ms = 0 if days is None else clock.now_ms() + days * DAY_MS
    with _desk(settings) as desk:
        desk.quarantine(signal, partner, until_ms, author, _encoder(settings))
    if as_json:
        print_json({"signal": signal, "partner": partner, "until": iso_time(until_ms) if until_ms else None})
    else:
        told = f"is under quarantine until {iso_time(until_ms)}" if until_ms else "is under quarantine no longer"
        click.echo(f"{partner} {told}")


def _encoder(settings: Settings) -> Encoder:
    return Encoder(Registry(settings.need("registry_url"), settings.registry).schema_ids(topics_of(settings)))


@contextmanager
def _desk(settings: Settings) -> Iterator[PoolDesk]:
    desk = PoolDesk(settings, topics_of(settings), decoder_of(settings))
    try:
        yield desk
    finally:
        desk.close()


def _row(balance: PoolBalance) -> dict[str, str | int | None]:
    return {
        "pool": balance.pool_id,
        "limit": balance.limit,
        "given": balance.given,
        "left": balance.left,
        "desired": balance.desired,
        "refused": balance.refused,
        "requests": balance.requests,
        "updated": iso_time(balance.updated_at_ms),
        "quarantined_until": iso_time(balance.quarantined_until_ms) if balance.quarantined_until_ms else None,
    }


def _shown(value: str | int | None) -> str | int:
    return "-" if value is None else value
