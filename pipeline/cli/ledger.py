"""`accrue ledger`: verifies the ledger."""

from __future__ import annotations

from typing import Final

import click

from pipeline.cli.common import json_option, print_json, print_table, settings_options
from pipeline.settings import Settings
from pipeline.sinks.assemble import ledger_verifier
from pipeline.sinks.chain_check import Problem, Report

SHOWN: Final = 20


@click.group()
def ledger() -> None:
    """Verify the ledger's hash chains."""


@ledger.command()
@click.option(
    "--from",
    "store",
    type=click.Choice(("kafka", "postgres")),
    default="kafka",
    show_default=True,
    help="Which copy of the ledger to verify.",
)
@settings_options("bootstrap_servers", "registry_url", "postgres_url", "topic_prefix")
@json_option
def verify(store: str, settings: Settings, as_json: bool) -> None:
    """Recompute every member's chain and balances, and compare them with the published balances.

    Finds entries that were changed, removed, added or moved, also at the end, and names the first bad one of each
    member. Exits with 1 if anything is wrong. Memory grows with members, not with entries.
    """
    verifier = ledger_verifier(settings)
    report = verifier.from_postgres() if store == "postgres" else verifier.from_kafka()
    if as_json:
        print_json(_document(report, store))
    else:
        _show(report, store)
    if not report.ok:
        first = report.problems[0]
        raise click.ClickException(f"the ledger does not hold: {_place(first)}: {first.what}")


def _show(report: Report, store: str) -> None:
    click.echo(f"{report.entries} entries of {report.members} members read from {store}")
    rows = [
        (unit, account, points)
        for unit, accounts in sorted(report.totals.items())
        for account, points in sorted(accounts.items())
    ]
    if rows:
        print_table(("unit", "account", "points"), rows)
    if report.ok:
        click.echo("Every chain and every balance holds; the accounts of each unit sum to 0.")
        return
    click.echo(f"{report.problem_count} problems:")
    for problem in report.problems[:SHOWN]:
        click.echo(f"  {_place(problem)}: {problem.what}")
    if report.problem_count > SHOWN:
        click.echo(f"  and {report.problem_count - SHOWN} more; --json names up to 1000")


def _place(problem: Problem) -> str:
    return f"member {problem.member_id}, entry {problem.seq}" if problem.member_id else "ledger"


def _document(report: Report, store: str) -> dict[str, object]:
    return {
        "ok": report.ok,
        "source": store,
        "entries": report.entries,
        "members": report.members,
        "problem_count": report.problem_count,
        "problems": [problem._asdict() for problem in report.problems],
        "totals": report.totals,
    }
