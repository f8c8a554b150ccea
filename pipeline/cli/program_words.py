"""How the commands of `accrue program` put problems and programmes into words."""

from __future__ import annotations

import click

from pipeline.program import Bundle, Problem, compile_bundle


def tell(problems: list[Problem]) -> None:
    """Problems in full on stderr, then how many there are."""
    for problem in problems:
        click.echo(problem.render() + "\n", err=True)
    if problems:
        errors = sum(problem.severity == "error" for problem in problems)
        click.echo(f"{count(errors, 'error')}, {count(len(problems) - errors, 'warning')}", err=True)


def count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def summary(bundle: Bundle) -> str:
    compiled = compile_bundle(bundle)
    rules = [rule for table in compiled.rules.values() for rule in table.rules]
    shadow = sum(not rule.live for rule in rules)
    counts = (
        f"{count(len(rules), 'rule')} ({shadow} shadow)",
        count(len(compiled.tiers), "tier"),
        count(len(compiled.rewards), "reward"),
    )
    return f"programme {compiled.program_id} {bundle.hash[:12]}: {', '.join(counts)}"
