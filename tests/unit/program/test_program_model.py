"""model.yaml: trees as texts, what is refused with its place, and what binds it to fraud.yaml."""

from __future__ import annotations

import pytest
from program_texts import bundle, compiled, problems

from pipeline.core.fraud_model import FEATURES
from pipeline.program.comparison import compare
from pipeline.program.model_file import BadTree, read_tree, tree_text

FRAUD = "signals:\n  - {id: it, learned: {at_least: 900}, action: review}\n"
MODEL = "trees:\n  - new_device<=0 -210 points<=400 35 1840\n  - 12\n"


def test_trees_are_compiled_with_the_signals() -> None:
    fraud = compiled({"fraud.yaml": FRAUD, "model.yaml": MODEL}).fraud
    assert fraud is not None
    (signal,) = fraud.learned
    assert (signal.kind, signal.at_most, signal.action) == ("learned", 899, "review")
    assert [tree_text(tree) for tree in fraud.model.trees] == ["new_device<=0 -210 points<=400 35 1840", "12"]


def test_a_model_is_part_of_the_bundle_and_told_as_a_change() -> None:
    one = bundle({"fraud.yaml": FRAUD, "model.yaml": MODEL})
    other = bundle({"fraud.yaml": FRAUD.replace("900", "950"), "model.yaml": MODEL.replace("1840", "1850")})

    assert one.hash != other.hash
    told = [change.text for change in compare(one, other)]
    assert "signal `it`: the score from which on it is set off changes from 900 to 950" in told
    (model,) = [text for text in told if "model" in text]
    assert model.startswith("the programme: the learned model changes from 2 trees (")
    assert [
        text.split(" (")[0] for text in (change.text for change in compare(bundle({}), one)) if "model" in text
    ] == ["the programme: the learned model is new: 2 trees"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "breaks off"),
        ("points<=4 1", "breaks off"),
        ("1 2", "stands behind the end"),
        ("pionts<=4 1 2", "did you mean `points`"),
        ("points<4 1 2", "neither a step"),
        ("9999999", "at most 1000000"),
        (" ".join(["points<=1 1"] * 128 + ["1"]), "at most 255 nodes"),
    ],
)
def test_what_is_no_tree_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadTree, match=reason):
        read_tree(text)


def test_every_feature_can_be_named() -> None:
    for name in FEATURES:
        assert tree_text(read_tree(f"{name}<=-3 -1 1")) == f"{name}<=-3 -1 1"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"fraud.yaml": FRAUD}, "fraud.yaml:1:1: error: a signal has `learned`, and there is no model.yaml"),
        ({"model.yaml": MODEL}, "model.yaml:1:1: warning: no signal of fraud.yaml has `learned`"),
        (
            {"fraud.yaml": FRAUD, "model.yaml": "trees:\n  - points<=4 1\n"},
            "model.yaml:2:5: error: the tree breaks off",
        ),
        ({"fraud.yaml": FRAUD, "model.yaml": "trees:\n  - {a: 1}\n"}, "model.yaml:2:5: error: a tree must be a text"),
        ({"fraud.yaml": FRAUD, "model.yaml": "tree: []\n"}, "model.yaml:1:1: error: unknown key `tree`"),
    ],
)
def test_mistakes_are_told_with_their_place(files: dict[str, str], told: str) -> None:
    assert any(problem.startswith(told) for problem in problems(files)), problems(files)
