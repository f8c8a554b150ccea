"""`accrue member`: a member's balances and tier as they are now, with the latest ledger entries."""

from __future__ import annotations

from typing import Any

import click
import psycopg
import redis

from pipeline.cli.common import (
    iso_time,
    iso_time_or_never,
    json_option,
    print_json,
    print_table,
    settings_options,
    utc_text,
    warn,
)
from pipeline.cli.errors import known_error
from pipeline.settings import Settings
from pipeline.sinks.assemble import keys_of
from pipeline.sinks.postgres_queries import Row, ledger
from pipeline.sinks.redis_target import read_member
from pipeline.sinks.target import SinkError

TIMEOUT_S = 10.0
ACCOUNTS = ("available", "pending", "held", "debt")
REVIEW = "review"


@click.group()
def member() -> None:
    """Show a member's balances, tier and latest entries."""


@member.command()
@click.argument("member_id")
@click.option(
    "--entries", "count", type=click.IntRange(0, 1000), default=10, show_default=True, help="How many entries."
)
@settings_options("redis_url", "postgres_url", "topic_prefix", "app_id")
@json_option
def show(member_id: str, count: int, settings: Settings, as_json: bool) -> None:
    """Show a member: wallets and tier from Redis, latest entries from PostgreSQL where that is configured."""
    client = redis.Redis.from_url(
        settings.need("redis_url"), decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
    try:
        found = read_member(client, keys_of(settings), member_id)
    finally:
        client.close()
    if found is None:
        raise click.ClickException(
            f"member {member_id!r} is not in Redis: nothing has happened to them, or `accrue sink run redis` is behind"
        )
    entries = _entries(settings, member_id, count)
    if as_json:
        print_json(_document(found, entries))
    else:
        _show(found, entries)


def _entries(settings: Settings, member_id: str, count: int) -> list[Row] | None:
    """None where PostgreSQL is not configured or cannot tell: the balances are worth showing without."""
    if not settings.postgres_url or not count:
        return None
    try:
        with ledger(settings.postgres_url) as tables:
            return tables.entries(member_id, count)
    except (psycopg.Error, SinkError) as error:
        warn(f"no entries can be shown: {known_error(error)}")
        return None


def _document(found: dict[str, Any], entries: list[Row] | None) -> dict[str, Any]:
    return {
        "member_id": found["member_id"],
        "tier": found["tier"],
        "tier_until": iso_time(found["tier_until_ms"]) if found["tier_until_ms"] else None,
        "wallets": found["wallets"],
        "seq": found["seq"],
        "version": found["version"],
        "quarantined": found["quarantined"],
        "updated_at": iso_time(found["updated_at_ms"]),
        "last_hash": found["last_hash"],
        "entries": entries,
    }


def _show(found: dict[str, Any], entries: list[Row] | None) -> None:
    tier = f"tier {found['tier']} until {iso_time_or_never(found['tier_until_ms'])}" if found["tier"] else "no tier"
    click.echo(
        f"Member {found['member_id']}: {tier}, {found['seq']} entries, updated {iso_time(found['updated_at_ms'])}"
    )
    if found["quarantined"]:
        click.echo("Quarantined: later records are parked; see `accrue quarantine list`")
    waits = any(wallet.get(REVIEW) for wallet in found["wallets"].values())
    names = (*ACCOUNTS, REVIEW) if waits else ACCOUNTS
    print_table(
        ("unit", *names),
        [(unit, *(wallet.get(name, 0) for name in names)) for unit, wallet in sorted(found["wallets"].items())],
    )
    if entries:
        click.echo("Latest entries:")
        print_table(
            ("seq", "occurred", "kind", "amount", "unit", "from", "to", "rule", "event"),
            [
                (
                    entry["seq"], utc_text(entry["occurred_at"]), entry["kind"], entry["amount"], entry["unit"],
                    entry["debit"], entry["credit"], entry["rule_id"], entry["event_id"],
                )
                for entry in entries
            ],
        )  # fmt: skip
