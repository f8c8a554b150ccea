"""`accrue program diff`: says in words what changes from one programme to another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from pipeline.cli.common import json_option, print_json, settings_options
from pipeline.cli.program_sources import bundle_of
from pipeline.program import Bundle
from pipeline.program.comparison import compare
from pipeline.settings import Settings


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@settings_options("bootstrap_servers", "registry_url", "topic_prefix", "topics_file")
@json_option
def diff(before: str, after: str, settings: Settings, as_json: bool) -> None:
    """Say in words what changes from programme A to programme B.

    Each is a directory, or a published programme: `current`, `previous`, or the beginning of its hash as
    `accrue program history` shows it. Compared is what they mean: comments and ways of writing make no difference.
    """
    old, new = bundle_of(before, settings), bundle_of(after, settings)
    changes = compare(old, new)
    if as_json:
        print_json(
            {
                "before": _named(before, old),
                "after": _named(after, new),
                "same_hash": old.hash == new.hash,
                "same_meaning": not changes,
                "changes": [asdict(change) for change in changes],
            }
        )
        return
    for change in changes:
        click.echo(change.text)
    if not changes:
        same = "the same programme" if old.hash == new.hash else "the text differs, the meaning does not"
        click.echo(f"nothing changes: {same}")


def _named(name: str, bundle: Bundle) -> dict[str, Any]:
    return {"name": name, "hash": bundle.hash}
