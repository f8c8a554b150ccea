"""`accrue worker` and `accrue quarantine`: run the lanes; see and release members whose records are parked."""

from __future__ import annotations

import getpass
import importlib
import logging
import os
import sys
from typing import Final

import click
import msgspec

from pipeline import logs, settings
from pipeline.cli.common import iso_time, json_option, print_json, print_table
from pipeline.lane.board import Board
from pipeline.lane.quarantine import quarantined_members, release_member
from pipeline.lane.worker_http import WorkerServer

AGENT_NAMES: Final = ("rewards", "relay", "intake", "fulfilment", "partners", "pools", "notifications")
APPLICATION: Final = "agents.worker"


@click.command(short_help="Run the pipeline's lanes.")
@click.option(
    "--agents",
    "agent_names",
    default=",".join(AGENT_NAMES),
    show_default=True,
    metavar="NAME,...",
    help="Which agents this worker runs.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=0, help="Loopback port; a free one by default.")
@click.option("--batch-limit", type=click.IntRange(min=1), help="Most records in one transaction.")
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO")
def worker(agent_names: str, metrics_port: int, batch_limit: int | None, log_level: str) -> None:
    """Run in the foreground until SIGTERM, which lets the batches at hand be committed.

    Logs are JSON lines on stderr; the address of the metrics is printed first.
    """
    names = [name.strip() for name in agent_names.split(",") if name.strip()]
    unknown = [name for name in names if name not in AGENT_NAMES]
    if unknown or not names:
        raise click.BadParameter(
            f"{', '.join(unknown) or agent_names!r}: choose from {', '.join(AGENT_NAMES)}", param_hint="--agents"
        )
    found = settings.load(batch_limit=batch_limit)
    logs.configure(log_level)
    server = WorkerServer(metrics_port, Board())
    click.echo(f"metrics: {server.metrics_url}")
    sys.stdout.flush()
    code = 0
    try:
        # The agents are the application that the command runs, as `faust -A` would; it depends on none of them.
        importlib.import_module(APPLICATION).run(found, names, server)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    # All is committed or aborted by now; clients that wait for an absent broker would hold up the interpreter's exit.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


@click.group(short_help="List and release members whose records are parked.")
def quarantine() -> None:
    """A member whose record could not be decided stands still, the later records parked in order, until released."""


@quarantine.command(name="list")
@json_option
def list_quarantined(as_json: bool) -> None:
    """Show who is quarantined, since which event, and why."""
    found = quarantined_members(settings.load())
    if as_json:
        print_json([{**msgspec.structs.asdict(member), "since": iso_time(member.since_ms)} for member in found])
        return
    rows = [(m.member_id, m.parked, iso_time(m.since_ms), m.event_id, m.source, m.offset, m.error) for m in found]
    print_table(("member", "parked", "since", "event", "source", "offset", "error"), rows)


@quarantine.command()
@click.argument("member_id")
@click.option("--author", default=getpass.getuser, show_default="you", help="Who releases.")
@click.option("--reason", default="", help="Why; it is kept with the release.")
@json_option
def release(member_id: str, author: str, reason: str, as_json: bool) -> None:
    """Have a member's parked records decided, in order."""
    event = release_member(settings.load(), member_id, author, reason)
    if as_json:
        print_json({"event_id": event.event_id, "member_id": event.member_id})
    else:
        click.echo(f"release of {member_id} is on the log as event {event.event_id}")
