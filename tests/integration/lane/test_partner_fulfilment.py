"""Fulfilment by partners over real Kafka and HTTP: faults, killed workers, and a partner that is down for a while."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from lane_world import LaneWorld, wait_until
from partner_world import (
    PartnerProcess,
    check_reward_or_points,
    fund,
    outcomes,
    program_with,
    redeem,
    wait_for_outcomes,
)

from pipeline.devstack import Settings

pytestmark = pytest.mark.kafka

FULFILMENTS = 240
MEMBERS = 40
HOOK = {"PARTNER_HOOK": "whsec_c2VjcmV0"}


def test_under_faults_and_kills_what_partners_gave_is_what_members_paid_for(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    with (
        PartnerProcess("--faults", "0.2", "--refuses", "0.05", "--late-seconds", "1", "--seed", "7") as acme,
        PartnerProcess() as calm,
    ):
        program = program_with(tmp_path / "program", {"acme": acme.port, "calm": calm.port})
        with LaneWorld(settings, prefix, tmp_path, 2, program) as world:
            for name in ("one", "two"):
                world.worker(name, environment=HOOK)
            fund(world, MEMBERS, 1_000)
            random = Random(3)
            for number in range(FULFILMENTS):
                redeem(world, number, f"m-{number % MEMBERS}", random.choice(("acme-gift", "calm-gift")))
            world.flush()

            for share in (0.2, 0.5):
                wait_until(lambda share=share: len(outcomes(world)) >= share * FULFILMENTS, "some outcomes")
                victim = random.choice(("one", "two"))
                world.crew.kill(victim)
                world.crew.restart(victim)
            wait_for_outcomes(world, FULFILMENTS)

            confirmed = check_reward_or_points(world, {"acme": acme, "calm": calm})
            assert 0.9 * FULFILMENTS < confirmed < FULFILMENTS
            world.check_against_oracle()
