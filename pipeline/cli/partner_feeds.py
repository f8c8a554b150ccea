"""`accrue partners feed`: how partners' feeds stand, messages sent by hand, feeds held and released."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from typing import BinaryIO

import click
import msgspec

from pipeline import settings
from pipeline.cli.common import json_option, print_json, print_table
from pipeline.partners.feed_overview import feed_standings, order_feed, send_messages

author_option = click.option("--author", default=getpass.getuser, show_default="you", help="Who orders it.")
reason_option = click.option("--reason", default="", help="Why; it is kept with the order.")


@click.group(short_help="What partners tell of members: feeds held and released.")
def feed() -> None:
    """Feeds of partners.yaml; docs/partner-feeds.md says what becomes of each message."""


@feed.command()
@json_option
def status(as_json: bool) -> None:
    """Show each feed: whether it is held and why, what waits, and what was taken so far."""
    found = feed_standings(settings.load())
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    columns = ("taken", "repeated", "refused")
    print_table(
        ("feed", "mode", "parked messages", *(f"{name}" for name in columns), "why"),
        ((one.feed, one.mode, one.parked, *(one.counts.get(name, 0) for name in columns), one.why) for one in found),
    )


@feed.command()
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@click.option("--whole", is_flag=True, help="The file is one message, such as one in Avro.")
def send(name: str, file: BinaryIO, whole: bool) -> None:
    """Send the messages of FILE, one a line (- is stdin), signed with the feed's secret as the partner would.

    What was sent before counts once: a file may be sent again, in whole or longer.
    """
    bodies = iter([file.read()]) if whole else _lines(file)
    sent = send_messages(settings.load(), name, bodies)
    click.echo(f"{sent} messages sent to feed {name}")


@feed.command()
@click.argument("name")
@author_option
@reason_option
def hold(name: str, author: str, reason: str) -> None:
    """Take nothing more of a feed: its messages are parked, in order, and none is lost."""
    order_feed(settings.load(), "hold", name, author, reason)
    click.echo(f"{name} is held: `accrue partners feed release {name}` goes on, `refuse` gives up what is parked")


@feed.command()
@click.argument("name")
@author_option
@reason_option
def release(name: str, author: str, reason: str) -> None:
    """Take what is parked, however much it is, then go on with the feed under its limits."""
    order_feed(settings.load(), "release", name, author, reason)
    click.echo(f"{name} is released")


@feed.command()
@click.argument("name")
@author_option
@click.option("--reason", required=True, help="Why; it is the detail of the dead letters.")
def refuse(name: str, author: str, reason: str) -> None:
    """Put what is parked to the dead letters, then go on with the feed."""
    order_feed(settings.load(), "refuse", name, author, reason)
    click.echo(f"what is parked of {name} goes to the dead letters")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        if line.strip():
            yield line.strip()
