"""`accrue program test`: runs the examples beside a programme's rules and shows where they come out otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.cli.common import json_option, print_json
from pipeline.cli.program_words import count, tell
from pipeline.core.program import Program, Rule
from pipeline.examples import Outcome, read_examples, rules_shown, run_example
from pipeline.program import ProgramRefused, compile_bundle, load_program


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def test(directory: Path, as_json: bool) -> None:
    """Run the examples beside a programme's rules: examples.yaml and examples/*.yaml.

    Each example gives a history and one or more events, and says what they must bring about. Those that come out
    otherwise are shown with what was expected beside what was given. Pure: needs no server. Exits with 1 if one fails,
    if there is a mistake in the files, or if there are no examples.
    """
    try:
        program = compile_bundle(load_program(directory))
    except ProgramRefused as refused:
        tell(refused.problems)
        raise click.ClickException(f"{directory} was not tested: mend it first") from refused
    examples, problems = read_examples(directory, program)
    if problems:
        tell(problems)
        raise click.ClickException("the examples were not run: mend them first")
    if not examples:
        raise click.ClickException(f"{directory} has no examples: write {directory}/examples.yaml")
    outcomes = [run_example(program, example) for example in examples]
    shown = rules_shown(outcomes)
    without = [rule.rule_id for rule in _rules(program) if rule.rule_id not in shown]
    failed = [outcome for outcome in outcomes if outcome.differences]
    if as_json:
        print_json(_document(outcomes, without))
    else:
        for outcome in failed:
            _show(outcome)
        click.echo(f"{count(len(outcomes), 'example')}, {len(failed)} failed")
        if without:
            click.echo(f"no example shows what these rules give: {', '.join(without)}")
    if failed:
        raise click.exceptions.Exit(1)


def _rules(program: Program) -> list[Rule]:
    return [rule for table in program.rules.values() for rule in table.rules]


def _show(outcome: Outcome) -> None:
    """The differences in columns."""
    example = outcome.example
    click.echo(f"{example.file}:{example.line}: failed: {example.name}")
    rows = [("", "expected", "given"), *((each.what, each.expected, each.given) for each in outcome.differences)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for what, expected, given in rows:
        click.echo(f"    {what:{widths[0]}}  {expected:{widths[1]}}  {given}")


def _document(outcomes: list[Outcome], without: list[str]) -> dict[str, Any]:
    return {
        "passed": sum(not outcome.differences for outcome in outcomes),
        "failed": sum(bool(outcome.differences) for outcome in outcomes),
        "rules_without_example": without,
        "examples": [
            {
                "file": outcome.example.file,
                "line": outcome.example.line,
                "name": outcome.example.name,
                "passed": not outcome.differences,
                "differences": [
                    {"what": each.what, "expected": each.expected, "given": each.given} for each in outcome.differences
                ],
            }
            for outcome in outcomes
        ],
    }
