"""The report as a page of Markdown: what was run, the tables, and the targets beside the figures."""

from collections import Counter
from typing import Final

from pipeline.fraud.figures import (
    BANDS,
    HONEST_TARGET,
    RECALL_TARGET,
    Figures,
    HonestFigures,
    KindFigures,
    SignalFigures,
)

NAMES_SHOWN: Final = 3


INTRODUCTION: Final = """# What the signals catch

Written by `accrue fraud report` with {program}, seeds {seeds}, {source}: {events:,} events.

An *attacker* is one person with all the accounts they use; *stopped* means denied, frozen or held for review at any
time after the attack began. Intensity is what the attack takes when no signal is on, in multiples of what an ordinary
honest member earns in the same time ({value:,.0f} points). Targets: recall of at least {recall} from ten times on,
and under {honest:.1%} of honest members ever stopped.

## Attackers

Recall, and of how many attackers, by intensity; then what one took on average, in the same multiples, without signals
and with them.
"""
HONEST: Final = """
## Honest members

| members | how many | ever stopped | share | by |
|---|---:|---:|---:|---|"""
SIGNALS: Final = """
## Signals

Where several would stop the same event, the strictest counts; *alone* are attackers whom nothing else stopped.

| signal | attackers stopped | alone | honest members stopped | attackers by kind |
|---|---:|---:|---:|---|"""


def page(figures: Figures, program: str, source: str) -> str:
    """The page. `program` names the programme, `source` says whose purchases it stands on."""
    introduction = INTRODUCTION.format(
        program=program,
        seeds=", ".join(str(seed) for seed in figures.seeds),
        source=source,
        events=figures.events,
        value=figures.value,
        recall=RECALL_TARGET,
        honest=HONEST_TARGET,
    )
    lines = [
        introduction,
        f"| kind | {' | '.join(BANDS)} | from 10 on | target | took without | took with | stopped by |",
        f"|---|{'---:|' * (len(BANDS) + 4)}---|",
        *(_kind_row(name, kind, figures.value) for name, kind in figures.kinds.items()),
        HONEST,
        *(_honest_row(name, sort) for name, sort in figures.honest.items()),
        _honest_sum(figures),
        SIGNALS,
        *(_signal_row(name, signal) for name, signal in sorted(figures.signals.items())),
    ]
    return "\n".join(lines) + "\n"


def _kind_row(name: str, kind: KindFigures, value: float) -> str:
    cells = [
        f"{_share(kind.recall([band]))} of {kind.attackers[band]}" if kind.attackers[band] else "–"
        for band in range(len(BANDS))
    ]
    reached = kind.recall_at_target
    met = "–" if reached is None else "met" if reached >= RECALL_TARGET else "missed"
    people = sum(kind.attackers)
    takes = [f"{taken / people / value:.1f}" for taken in (kind.taken_without, kind.taken_with)]
    return (
        f"| {name} | {' | '.join(cells)} | {_share(reached)} | {met} | {' | '.join(takes)} | {_names(kind.signals)} |"
    )


def _honest_row(name: str, sort: HonestFigures) -> str:
    share = sort.stopped / sort.members
    return f"| {name} | {sort.members:,} | {sort.stopped} | {share:.2%} | {_names(sort.signals)} |"


def _signal_row(name: str, signal: SignalFigures) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in _most(signal.kinds)) or "–"
    return f"| `{name}` | {signal.kinds.total():,} | {signal.alone:,} | {signal.honest} | {kinds} |"


def _honest_sum(figures: Figures) -> str:
    share = figures.honest_stopped / figures.honest_members
    met = "met" if share < HONEST_TARGET else "missed"
    return (
        f"| **all** | {figures.honest_members:,} | {figures.honest_stopped} | {share:.3%} | "
        f"target under {HONEST_TARGET:.1%}: {met} |"
    )


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"


def _names(signals: Counter[str]) -> str:
    return ", ".join(f"`{name}` {count}" for name, count in _most(signals)) or "–"


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent ones; of equally many, the first by name, so that the same figures give the same page."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:NAMES_SHOWN]
