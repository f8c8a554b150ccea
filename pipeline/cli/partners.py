"""`accrue partners`: how providers stand, what operators order, the endpoint for callbacks, settlement."""

from __future__ import annotations

import csv
import getpass
import re
import sys
from typing import TextIO
from zoneinfo import ZoneInfoNotFoundError

import click
import msgspec

from pipeline import logs, settings
from pipeline.cli.common import iso_time_or_never, json_option, print_json, print_table
from pipeline.cli.partner_feeds import feed
from pipeline.partners.ledger import month_bounds, settled
from pipeline.partners.listening import listen as serve_callbacks
from pipeline.partners.overview import PartnerStanding, order, standings
from pipeline.partners.settlement import COLUMNS, Statement, compared, csv_rows, totals

author_option = click.option("--author", default=getpass.getuser, show_default="you", help="Who orders it.")
reason_option = click.option("--reason", default="", help="Why; it is kept with the order.")


@click.group(short_help="Providers of rewards: status, orders, callbacks.")
def partners() -> None:
    """Partners that fulfil rewards over HTTP; docs/fulfilment.md says what becomes of each fulfilment."""


partners.add_command(feed)


@partners.command()
@json_option
def status(as_json: bool) -> None:
    """Show each partner's breaker, its queue, and what people have to decide."""
    found = standings(settings.load())
    if as_json:
        print_json([{**msgspec.to_builtins(one), "first_due": iso_time_or_never(one.first_due_ms)} for one in found])
        return
    print_table(
        ("partner", "calls", "waiting", "unknown", "review", "confirmed", "failed", "next due", "contradictions"),
        (_row(one) for one in found),
    )
    for one in found:
        for reviewed in one.reviews:
            click.echo(
                f"review {reviewed.fulfillment_id}: {one.provider}, member {reviewed.member_id}, redemption "
                f"{reviewed.redemption_id}, {reviewed.points} {reviewed.unit} held: {reviewed.reason}"
            )


@partners.command()
@click.argument("partner")
@author_option
@reason_option
def pause(partner: str, author: str, reason: str) -> None:
    """Make no more calls to a partner; calls on their way end, commands queue."""
    order(settings.load(), "pause", partner, "", "", author, reason)
    click.echo(f"{partner} is paused: `accrue partners resume {partner}` goes on")


@partners.command()
@click.argument("partner")
@author_option
@reason_option
def resume(partner: str, author: str, reason: str) -> None:
    """Make calls to a paused partner again."""
    order(settings.load(), "resume", partner, "", "", author, reason)
    click.echo(f"{partner} is called again")


@partners.command()
@click.argument("partner", required=False, default="")
@click.option("--fulfillment", default="", metavar="ID", help="Only this one, of whatever partner.")
@author_option
@reason_option
def retry(partner: str, fulfillment: str, author: str, reason: str) -> None:
    """Have all that waits for a partner called for now, and what is under review looked into once more."""
    if bool(partner) == bool(fulfillment):
        raise click.UsageError("give a partner, or --fulfillment ID")
    order(settings.load(), "retry", partner, fulfillment, "", author, reason)
    click.echo(f"{fulfillment or partner} is due now")


@partners.command()
@click.argument("fulfillment")
@click.argument("outcome", type=click.Choice(["confirmed", "failed"]))
@author_option
@click.option("--reason", required=True, help="How that is known; it is kept with the outcome.")
def decide(fulfillment: str, outcome: str, author: str, reason: str) -> None:
    """Say what became of a fulfilment that is under review: confirmed redeems the points, failed gives them back."""
    order(settings.load(), "decide", "", fulfillment, outcome, author, reason)
    click.echo(f"{fulfillment} is {outcome}")


@partners.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A free one by default; it is printed first.")
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO")
def listen(host: str, port: int, log_level: str) -> None:
    """Take callbacks at POST /callbacks/PARTNER, and messages of feeds at POST /feeds/FEED, until SIGTERM.

    Put TLS before it: it speaks plain HTTP.
    """
    logs.configure(log_level)

    def tell(taken: int) -> None:
        click.echo(f"callbacks: http://{host}:{taken}/callbacks/PARTNER")
        sys.stdout.flush()

    serve_callbacks(settings.load(), host, port, tell)


def _row(one: PartnerStanding) -> tuple[object, ...]:
    counts = one.counts
    calls = f"paused: {one.paused_why}" if one.paused else {"closed": "made", "open": "held"}.get(one.breaker, "tried")
    waiting = sum(counts.get(state, 0) for state in ("waiting", "calling", "undo", "undoing"))
    unknown = counts.get("unknown", 0) + counts.get("asking", 0)
    due = iso_time_or_never(one.first_due_ms)
    return (
        one.provider, calls, waiting, unknown, counts.get("review", 0), counts.get("confirmed", 0),
        counts.get("failed", 0) + counts.get("cancelled", 0), due, one.contradictions,
    )  # fmt: skip


@partners.command()
@click.option("--month", required=True, metavar="YYYY-MM", help="By the time at which entries were booked.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of the month.")
@click.option("--csv", "csv_file", type=click.File("w"), help="Write the lines there, - for stdout.")
@click.option("--statement", type=click.File("r"), help="The partner's list: a fulfilment's id first on each line.")
@click.option("--partner", default="", help="Whose list it is.")
@json_option
def settle(
    month: str, zone: str, csv_file: TextIO | None, statement: TextIO | None, partner: str, as_json: bool
) -> None:
    """Say what is owed to and by each partner for a month, from the ledger alone.

    With --statement, hold the partner's own list against it; exits with 1 if they differ.
    """
    if (statement is None) != (not partner):
        raise click.UsageError("give --statement and --partner together")
    found = settled(settings.load(), *_month(month, zone))
    lines = found.lines()
    sums = totals(lines)
    held = None
    if statement is not None:
        billed = (line.split(",")[0].strip() for line in statement)
        held = compared(found.fulfilments.get(partner, set()), (one for one in billed if one))
    if csv_file is not None:
        written = csv.writer(csv_file)
        written.writerow(COLUMNS)
        written.writerows(csv_rows(lines))
    if as_json:
        print_json(msgspec.to_builtins({"month": month, "lines": lines, "totals": sums, "statement": held}))
    elif csv_file is None or csv_file.name != "<stdout>":
        print_table(COLUMNS, csv_rows(lines))
        for total in sums:
            click.echo(
                f"{total.partner}: to the partner {total.to_partner_minor}, to the programme "
                f"{total.to_programme_minor}, net {total.net_minor} {total.currency} minor units"
            )
    _tell_statement(held)


def _month(text: str, zone: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text)
    try:
        if found is None:
            raise ValueError(text)
        return month_bounds(int(found[1]), int(found[2]), zone)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise click.BadParameter(f"{text} in {zone}: write YYYY-MM and a zone such as Europe/Berlin") from error


def _tell_statement(held: Statement | None) -> None:
    if held is None:
        return
    click.echo(f"{held.matched} fulfilments are on both sides", err=True)
    for one in held.only_billed:
        click.echo(f"billed, and not redeemed: {one}", err=True)
    for one in held.only_redeemed:
        click.echo(f"redeemed, and not billed: {one}", err=True)
    if held.only_billed or held.only_redeemed:
        raise click.ClickException("the partner's list and the ledger differ")
