"""`accrue fraud`: what a programme's signals catch, and whom they wrongly stop, by labelled attacks."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import click

from pipeline.cli.common import json_option, print_json
from pipeline.demo.shoppers import CDNOW_CUSTOMERS
from pipeline.fraud.figures import FRAUD_FILE, measure
from pipeline.fraud.page import page
from pipeline.program import load_program

GUARDED = Path(__file__).resolve().parents[2] / "programs" / "guarded"
SEEDS = (1, 2, 3)
ATTACKERS = 200


def named(program: Path) -> str:
    """A programme's directory, and the digest of its signals, by which a report that has aged is known."""
    digest = sha256((program / FRAUD_FILE).read_bytes()).hexdigest()[:12]
    return f"`{program.name}` ({FRAUD_FILE} {digest})"


@click.group()
def fraud() -> None:
    """Put a programme's fraud signals on trial."""


@fraud.command()
@click.option(
    "--program",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=GUARDED,
    help="Directory of the programme; the sample with all signals without it.",
)
@click.option(
    "--purchases",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of purchases as `accrue events import` takes it; generated shoppers without it.",
)
@click.option("--customers", type=click.IntRange(1), default=CDNOW_CUSTOMERS, show_default=True, help="Generated ones.")
@click.option("--attackers", type=click.IntRange(1), default=ATTACKERS, show_default=True, help="Of each kind, a seed.")
@click.option("--seed", "seeds", type=int, multiple=True, default=SEEDS, show_default=True, help="Repeatable.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the page there.")
@json_option
def report(
    program: Path,
    purchases: Path | None,
    customers: int,
    attackers: int,
    seeds: tuple[int, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Attackers of every kind among honest members: whom the signals stop, and what is taken.

    Runs the pure core, without Kafka, twice for each seed: with the programme's fraud.yaml and without it.
    """
    if not (program / FRAUD_FILE).is_file():
        raise click.ClickException(f"{program} has no {FRAUD_FILE}: there are no signals to put on trial")
    try:
        figures = measure(load_program(program), seeds, purchases, customers, attackers)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(figures.to_json())
        return
    source = (
        f"generated purchases of {customers:,} customers" if purchases is None else f"purchases of {purchases.name}"
    )
    text = page(figures, named(program), source)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{out}: {figures.honest_stopped} of {figures.honest_members:,} honest members were ever stopped")
