"""`accrue simulate`: what the pipeline does with a file of events, or did with an exported log; pure, without Kafka."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline.cli.common import iso_time, json_option, print_json_line, print_table
from pipeline.core.ports import Programs
from pipeline.core.simulate import Simulation
from pipeline.core.simulation_result import MemberSummary, SimulationResult
from pipeline.history.progress import progress_bar
from pipeline.history.replay import Replay
from pipeline.history.shadow import ShadowSum, ShadowSums
from pipeline.history.what_if import OneProgram, what_if
from pipeline.program import compile_bundle, load_program
from pipeline.wire.times import InvalidTime, time_ms

SHOWN_MEMBERS = 10


@click.command()
@click.option(
    "--program",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory of the programme that decides.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Events as JSON lines; with --program.",
)
@click.option(
    "--log", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A log that `accrue log export` wrote."
)
@click.option("--until", metavar="TIME", help="In the end do what is due by then, and add all balances to snapshots.")
@json_option
def simulate(program: Path | None, events: Path | None, log: Path | None, until: str | None, as_json: bool) -> None:
    """Decide a file of events without Kafka.

    Either --program and --events: what this programme would do with these events. Or --log: the log brings its own
    programmes, and the result is what the pipeline has put out, entry by entry; the digests are equal.
    """
    until_ms = None if until is None else _time(until)
    programs: Programs
    if log is not None and program is None and events is None:
        simulation, programs = _replayed(log, until_ms)
    elif log is None and program is not None and events is not None:
        compiled = compile_bundle(load_program(program))
        with events.open("rb") as lines:
            simulation, programs = what_if(compiled, lines, until_ms), OneProgram(compiled)
    else:
        raise click.UsageError("give either --program DIR and --events FILE, or --log FILE")
    result = simulation.result()
    sums = ShadowSums(programs)
    for decision in result.decisions:
        sums.add(decision)
    if as_json:
        print_json_line({**result.to_json(), "shadow": [row._asdict() for row in sums.rows()]})
    else:
        _show(result, sums.rows())


def _replayed(path: Path, until_ms: int | None) -> tuple[Simulation, Programs]:
    replay = Replay(path)
    with progress_bar("replaying") as advance:
        replay.run(lambda lines: advance(lines, replay.lines))
    if until_ms is not None:
        replay.simulation.snapshot(until_ms)
    return replay.simulation, replay.programs


def _show(result: SimulationResult, shadow: list[ShadowSum]) -> None:
    points: Counter[str] = Counter()
    for entry in result.entries:
        points[entry.kind] += entry.amount
    entries = Counter(entry.kind for entry in result.entries)
    click.echo(
        f"{len(result.members):,} members, {len(result.decisions):,} decisions, {len(result.entries):,} entries, "
        f"{len(result.tier_changes):,} tier changes, {len(result.commands):,} fulfilment commands"
    )
    _section("Ledger", ("kind", "entries", "points"), [(kind, n, points[kind]) for kind, n in entries.most_common()])
    for title, found in (("Rejected", result.rejections), ("Waiting", result.waiting), ("Notes", result.notes)):
        reasons = Counter(reason for _event_id, reason in found)
        _section(title, ("reason", "events"), reasons.most_common())
    _section("Shadow rules would have given", ShadowSum._fields, shadow)
    _section("Tiers", ("tier", "members"), Counter(m.tier or "none" for m in result.members.values()).most_common())
    for at_ms, members in result.snapshots:
        _section(f"Members at {iso_time(at_ms)}", _MEMBER_COLUMNS, _member_rows(members))
    if not result.snapshots:
        _section("Members", _MEMBER_COLUMNS, _member_rows(result.members))
    click.echo(f"\ndigest {result.digest}")


_MEMBER_COLUMNS = ("member", "tier", "unit", "available", "pending", "held", "debt")


def _member_rows(members: dict[str, MemberSummary]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (member_id, member.tier or "none", unit, *points)
        for member_id, member in list(members.items())[:SHOWN_MEMBERS]
        for unit, points in member.wallets.items()
    ]
    if len(members) > SHOWN_MEMBERS:
        rows.append((f"and {len(members) - SHOWN_MEMBERS:,} more: --json has them all", "", "", "", "", "", ""))
    return rows


def _section(title: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        click.echo(f"\n{title}")
        print_table(columns, rows)


def _time(text: str) -> int:
    try:
        return time_ms(text)
    except InvalidTime as error:
        raise click.BadParameter(str(error), param_hint="--until") from error
