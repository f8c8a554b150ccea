"""`accrue fraud`: what a programme's signals catch, and whom they wrongly stop; what they learn from; cohorts."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import click

from pipeline.cli.common import json_option, print_json, print_table
from pipeline.cli.fraud_cohorts import cohorts
from pipeline.demo.shoppers import CDNOW_CUSTOMERS
from pipeline.fraud.figures import SIGNAL_FILES, measure
from pipeline.fraud.page import page
from pipeline.fraud.train import (
    CannotTrain,
    editor_line,
    model_text,
    samples_of_log,
    samples_of_world,
    thresholds,
    train,
    watching,
)
from pipeline.fraud.world import people
from pipeline.program import files, load_program

GUARDED = Path(__file__).resolve().parents[2] / "programs" / "guarded"
SEEDS = (1, 2, 3)
ATTACKERS = 200
TRAINING_SEED = 11


def named(program: Path) -> str:
    """A programme's directory, and the digest of its signals, by which a report that has aged is known."""
    return f"`{program.name}` (signals {signals_digest(program)})"


def signals_digest(program: Path) -> str:
    """Of fraud.yaml, and of the model that it scores by."""
    told = [path.read_bytes() for path in (program / name for name in SIGNAL_FILES) if path.is_file()]
    return sha256(b"\0".join(told)).hexdigest()[:12]


@click.group()
def fraud() -> None:
    """Put a programme's fraud signals on trial, and measure what they judge by."""


fraud.add_command(cohorts)


program_option = click.option(
    "--program",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=GUARDED,
    help="Directory of the programme; the sample with all signals without it.",
)


@fraud.command()
@program_option
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
    if not (program / files.FRAUD).is_file():
        raise click.ClickException(f"{program} has no {files.FRAUD}: there are no signals to put on trial")
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


@fraud.command(name="train")
@program_option
@click.option(
    "--log", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A log that `accrue log export` wrote."
)
@click.option("--customers", type=click.IntRange(1), default=CDNOW_CUSTOMERS, show_default=True, help="Generated ones.")
@click.option("--attackers", type=click.IntRange(1), default=ATTACKERS, show_default=True, help="Of each kind.")
@click.option("--seed", type=int, default=TRAINING_SEED, show_default=True, help="Of the generated world.")
@click.option("--trees", type=click.IntRange(1, 200), default=40, show_default=True, help="How many are grown.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it; DIR/model.yaml else.")
def train_model(
    program: Path, log: Path | None, customers: int, attackers: int, seed: int, trees: int, out: Path | None
) -> None:
    """Learn from what was decided what fraud looks like, and write it to the programme's model.yaml.

    From an exported log, fraud is what reviewers rejected and signals denied; without one, what attackers do in a
    generated world. Prints what thresholds would stop, for `learned` in fraud.yaml. Needs the extra `train`.
    """
    watched = watching(load_program(program))
    try:
        if log is not None:
            samples, source = samples_of_log(watched, log), f"the log {log.name}"
        else:
            everybody = people(None, customers, attackers, seed)
            samples, source = samples_of_world(watched, everybody), f"the world of seed {seed}"
        model = train(samples, trees)
    except (ValueError, CannotTrain) as error:
        raise click.ClickException(str(error)) from error
    frauds = sum(sample.fraud for sample in samples)
    told = f"Learned from {source}: {len(samples):,} events that took points, {frauds:,} of them fraud."
    path = out or program / files.MODEL
    path.write_text(editor_line(path) + model_text(model, told), encoding="utf-8")
    click.echo(f"{path}: {told}")
    rows = [(one.at_least, f"{one.fraud:.1%}", f"{one.others:.3%}") for one in thresholds(model, samples)]
    print_table(("at_least", "of fraud", "of other events"), rows)
