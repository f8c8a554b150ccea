"""What trials come to: recall by intensity, honest members stopped, and what attackers take, over several seeds."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.fraud.honest import ODD
from pipeline.fraud.person import Person
from pipeline.fraud.trial import Fate, fates
from pipeline.fraud.world import KINDS, ORDINARY, people
from pipeline.program import Bundle, compile_bundle, files

SIGNAL_FILES: Final = (files.FRAUD, files.MODEL)
EDGES: Final = (1, 3, 10, 30)
"""Intensities are told apart at these multiples of what an honest member earns."""
BANDS: Final = ("under 1", "1 to 3", "3 to 10", "10 to 30", "30 and more")
TARGET_FROM_BAND: Final = 3
RECALL_TARGET: Final = 0.95
HONEST_TARGET: Final = 0.001


@dataclass
class KindFigures:
    """Attackers of one kind: by band how many there were and how many were stopped; points that they took without
    signals and with them; and how many each signal alerted of."""

    attackers: list[int] = field(default_factory=lambda: [0] * len(BANDS))
    stopped: list[int] = field(default_factory=lambda: [0] * len(BANDS))
    taken_without: int = 0
    taken_with: int = 0
    signals: Counter[str] = field(default_factory=Counter)

    def recall(self, bands: Iterable[int]) -> float | None:
        """Share that was stopped; None where there was nobody."""
        chosen = list(bands)
        there = sum(self.attackers[band] for band in chosen)
        return sum(self.stopped[band] for band in chosen) / there if there else None

    @property
    def recall_at_target(self) -> float | None:
        """Of those who take ten times an honest member's value or more."""
        return self.recall(range(TARGET_FROM_BAND, len(BANDS)))


@dataclass
class HonestFigures:
    """Honest members of one sort: how many, how many were ever stopped, and by which signals."""

    members: int = 0
    stopped: int = 0
    signals: Counter[str] = field(default_factory=Counter)


@dataclass
class SignalFigures:
    """One signal: by kind how many attackers it stopped, how many of all kinds nothing else did, and how many honest
    members it stopped."""

    kinds: Counter[str] = field(default_factory=Counter)
    alone: int = 0
    honest: int = 0


@dataclass
class Figures:
    """All seeds together, under these live signals. `honest_points` is what ordinary members earned in all."""

    seeds: tuple[int, ...]
    signals: dict[str, SignalFigures]
    kinds: dict[str, KindFigures] = field(default_factory=lambda: {name: KindFigures() for name in KINDS})
    honest: dict[str, HonestFigures] = field(default_factory=lambda: {n: HonestFigures() for n in (ORDINARY, *ODD)})
    honest_points: int = 0
    events: int = 0

    @property
    def value(self) -> float:
        """Points of an honest member."""
        return self.honest_points / self.honest[ORDINARY].members

    @property
    def honest_members(self) -> int:
        """Honest members of every sort."""
        return sum(one.members for one in self.honest.values())

    @property
    def honest_stopped(self) -> int:
        """Those who were ever stopped."""
        return sum(one.stopped for one in self.honest.values())

    def to_json(self) -> dict[str, object]:
        """Every figure, by name; recall is null where there was nobody."""
        return {
            "seeds": self.seeds,
            "events": self.events,
            "honest_value_points": round(self.value, 1),
            "bands": BANDS,
            "kinds": {
                name: {**vars(kind), "recall_from_ten_times": kind.recall_at_target}
                for name, kind in self.kinds.items()
            },
            "honest": {name: vars(one) for name, one in self.honest.items()},
            "signals": {name: vars(one) for name, one in self.signals.items()},
            "honest_stopped_share": self.honest_stopped / self.honest_members,
        }


def measure(bundle: Bundle, seeds: tuple[int, ...], purchases: Path | None, customers: int, attackers: int) -> Figures:
    """Run the world of each seed under the programme, with its signals and without. Raises ValueError where customers
    are too few."""
    guarded = compile_bundle(bundle)
    signals = () if guarded.fraud is None else guarded.fraud.signals
    figures = Figures(seeds, {one.signal_id: SignalFigures() for one in signals if one.live})
    unguarded = compile_bundle(
        dataclasses.replace(bundle, files=tuple(file for file in bundle.files if file[0] not in SIGNAL_FILES))
    )
    for seed in seeds:
        everybody = people(purchases, customers, attackers, seed)
        _add(figures, everybody, fates(everybody, unguarded), fates(everybody, guarded))
    return figures


def _add(figures: Figures, everybody: list[Person], without: dict[str, Fate], guarded: dict[str, Fate]) -> None:
    figures.events += sum(len(person.events) for person in everybody)
    ordinary = [person.person_id for person in everybody if person.kind == ORDINARY]
    points = sum(without[person_id].taken for person_id in ordinary)
    figures.honest_points += points
    value = points / len(ordinary)
    for person in everybody:
        fate = guarded[person.person_id]
        for name in fate.stopped_by:
            signal = figures.signals[name]
            if person.honest:
                signal.honest += 1
            else:
                signal.kinds[person.kind] += 1
                signal.alone += len(fate.stopped_by) == 1
        if person.honest:
            sort = figures.honest[person.kind]
            sort.members += 1
            if fate.stopped:
                sort.stopped += 1
                sort.signals.update(fate.stopped_by)
            continue
        kind = figures.kinds[person.kind]
        taken = without[person.person_id].taken
        band = sum(taken >= edge * value for edge in EDGES)
        kind.attackers[band] += 1
        kind.stopped[band] += fate.stopped
        kind.taken_without += taken
        kind.taken_with += fate.taken
        kind.signals.update(fate.stopped_by)
