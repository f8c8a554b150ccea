"""`accrue topics`: shows and brings about the topics of topics.yaml, and writes their documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from confluent_kafka.admin import AdminClient

from pipeline.cli.common import json_option, print_json, print_table, settings_options, warn
from pipeline.lane.kafka import new_admin
from pipeline.settings import Settings
from pipeline.wire import topic_docs, topic_plan
from pipeline.wire.topics import TOPICS_FILE, Topics

cluster_options = settings_options("bootstrap_servers", "topic_prefix", "topics_file")
import_option = click.option(
    "--after-import", is_flag=True, help="No import is running: put back what one has relaxed."
)


@click.group()
def topics() -> None:
    """Plan and apply topics.yaml."""


@topics.command()
@cluster_options
@import_option
@json_option
def plan(settings: Settings, after_import: bool, as_json: bool) -> None:
    """Show what the cluster lacks of topics.yaml; changes nothing."""
    _admin, _topics, changes = _changes(settings, after_import)
    _show(changes, as_json, "Nothing to do: the cluster's topics are as topics.yaml has them.")


@topics.command()
@cluster_options
@import_option
@json_option
def apply(settings: Settings, after_import: bool, as_json: bool) -> None:
    """Create what is missing and set what differs; nothing at all where a change is refused."""
    admin, wanted, changes = _changes(settings, after_import)
    made = topic_plan.apply(admin, wanted, changes)
    for change in changes:
        if change.held:
            warn(f"{change.topic}: {change.what} stays {change.before}: {change.held}")
    _show(made, as_json, "Nothing was to do: the cluster's topics are as topics.yaml has them.")


@topics.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the file is not current.")
@click.option("--file", "path", type=click.Path(path_type=Path), default=topic_docs.FILE, help="Where to write.")
def docs(check: bool, path: Path) -> None:
    """Write docs/topics.md from topics.yaml and the schemas."""
    content = topic_docs.document(Topics.load(TOPICS_FILE))
    if path.is_file() and path.read_text("utf-8") == content:
        return
    if check:
        raise click.ClickException(f"{path} is not current: run `accrue topics docs`")
    path.write_text(content, "utf-8")
    click.echo(str(path))


def _changes(settings: Settings, after_import: bool) -> tuple[AdminClient, Topics, list[topic_plan.Change]]:
    wanted = Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)
    admin = new_admin(settings)
    return admin, wanted, topic_plan.plan(wanted, topic_plan.read(admin, wanted), after_import)


def _show(changes: Sequence[topic_plan.Change], as_json: bool, nothing: str) -> None:
    if as_json:
        print_json([vars(change) for change in changes])
    elif changes:
        rows = [(c.topic, c.what, c.before, c.after, c.refused or c.held) for c in changes]
        print_table(("topic", "change", "before", "after", "note"), rows)
    else:
        click.echo(nothing)
