"""`accrue schemas`: checks the Avro schemas, registers them, and generates the code that follows from them."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.common import json_option, print_json, print_table, settings_options
from pipeline.settings import Settings
from pipeline.wire import schema_checks
from pipeline.wire.codegen import files
from pipeline.wire.registry import Registry
from pipeline.wire.topics import TOPICS_FILE, Topics

folder_option = click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=files.SCHEMAS, help="Folder of the schemas."
)


@click.group()
def schemas() -> None:
    """Check, register and generate from the Avro schemas."""


@schemas.command()
@folder_option
@click.option("--accept", is_flag=True, help="Add compatible changes to the history of versions.")
@json_option
def check(folder: Path, accept: bool, as_json: bool) -> None:
    """Hold every schema to the rules and to all its earlier versions; needs no registry."""
    accepted = schema_checks.accept(folder) if accept else []
    faults = schema_checks.check(folder, Topics.load(TOPICS_FILE))
    if folder == files.SCHEMAS:
        faults += [f"{path} is not what the generator writes: run `accrue schemas generate`" for path in files.stale()]
    if as_json:
        print_json({"accepted": accepted, "faults": faults})
    for name in [] if as_json else accepted:
        click.echo(f"accepted {name}")
    if faults:
        raise click.ClickException("\n".join(["the schemas cannot stay as they are:", *faults]))
    if not as_json:
        click.echo("The schemas are sound, and compatible with every earlier version.")


@schemas.command()
@settings_options("registry_url", "topic_prefix", "topics_file")
@json_option
def register(settings: Settings, as_json: bool) -> None:
    """Register the schemas of every topic, each subject held to FULL_TRANSITIVE; repeating it changes nothing."""
    registry = Registry(settings.need("registry_url"), settings.registry)
    try:
        done = registry.register(Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix))
    finally:
        registry.close()
    if as_json:
        print_json([vars(registration) for registration in done])
    else:
        rows = [(r.subject, r.schema_id, "registered" if r.is_new else "was there") for r in done]
        print_table(("subject", "id", "result"), rows)


@schemas.command()
@json_option
def generate(as_json: bool) -> None:
    """Write the value classes and the codec that follow from the schemas; prints the files that changed."""
    changed = [str(path) for path in files.write()]
    if as_json:
        print_json(changed)
    for path in [] if as_json else changed:
        click.echo(path)
