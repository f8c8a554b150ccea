"""`accrue webhooks`: how the webhooks of downstream teams stand, and what operators order of them."""

from __future__ import annotations

import getpass

import click
import msgspec

from pipeline import settings
from pipeline.cli.common import iso_time_or_never, json_option, print_json, print_table
from pipeline.notify.subscriptions import Standing, replay, standings, switch
from pipeline.wire.times import time_ms

author_option = click.option("--author", default=getpass.getuser, show_default="you", help="Who orders it.")
reason_option = click.option("--reason", default="", help="Why; it is kept with the order.")


@click.group(short_help="Webhooks of downstream teams: status and orders.")
def webhooks() -> None:
    """Webhooks by which downstream teams are told; docs/webhooks.md says what they get."""


@webhooks.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show each webhook, what waits for it, and which are disabled."""
    found = standings(settings.load())
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    print_table(("webhook", "url", "state", "waiting", "next due", "given up"), (_row(one) for one in found))


@webhooks.command("replay")
@click.argument("webhook")
@click.option("--since", required=True, help="From then on, such as 2026-03-01T08:00:00Z.")
@click.option("--until", default="", help="To before then; until now without it.")
@click.option("--notification", default="", metavar="ID", help="Only this one.")
@author_option
@reason_option
def replay_(webhook: str, since: str, until: str, notification: str, author: str, reason: str) -> None:
    """Send a webhook once more what it was told in a time, under the same ids."""
    until_ms = _time("--until", until) if until else 2**62
    number = replay(settings.load(), webhook, _time("--since", since), until_ms, notification, author, reason)
    click.echo(f"{number} notifications are sent to {webhook} once more")


@webhooks.command()
@click.argument("webhook")
@author_option
@reason_option
def enable(webhook: str, author: str, reason: str) -> None:
    """Send to a webhook again that was disabled; what it missed meanwhile is for `replay`."""
    switch(settings.load(), webhook, "enable", author, reason)
    click.echo(f"{webhook} is sent to again: `accrue webhooks replay {webhook} --since ...` sends what it has missed")


@webhooks.command()
@click.argument("webhook")
@author_option
@reason_option
def disable(webhook: str, author: str, reason: str) -> None:
    """Send nothing to a webhook any more, and drop what waits for it."""
    switch(settings.load(), webhook, "disable", author, reason)
    click.echo(f"{webhook} is disabled: `accrue webhooks enable {webhook}` goes on")


def _row(one: Standing) -> tuple[object, ...]:
    state = "sent to"
    if one.disabled_at_ms:
        state = f"disabled since {iso_time_or_never(one.disabled_at_ms)}: {one.why or 'by order'}"
    return one.webhook_id, one.url, state, one.waiting, iso_time_or_never(one.first_due_ms), one.given_up


def _time(option: str, text: str) -> int:
    try:
        return time_ms(text)
    except ValueError as error:
        raise click.BadParameter(f"{option} {text!r}: {error}") from error
