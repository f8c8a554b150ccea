"""`accrue program`: checks, tests and compares loyalty programmes, publishes them, and tells which one decided when."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.common import json_option, print_json
from pipeline.cli.program_diff import diff
from pipeline.cli.program_publish import history, publish, rollback
from pipeline.cli.program_schema import schema
from pipeline.cli.program_shadow import shadow
from pipeline.cli.program_test import test
from pipeline.cli.program_words import summary, tell
from pipeline.examples import check_examples
from pipeline.program import Problem, check, compile_bundle, load_program


@click.group()
def program() -> None:
    """Check, test, compare and publish loyalty programmes.

    A programme is one directory of YAML; docs/programs.md tells of every key.
    """


@program.command("check")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def check_(directory: Path, as_json: bool) -> None:
    """Find every mistake in a programme's files and its examples: file, line, column, what is wrong, the way out.

    Exits with 1 if there is one. Warnings are shown and allowed.
    """
    problems = check(directory)
    bundle = None if _refused(problems) else load_program(directory)
    problems += check_examples(directory, None if bundle is None else compile_bundle(bundle))
    refused = _refused(problems)
    if refused:
        bundle = None
    if as_json:
        named = None if bundle is None else bundle.hash
        print_json({"sound": not refused, "hash": named, "problems": [problem.to_dict() for problem in problems]})
    else:
        tell(problems)
        if bundle is not None:
            click.echo(summary(bundle))
    if refused:
        raise click.exceptions.Exit(1)


def _refused(problems: list[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


for command in (test, diff, publish, rollback, history, shadow, schema):
    program.add_command(command)
