"""`accrue program publish | rollback | history`: which programme decides from when on, by whose word and why."""

from __future__ import annotations

import getpass
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from pipeline.cli.common import iso_time, json_option, print_json, print_table, settings_options
from pipeline.cli.program_sources import PREVIOUS, published_bundle
from pipeline.cli.program_words import summary, tell
from pipeline.core.horizons import Horizons
from pipeline.program import Bundle, BundleRefused, ProgramRefused, compile_bundle, load_program
from pipeline.settings import Settings
from pipeline.wire.times import InvalidTime, time_ms

cluster_options = settings_options("bootstrap_servers", "registry_url", "topic_prefix", "topics_file")
effective_at_option = click.option(
    "--effective-at", metavar="TIME|now", help="From when on it decides; without it, as soon as can be."
)
author_option = click.option("--author", help="Who does it; by default the user of this machine.")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@effective_at_option
@author_option
@click.option("--reason", default="", help="Why, for the history.")
@cluster_options
@json_option
def publish(
    settings: Settings, directory: Path, effective_at: str | None, author: str | None, reason: str, as_json: bool
) -> None:
    """Check a programme and put it in force from a time on, for every partition of the log or for none.

    Only the first programme of a log may take effect in the past or at once; a later one needs the lead time of five
    minutes and half a minute more.
    """
    effective_at_ms = None if effective_at is None else _time_ms(effective_at)
    try:
        bundle = load_program(directory)
    except ProgramRefused as refused:
        tell(refused.problems)
        raise click.ClickException(f"{directory} was not published: mend it first") from refused
    _activate(settings, bundle, effective_at_ms, author, reason, as_json=as_json)


@click.command()
@click.argument("program", metavar=f"HASH|{PREVIOUS}")
@effective_at_option
@author_option
@click.option("--reason", required=True, help="Why, for the history.")
@cluster_options
@json_option
def rollback(
    settings: Settings, program: str, effective_at: str | None, author: str | None, reason: str, as_json: bool
) -> None:
    """Put a programme that was published before in force again, from a time on.

    PROGRAM is `previous`, the one before that which is in force now, or the beginning of a hash in `accrue program
    history`. It is a new activation with the lead time of any: what was decided meanwhile stays decided. One that is
    scheduled for later still takes effect then.
    """
    effective_at_ms = None if effective_at is None else _time_ms(effective_at)
    _activate(settings, published_bundle(program, settings), effective_at_ms, author, reason, as_json=as_json)


def _activate(
    settings: Settings, bundle: Bundle, effective_at_ms: int | None, author: str | None, reason: str, *, as_json: bool
) -> None:
    from pipeline.history.connection import Connection  # noqa: PLC0415 - check needs no Kafka client
    from pipeline.lane.activation import Publisher  # noqa: PLC0415

    with closing(Connection(settings)) as connection:
        publisher = Publisher(settings, connection.topics, connection.encoder(), Horizons())
        activation = publisher.publish(bundle, effective_at_ms, author or getpass.getuser(), reason)
    if as_json:
        print_json(
            {
                "program": compile_bundle(bundle).program_id,
                "hash": bundle.hash,
                "effective_at": iso_time(activation.effective_at_ms),
                "author": activation.author,
                "reason": activation.reason,
                "published_at": iso_time(activation.published_at_ms),
            }
        )
    else:
        click.echo(f"{summary(bundle)}; decides from {iso_time(activation.effective_at_ms)} on")


@click.command()
@cluster_options
@json_option
def history(settings: Settings, as_json: bool) -> None:
    """Tell which programme decided when, who published it and why; the latest last.

    In the column `act`, `again` is a programme that was put in force before, as by a rollback.
    """
    from pipeline.lane.published import published  # noqa: PLC0415 - check needs no Kafka client
    from pipeline.wire.topics import TOPICS_FILE, Topics  # noqa: PLC0415

    topics = Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)
    rows = [(each, activation) for each in published(settings, topics) for activation in each.activations]
    rows.sort(key=lambda row: (row[1].effective_at_ms, row[1].published_at_ms))
    past = sum(activation.effective_at_ms <= time.time_ns() // 1_000_000 for _, activation in rows)
    facts: list[dict[str, Any]] = [
        {
            "effective_at": iso_time(activation.effective_at_ms),
            "state": "past" if place < past - 1 else "in force" if place < past else "scheduled",
            "program": _program_id(each.content),
            "hash": each.program_hash,
            "author": activation.author,
            "reason": activation.reason,
            "published_at": iso_time(activation.published_at_ms),
            "act": "first" if activation == each.activations[0] else "again",
        }
        for place, (each, activation) in enumerate(rows)
    ]
    if as_json:
        print_json(facts)
    elif facts:
        print_table(list(facts[0]), [list(fact.values()) for fact in facts])
    else:
        click.echo("No programme has been published yet.")


def _program_id(content: bytes) -> str:
    """The programme's name, or why it cannot be told."""
    try:
        return compile_bundle(Bundle.from_bytes(content)).program_id
    except (BundleRefused, ProgramRefused) as error:
        return f"unusable: {str(error).splitlines()[0]}"


def _time_ms(text: str) -> int:
    if text == "now":
        return time.time_ns() // 1_000_000
    try:
        return time_ms(text)
    except InvalidTime as error:
        raise click.BadParameter(f"{error}, or `now`", param_hint="--effective-at") from error
