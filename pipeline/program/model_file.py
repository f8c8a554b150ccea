"""Reads model.yaml: what was learned of fraud, tree by tree, as `accrue fraud train` writes it."""

import re
from typing import Final

from pipeline.core.fraud_model import FEATURES, LEAF, Model, Tree
from pipeline.core.fraud_program import FraudProgram
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import Section
from pipeline.program.shapes import Items, Key, Keys, Text
from pipeline.program.yaml_nodes import Node, Scalar

TREES_MAX: Final = 500
NODES_MAX: Final = 255
VALUE_MAX: Final = 1_000_000
THRESHOLD_MAX: Final = 10**12
STEP: Final = re.compile(r"([a-z_]+)<=(-?\d{1,13})")
WORTH: Final = re.compile(r"-?\d{1,7}")
TREE: Final = Text("[a-z0-9_<=+ -]{1,16384}", "new_device<=0 -210 points<=400 35 1840")
FILE_KEYS: Final[Keys] = {
    "trees": Key(
        Items(TREE, TREES_MAX),
        "Each a tree: a step `feature<=number`, then where it is so, then where it is not; or what it is worth.",
        required=True,
    ),
}


class BadTree(Exception):
    """A text that is no tree; the message says why."""


def read_model(report: Report, source: Source, node: Node) -> Model | None:
    """The model; None where it is wrong."""
    section = Section(report, source, node, "model.yaml", FILE_KEYS)
    if not section.require("trees"):
        return None
    trees: list[Tree] = []
    for item in section.items("trees", "trees", TREES_MAX):
        if not isinstance(item, Scalar):
            report.error(source, item.start, "a tree must be a text", f"write one such as `{TREE.example}`")
            continue
        try:
            trees.append(read_tree(item.value))
        except BadTree as bad:
            report.error(source, item.start, str(bad), "train it anew: `accrue fraud train`")
    return None if report.refuses(source.name) else Model(tuple(trees))


def read_tree(text: str) -> Tree:
    """The tree that a text says. Raises BadTree."""
    words = text.split()
    if len(words) > NODES_MAX:
        raise BadTree(f"a tree has at most {NODES_MAX} nodes, not {len(words)}")
    tree = Tree()
    end = _read_node(tree, words, 0)
    if end < len(words):
        raise BadTree(f"`{shorten(words[end])}` stands behind the end of the tree")
    return tree


def tree_text(tree: Tree, node: int = 0) -> str:
    """As `read_tree` reads it."""
    if tree.feature[node] == LEAF:
        return str(tree.value[node])
    below = f"{tree_text(tree, tree.low[node])} {tree_text(tree, tree.high[node])}"
    return f"{FEATURES[tree.feature[node]]}<={tree.threshold[node]} {below}"


def check_model(
    report: Report,
    model: tuple[Source, Node] | None,
    fraud: tuple[Source, Node] | None,
    signals: FraudProgram | None,
    *,
    given: bool,
) -> None:
    """Signals that score need a model, and a model needs them."""
    scores = signals is not None and len(signals.learned) > 0
    if scores and not given and fraud is not None:
        reason = "a signal has `learned`, and there is no model.yaml"
        report.error(fraud[0], fraud[1].start, reason, "write it by `accrue fraud train`")
    elif model is not None and not scores and (fraud is None or not report.refuses(fraud[0].name)):
        report.warning(model[0], 0, "no signal of fraud.yaml has `learned`: the model decides nothing", "add one")


def _read_node(tree: Tree, words: list[str], place: int) -> int:
    """Add the node that begins at the word. Returns the place behind it."""
    if place >= len(words):
        raise BadTree("the tree breaks off")
    word = words[place]
    if WORTH.fullmatch(word):
        value = int(word)
        if abs(value) > VALUE_MAX:
            raise BadTree(f"a leaf is worth at most {VALUE_MAX} either way, not {value}")
        tree.add(LEAF, 0, value)
        return place + 1
    step = STEP.fullmatch(word)
    if step is None:
        raise BadTree(f"`{shorten(word)}` is neither a step, such as `points<=400`, nor a number")
    if step[1] not in FEATURES:
        raise BadTree(f"there is no feature `{shorten(step[1])}`: {closest(step[1], FEATURES)}")
    node = tree.add(FEATURES.index(step[1]), int(step[2]), 0)
    low = len(tree.feature)
    middle = _read_node(tree, words, place + 1)
    high = len(tree.feature)
    end = _read_node(tree, words, middle)
    tree.join(node, low, high)
    return end
