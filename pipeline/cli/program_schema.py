"""`accrue program schema`: JSON Schema of the files of a programme, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.examples.json_schema import NAME, examples_schema
from pipeline.program.json_schema import schema_files


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory to write them to; without it they go to stdout as one JSON document by file name.",
)
def schema(out: Path | None) -> None:
    """Write the JSON Schema of a programme's files, one for each kind, and of the examples beside it.

    An editor with YAML support takes them by a first line such as

        # yaml-language-server: $schema=../../schemas/programs/tiers.schema.json
    """
    texts = {**schema_files(), NAME: examples_schema()}
    if out is None:
        members = ",\n".join(f'"{name}": {text.rstrip()}' for name, text in texts.items())
        click.echo("{" + members + "}")
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
        click.echo(str(out / name))
