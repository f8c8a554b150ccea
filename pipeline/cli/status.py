"""`accrue status`: the local servers, the workers of the data folder, and what stands still, with its remedy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from pipeline import settings
from pipeline.cli.common import iso_time, json_option, print_json, print_table
from pipeline.cli.stack import dir_option, print_servers, stack_json
from pipeline.devstack import DevstackError, LocalStack, Status
from pipeline.lane.facts import LaneFacts
from pipeline.lane.remedies import release
from pipeline.lane.worker_records import WorkerStatus, running_workers

UNKNOWN = "-"


@click.command(short_help="Show servers, workers and what stands still.")
@dir_option
@json_option
def status(directory: Path, as_json: bool) -> None:
    """Show the local stack's servers, the workers of ACCRUE_DATA_DIR with their lanes, and who is quarantined.

    Exits with 1 if a server has ended by itself or none runs, a worker does not answer, or a lane or member stands
    still. Servers are left out where ACCRUE_BOOTSTRAP_SERVERS names a cluster and no local stack runs.
    """
    stack = LocalStack(directory)
    elsewhere = bool(os.environ.get(settings.variable("bootstrap_servers")))
    servers = _servers(stack, elsewhere)
    workers = running_workers(settings.load())
    if as_json:
        facts = stack_json(stack, servers) if servers else {"servers": []}
        print_json({**facts, "workers": [_worker_json(worker) for worker in workers]})
    else:
        if servers or not elsewhere:
            print_servers(servers)
        _print_workers(workers)
    faults = _server_faults(stack, servers, elsewhere) + _worker_faults(workers)
    if faults:
        raise click.ClickException("\n".join(faults))


def _servers(stack: LocalStack, elsewhere: bool) -> tuple[Status, ...]:
    """The local stack's servers; none where there is no stack and none is needed."""
    try:
        return stack.status()
    except DevstackError as error:
        if elsewhere:
            return ()
        raise click.ClickException(str(error)) from error


def _server_faults(stack: LocalStack, servers: Sequence[Status], elsewhere: bool) -> list[str]:
    crashed = [server.name for server in servers if server.state == "crashed"]
    if crashed:
        return [f"{', '.join(crashed)} ended unasked: see {stack.directory / 'logs'}, then run `accrue up` again"]
    if not elsewhere and all(server.state != "running" for server in servers):
        return [f"no server runs in {stack.directory}: start them with `accrue up`"]
    return []


def _worker_faults(workers: Sequence[WorkerStatus]) -> list[str]:
    """One line for each thing that stands still: which, since when, why, and what to do."""
    lines = [
        f"worker {worker.pid} does not answer at {worker.url}: see its log; end it with `kill {worker.pid}` and start "
        "it again"
        for worker in workers
        if not worker.answers
    ]
    for facts in _lanes(workers):
        place = f"{facts.topic}/{facts.partition}"
        if facts.trouble is not None:
            since = iso_time(facts.trouble.since_ms)
            lines.append(
                f"{place} is {facts.state} since {since}: {facts.trouble.why}\n  remedy: {facts.trouble.remedy}"
            )
        for member in facts.quarantined:
            at = f"offset {member.offset}" if member.offset >= 0 else "due work"
            lines.append(
                f"{place}: member {member.member_id} is quarantined since {iso_time(member.since_ms)}, "
                f"{member.parked} parked: {member.error} (event {member.event_id!r} of {member.source!r}, {at})\n"
                f"  remedy: {release(member.member_id)}"
            )
    return lines


def _lanes(workers: Sequence[WorkerStatus]) -> list[LaneFacts]:
    return [facts for worker in workers for facts in worker.lanes]


def _print_workers(workers: Sequence[WorkerStatus]) -> None:
    if not workers:
        click.echo("\nno worker runs in this data folder")
        return
    rows = [
        (
            worker.pid, facts.topic, facts.partition, facts.state,
            facts.position if facts.position >= 0 else UNKNOWN,
            facts.lag if facts.lag >= 0 else UNKNOWN,
            len(facts.quarantined),
            sum(member.parked for member in facts.quarantined),
        )
        for worker in workers
        for facts in worker.lanes
    ]  # fmt: skip
    click.echo()
    print_table(("worker", "topic", "partition", "state", "position", "lag", "quarantined", "parked"), rows)


def _worker_json(worker: WorkerStatus) -> dict[str, object]:
    """The worker's facts; those of quarantined members and of trouble with their remedies."""
    shown: dict[str, object] = msgspec.to_builtins(worker)
    shown["lanes"] = [_lane_json(facts) for facts in worker.lanes]
    return shown


def _lane_json(facts: LaneFacts) -> dict[str, object]:
    shown: dict[str, object] = msgspec.to_builtins(facts)
    shown["stands_still"] = facts.stands_still
    shown["quarantined"] = [
        {**msgspec.structs.asdict(member), "remedy": release(member.member_id)} for member in facts.quarantined
    ]
    return shown
