"""`accrue program shadow`: sums up what rules with `mode: shadow` would have given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from pipeline.cli.common import json_option, print_json, print_table, settings_options
from pipeline.core.ports import Programs
from pipeline.core.records import RewardDecision
from pipeline.history.shadow import ShadowSum, ShadowSums
from pipeline.settings import Settings
from pipeline.wire.times import InvalidTime, time_ms


@click.command()
@click.option(
    "--log",
    "log_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A log that `accrue log export` wrote, replayed; without it the decisions are read from Kafka.",
)
@click.option("--since", metavar="TIME", help="Only events that occurred then or later.")
@settings_options("bootstrap_servers", "registry_url", "topic_prefix", "topics_file")
@json_option
def shadow(settings: Settings, log_file: Path | None, since: str | None, as_json: bool) -> None:
    """Sum up what shadow rules would have given: by rule the events, awards, members and points.

    Limits and pauses of a shadow rule count what it would have given itself within the time that is looked at.
    """
    since_ms = None if since is None else _time(since)
    rows = _from_kafka(settings, since_ms) if log_file is None else _from_log(log_file, since_ms)
    if as_json:
        print_json([row._asdict() for row in rows])
    elif rows:
        print_table(ShadowSum._fields, rows)
    else:
        click.echo("No shadow rule would have given anything.")


def _from_log(path: Path, since_ms: int | None) -> list[ShadowSum]:
    from pipeline.history.replay import Replay  # noqa: PLC0415 - each source imports only its own

    replay = Replay(path)
    replay.run()
    return _rows(replay.programs, iter(replay.simulation.result().decisions), since_ms)


def _from_kafka(settings: Settings, since_ms: int | None) -> list[ShadowSum]:
    from pipeline.history.connection import Connection  # noqa: PLC0415 - each source imports only its own
    from pipeline.history.decisions import recorded_decisions  # noqa: PLC0415
    from pipeline.lane.kafka_reader import KafkaReader  # noqa: PLC0415
    from pipeline.lane.programs import TopicPrograms  # noqa: PLC0415

    with closing(Connection(settings)) as connection, closing(KafkaReader(settings)) as reader:
        programs = TopicPrograms(reader, connection.topics.name("programs"))
        return _rows(programs, recorded_decisions(connection), since_ms)


def _rows(programs: Programs, decisions: Iterator[RewardDecision], since_ms: int | None) -> list[ShadowSum]:
    sums = ShadowSums(programs)
    for decision in decisions:
        if since_ms is None or decision.occurred_at_ms >= since_ms:
            sums.add(decision)
    return sums.rows()


def _time(text: str) -> int:
    try:
        return time_ms(text)
    except InvalidTime as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
