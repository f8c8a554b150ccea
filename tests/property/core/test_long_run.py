"""The long comparison of core and model: it counts what it does, and tells of what differs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

import long_run
from core_model import ModelMember


def test_a_round_counts_its_steps_and_is_the_same_for_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_run, "EXAMPLES", 4)

    first, again, other = long_run.one_round(7), long_run.one_round(7), long_run.one_round(8)

    assert first == again
    assert first[0] > 4 and first[1] == other[1] == ""


def test_what_differs_is_shrunk_and_told_with_the_seed_of_its_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_run, "EXAMPLES", 40)
    monkeypatch.setattr(long_run, "STEPS_MAX", 6)
    monkeypatch.setattr(ModelMember, "adjust", lambda *_: None)

    _, failure = long_run.one_round(7)

    assert "round 7 of the seed" in failure
    assert "state.adjust(" in failure or "AssertionError" in failure
