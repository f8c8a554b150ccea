"""Learns from what was decided, or from a generated world, what fraud looks like: a model for the lane to score by.

Samples are events that take points. The core itself tells their features, in alerts of a signal in shadow mode that
scores each. Labels are verdicts: of a log, what reviewers rejected and signals denied is fraud; of a generated world,
what belongs to an attack.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from pipeline.core import reasons
from pipeline.core.events import Event
from pipeline.core.fraud_model import FEATURES, LEAF, Model, Tree
from pipeline.core.payloads import ProgramActivated
from pipeline.core.program import Program
from pipeline.core.records import FraudAlert
from pipeline.core.simulate import Simulation
from pipeline.core.simulation_result import SimulationResult
from pipeline.fraud.person import Person
from pipeline.fraud.trial import lived
from pipeline.history.log_lines import RecordLine
from pipeline.history.replay import Replay
from pipeline.history.what_if import OneProgram
from pipeline.program import Bundle, compile_bundle, files
from pipeline.program.model_file import WORTH, tree_text

WATCH: Final = "watch"
THOUSANDTHS: Final = 1_000
SEED: Final = 1
LEAST_OF_EACH: Final = 20
DEPTH: Final = 3
RATE: Final = 0.2
STOPPED_SHARES: Final = (0.0001, 0.001, 0.01)
REJECTED: Final = "rejected"
OPENED: Final = "opened"
FOR_EDITORS: Final = "# yaml-language-server:"
HEADER: Final = """\
# Written by `accrue fraud train`: trees whose sum is the score of an event that takes points, in thousandths of the
# logarithm of the odds that it is fraud. docs/fraud.md says what the features are.
"""


class CannotTrain(Exception):
    """There is nothing to learn from, or nothing to learn with; the message gives the remedy."""


class Sample(NamedTuple):
    """An event that took points: its features, in the order of `FEATURES`, and whether it was fraud."""

    features: list[int]
    fraud: bool


def watching(bundle: Bundle) -> Program:
    """The programme with nothing but a signal that tells the features of every event that takes points."""
    texts = dict(bundle.files)
    names = yaml.safe_load(texts.get(files.FRAUD, "{}")).get("attributes", {})
    signal = {"id": WATCH, "learned": {"at_least": 0}, "action": "allow", "mode": "shadow"}
    texts[files.FRAUD] = yaml.safe_dump({"signals": [signal], **({"attributes": names} if names else {})})
    texts[files.MODEL] = "trees: ['0']\n"
    return compile_bundle(replace(bundle, files=tuple(sorted(texts.items()))))


def samples_of_world(program: Program, everybody: list[Person]) -> list[Sample]:
    """What a generated world shows to a programme that `watching` gave."""
    frauds = {event_id for person in everybody for event_id in person.attack_ids}
    return _samples(lived(everybody, program), frauds)


def samples_of_log(program: Program, path: Path) -> list[Sample]:
    """What an exported log shows to a programme that `watching` gave. Raises NotReplayable, UnknownProgram."""
    simulation = Simulation(OneProgram(program), relay=False)
    simulation.take_everywhere(0, ProgramActivated(program.program_hash, 0, "train", ""))

    def take(record: RecordLine) -> None:
        if isinstance(record.content, Event):
            simulation.take(0, record.offset, record.timestamp_ms, record.content)

    replay = Replay(path)
    replay.run(on_record=take)
    return _samples(simulation, _frauds(replay.simulation.result()))


def train(samples: list[Sample], trees: int) -> Model:
    """A model of so many boosted trees. Raises CannotTrain where samples of either kind are too few, or scikit-learn is
    not installed."""
    frauds = sum(sample.fraud for sample in samples)
    if min(frauds, len(samples) - frauds) < LEAST_OF_EACH:
        what = f"{frauds} of {len(samples)} events that took points were fraud"
        raise CannotTrain(f"{what}: at least {LEAST_OF_EACH} of either kind are needed")
    try:
        from sklearn.ensemble import GradientBoostingClassifier  # noqa: PLC0415 - only who trains needs it
    except ImportError:
        raise CannotTrain("training needs scikit-learn: pip install 'accrue[train]'") from None
    learner = GradientBoostingClassifier(n_estimators=trees, max_depth=DEPTH, learning_rate=RATE, random_state=SEED)
    learner.fit([sample.features for sample in samples], [sample.fraud for sample in samples])
    first = Tree()
    first.add(LEAF, 0, round(THOUSANDTHS * math.log(frauds / (len(samples) - frauds))))
    return Model((first, *(_whole(one[0].tree_, learner.learning_rate) for one in learner.estimators_)))


def model_text(model: Model, told: str) -> str:
    """model.yaml; `told` says what it was trained on."""
    texts = [tree_text(tree) for tree in model.trees]
    lines = [f'  - "{text}"' if WORTH.fullmatch(text) else f"  - {text}" for text in texts]  # a text, not a number
    return f"{HEADER}# {told}\ntrees:\n" + "\n".join(lines) + "\n"


def editor_line(path: Path) -> str:
    """The first line of a model.yaml that is written anew, where it tells editors the file's schema; "" where not."""
    first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
    return f"{first}\n" if first.startswith(FOR_EDITORS) else ""


class Threshold(NamedTuple):
    """A score from which on a signal is set off: shares of fraud and of other events that it would stop."""

    at_least: int
    fraud: float
    others: float


def thresholds(model: Model, samples: list[Sample]) -> list[Threshold]:
    """For some shares of other events that may be stopped, the score that it takes."""
    frauds = [model.score(sample.features)[0] for sample in samples if sample.fraud]
    others = sorted((model.score(sample.features)[0] for sample in samples if not sample.fraud), reverse=True)
    found: list[Threshold] = []
    for share in STOPPED_SHARES:
        score = max(others[int(len(others) * share)] + 1, 0)
        stopped = sum(one >= score for one in others) / len(others)
        found.append(Threshold(score, sum(one >= score for one in frauds) / len(frauds), stopped))
    return found


def _samples(simulation: Simulation, frauds: set[str]) -> list[Sample]:
    """Of each alert of the watching signal, its features; those of the events named are fraud."""
    found: list[Sample] = []
    for output in simulation.journal(0):
        if isinstance(output, FraudAlert) and output.signal_id == WATCH:
            told = {fact.name: fact.value for fact in output.evidence}
            found.append(Sample([int(told[name]) for name in FEATURES], output.event_id in frauds))
    return found


def _frauds(result: SimulationResult) -> set[str]:
    """Ids of events that a signal denied, or whose review was rejected."""
    rejected = {change.review_id for change in result.reviews if change.status == REJECTED}
    held = {change.event_id for change in result.reviews if change.status == OPENED and change.review_id in rejected}
    return held | {event_id for event_id, reason in result.rejections if reason == reasons.FRAUD_DENIED}


def _whole(grown: Any, rate: float) -> Tree:
    """A tree of scikit-learn in whole numbers: features are whole, so a threshold is as good rounded down."""
    tree = Tree()

    def add(node: int) -> int:
        low, high = int(grown.children_left[node]), int(grown.children_right[node])
        if low == high:
            return tree.add(LEAF, 0, round(THOUSANDTHS * rate * float(grown.value[node][0][0])))
        own = tree.add(int(grown.feature[node]), math.floor(grown.threshold[node]), 0)
        below = add(low)
        tree.join(own, below, add(high))
        return own

    add(0)
    return tree
