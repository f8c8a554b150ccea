"""What the command says of seeds that hold and of one that does not."""

from __future__ import annotations

import pytest
import simulation_command
from invariants import InvariantBroken
from simulation_command import main
from world import World


def test_seeds_that_hold_are_counted_with_their_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--first", "3"]) == 0

    said = capsys.readouterr().out
    assert "2 seeds hold: " in said
    assert "crash: between two steps" in said
    assert "seeds/s on 1 process," in said


def test_a_seed_that_fails_ends_the_run_and_tells_how_to_replay_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(world: World) -> None:
        if world.seed == 4:
            raise InvariantBroken("seed 4:\nI2: entry written twice")

    monkeypatch.setattr(simulation_command, "check", broken)

    assert main(["--seeds", "9", "--first", "3"]) == 1

    said = capsys.readouterr().err
    assert "seed 4 fails" in said
    assert "I2: entry written twice" in said
    assert "python -m tests.simulation --first 4 --seeds 1" in said
