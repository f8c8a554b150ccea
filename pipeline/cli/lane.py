"""`accrue lane`: the way back for a broken lane; `accrue status` says which, why, and what it takes."""

from __future__ import annotations

import time
from typing import Final

import click
import msgspec

from pipeline import settings
from pipeline.cli.common import json_option, print_json
from pipeline.lane.context import connect
from pipeline.lane.facts import LaneFacts
from pipeline.lane.reset import NAMED, changelog_of, reset_lane
from pipeline.lane.worker_records import resume_lane, running_workers
from pipeline.settings import Settings

SETTLED: Final = ("running", "waiting", "failed", "broken")
WAIT_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 0.1


class Position(click.ParamType):
    """start, end, published or an offset."""

    name = "position"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in NAMED and not (value.isascii() and value.isdigit()):
            self.fail(f"{value!r}: give {', '.join(NAMED)} or an offset", param, ctx)
        return value


@click.group(short_help="Bring a broken lane back.")
def lane() -> None:
    """A lane whose invariant does not hold stands still, and no other with it. `accrue status` names the remedy."""


@lane.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(min=0))
@json_option
def resume(topic: str, partition: int, as_json: bool) -> None:
    """Open a broken lane anew, once its cause is gone. Exits with 1 if it is broken again."""
    found = settings.load()
    full = _full_name(found, topic)
    resume_lane(found, full, partition)
    _report(found, full, partition, as_json)


@lane.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(min=0))
@click.option("--to", type=Position(), help="start, end, published, or an offset: where the lane goes on.")
@click.option("--accept-lost-ids", is_flag=True, help="Go on without decided ids that are gone.")
@click.option("--force", is_flag=True, help="Even if no worker of this data folder holds the lane broken.")
@json_option
def reset(topic: str, partition: int, to: str | None, accept_lost_ids: bool, force: bool, as_json: bool) -> None:
    """Have a broken lane go on elsewhere in its log, and resume it. What is left out is not decided, ever.

    Records that it comes to a second time are duplicates while their ids are remembered, 90 days.
    """
    if not to and not accept_lost_ids:
        raise click.UsageError("give --to, --accept-lost-ids, or both")
    found = settings.load()
    full = _full_name(found, topic)
    broken_here = any((f.partition, f.state) == (partition, "broken") for f in _lanes(found, full))
    context = connect(found)
    try:
        by_marker = bool(changelog_of(context, full))
        done = reset_lane(
            context, full, partition, to or "", accept_lost_ids=accept_lost_ids, broken_here=broken_here, force=force
        )
    finally:
        context.close()
    if broken_here and by_marker:
        resume_lane(found, full, partition)
    click.echo(f"{full}/{partition} goes on at {done.after}; it stood at {done.before}", err=as_json)
    if broken_here:
        _report(found, full, partition, as_json)
    elif as_json:
        print_json(msgspec.structs.asdict(done))


def _full_name(found: Settings, topic: str) -> str:
    """The topic's name on the cluster; the prefix may be left out."""
    return topic if topic.startswith(found.topic_prefix) else found.topic_prefix + topic


def _lanes(found: Settings, topic: str) -> list[LaneFacts]:
    return [facts for worker in running_workers(found) for facts in worker.lanes if facts.topic == topic]


def _report(found: Settings, topic: str, partition: int, as_json: bool) -> None:
    """Say how the lane stands once it has opened, or why it has not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        facts = next((f for f in _lanes(found, topic) if f.partition == partition and f.state in SETTLED), None)
        if facts is not None or time.monotonic() > deadline:
            break
        time.sleep(PAUSE_SECONDS)
    if facts is None:
        raise click.ClickException(
            f"{topic}/{partition} has not opened within {WAIT_SECONDS:.0f} s: see `accrue status`"
        )
    if as_json:
        print_json(msgspec.to_builtins(facts))
    else:
        click.echo(f"{topic}/{partition} is {facts.state} at {facts.position}")
    if facts.trouble is not None and facts.state != "running":
        raise click.ClickException(f"{facts.trouble.why}; remedy: {facts.trouble.remedy}")
