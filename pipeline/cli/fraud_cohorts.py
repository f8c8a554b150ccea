"""`accrue fraud cohorts`: measures what members of each cohort come to, publishes it as baselines, and shows those."""

from __future__ import annotations

import getpass
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from pipeline.cli.common import iso_time, json_option, print_json, print_table, settings_options
from pipeline.cli.program_sources import CURRENT, bundle_of
from pipeline.program import compile_bundle
from pipeline.program.fraud_cohort_keys import MEMBERS_LEAST, PERMILLE
from pipeline.settings import Settings
from pipeline.wire.times import InvalidTime, time_ms

cluster_options = settings_options("bootstrap_servers", "registry_url", "topic_prefix", "topics_file")
DAYS = 28


@click.group()
def cohorts() -> None:
    """Baselines of cohort signals: what members of a segment, tier or partner usually come to."""


@cohorts.command()
@click.option(
    "--program", default=CURRENT, show_default=True, metavar="DIR|HASH|current", help="Whose signals are measured for."
)
@click.option("--days", type=click.IntRange(1, 400), default=DAYS, show_default=True, help="Whole days before today.")
@click.option(
    "--least-members",
    type=click.IntRange(MEMBERS_LEAST),
    default=MEMBERS_LEAST,
    show_default=True,
    help="Smaller cohorts are left out.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
@cluster_options
def compute(settings: Settings, program: str, days: int, least_members: int, out: Path) -> None:
    """Measure the cohorts that a programme's signals ask for, from the ledger of the last days, into a JSON file.

    Segments and tiers are those of today, partners those that events name. Nobody is judged by it before it is
    published. The same ledger gives the same file.
    """
    from pipeline.fraud.baseline_file import to_json  # noqa: PLC0415 - `fraud report` needs no Kafka client
    from pipeline.fraud.cohort_reading import measure  # noqa: PLC0415
    from pipeline.fraud.cohorts import baselines_of, last_days, wanted_by  # noqa: PLC0415
    from pipeline.history.connection import Connection  # noqa: PLC0415
    from pipeline.history.progress import progress_bar  # noqa: PLC0415

    compiled = compile_bundle(bundle_of(program, settings))
    wanted = wanted_by(compiled.fraud)
    window = last_days(compiled.calendar, days, time.time_ns() // 1_000_000)
    with closing(Connection(settings)) as connection, progress_bar("measuring") as advance:
        sketches = measure(settings, connection.topics, connection.decoder, compiled, wanted, window, advance)
    baselines = baselines_of(sketches, window, least_members)
    out.write_text(json.dumps(to_json(baselines), indent=1) + "\n", encoding="utf-8")
    left_out = len(sketches.by_cohort) - len(baselines.cohorts)
    click.echo(
        f"{out}: {iso_time(window.since_ms)} to {iso_time(window.until_ms)}, cohorts: {len(baselines.cohorts):,}; "
        f"of fewer than {least_members:,} members, and left out: {left_out:,}"
    )


@cohorts.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--effective-at", metavar="TIME", help="From when on they judge; without it, as soon as can be.")
@click.option("--author", help="Who does it; by default the user of this machine.")
@click.option("--reason", default="", help="Why.")
@cluster_options
@json_option
def publish(
    settings: Settings, file: Path, effective_at: str | None, author: str | None, reason: str, as_json: bool
) -> None:
    """Let measured baselines judge from a time on, in every partition of the log or in none.

    Others may follow an hour later at the earliest.
    """
    from pipeline.core.horizons import Horizons  # noqa: PLC0415
    from pipeline.fraud.baseline_file import read_file  # noqa: PLC0415
    from pipeline.history.connection import Connection  # noqa: PLC0415
    from pipeline.lane.cohorts import CohortPublisher  # noqa: PLC0415

    try:
        effective_at_ms = None if effective_at is None else time_ms(effective_at)
    except InvalidTime as error:
        raise click.BadParameter(str(error), param_hint="--effective-at") from error
    measured = read_file(file, author or getpass.getuser(), reason)
    with closing(Connection(settings)) as connection:
        publisher = CohortPublisher(
            settings, connection.topics, connection.encoder(), connection.decoder, Horizons()
        )  # fmt: skip
        told = publisher.publish(measured, effective_at_ms)
    if as_json:
        print_json({"baseline_id": told.baseline_id, "effective_at": iso_time(told.effective_at_ms)})
    else:
        click.echo(f"{len(told.cohorts):,} cohorts judge from {iso_time(told.effective_at_ms)} on")


@cohorts.command()
@click.option("--all", "every", is_flag=True, help="All that were ever published, in short.")
@cluster_options
@json_option
def show(settings: Settings, every: bool, as_json: bool) -> None:
    """Show the newest baselines cohort by cohort, or when which were published."""
    from pipeline.fraud.baseline_file import to_json  # noqa: PLC0415
    from pipeline.history.connection import Connection  # noqa: PLC0415
    from pipeline.lane.cohorts import published_baselines  # noqa: PLC0415

    with closing(Connection(settings)) as connection:
        known = published_baselines(settings, connection.topics, connection.decoder)
    if not known:
        click.echo("[]" if as_json else "No cohort baselines have been published yet.")
        return
    facts: list[dict[str, Any]] = [
        {
            "effective_at": iso_time(one.baselines.effective_at_ms),
            "published_at": iso_time(one.published_at_ms),
            "cohorts": len(one.baselines.cohorts),
            "author": one.baselines.author,
            "reason": one.baselines.reason,
            "baseline_id": one.baselines.baseline_id,
        }
        for one in known
    ]
    if every and as_json:
        print_json(facts)
    elif every:
        print_table(list(facts[0]), [list(fact.values()) for fact in facts])
    elif as_json:
        print_json({**facts[-1], **to_json(known[-1].baselines)})
    else:
        shown = to_json(known[-1].baselines)
        names = {value: name for name, value in PERMILLE.items()}
        percentiles = [names.get(each, f"{each}/1000") for each in shown["permille"]]
        rows = [
            (one["of"], one["unit"], one["by"], one["name"] or "-", one["per"], one["members"], *one["points"])
            for one in shown["cohorts"]
        ]
        click.echo(f"Judges from {facts[-1]['effective_at']} on; measured from {shown['since']} to {shown['until']}.")
        print_table(("of", "unit", "by", "name", "per", "members", *percentiles), rows)
