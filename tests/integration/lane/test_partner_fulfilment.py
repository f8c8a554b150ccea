"""Fulfilment by partners over real Kafka and HTTP: faults, killed workers, and a partner that is down for a while."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import Result
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

from pipeline.core.records import FulfillmentAttempt
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


def test_operators_pause_and_resume_and_partners_call_back(settings: Settings, prefix: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/callbacks/acme"
    with PartnerProcess("--callbacks", address, "--secret", HOOK["PARTNER_HOOK"]) as acme:
        program = program_with(tmp_path / "program", {"acme": acme.port})
        with LaneWorld(settings, prefix, tmp_path, 2, program) as world:
            world.worker("one", environment=HOOK)
            world.crew.start("listener", ["partners", "listen", "--port", str(port)], HOOK)
            assert command(world, "pause", "acme", "--reason", "they asked for it").exit_code == 0
            assert "no published programme" in command(world, "pause", "acmee").stderr
            fund(world, 3, 100)
            for number in range(3):
                redeem(world, number, f"m-{number}", "acme-gift")
            world.flush()
            wait_until(lambda: standing(world).get("counts") == {"waiting": 3}, "three commands that wait")
            assert (standing(world)["paused"], standing(world)["paused_why"]) == (True, "they asked for it")
            wait_until(lambda: "callbacks:" in world.crew.log("listener").read_text(), "the listener")

            assert command(world, "resume", "acme").exit_code == 0
            wait_for_outcomes(world, 3)

            assert check_reward_or_points(world, {"acme": acme}) == 3
            wait_until(lambda: callbacks(world) >= 3, "what the partner sends by itself")
            wait_until(lambda: standing(world)["counts"] == {"confirmed": 3}, "the state of it")
            assert standing(world)["contradictions"] == 0
            assert refused_unsigned(address) == 401
            assert "is open" in command(world, "decide", "unheard-of", "failed", "--reason", "x").stderr
            assert command(world, "retry", "acme").exit_code == 0
            check_settlement(world, tmp_path, acme.given())


def command(world: LaneWorld, *arguments: str) -> Result:
    """`accrue partners ARGUMENTS`."""
    return world.accrue("partners", *arguments)


def standing(world: LaneWorld) -> dict[str, Any]:
    """How the one partner stands; empty while nothing was heard of it."""
    found: list[dict[str, Any]] = json.loads(command(world, "status", "--json").stdout)
    return found[0] if found else {}


def check_settlement(world: LaneWorld, folder: Path, given: set[str]) -> None:
    """Three gifts for 10 points at 700 minor units for 1,000; the partner's list is held against the ledger."""
    month = ["settle", "--month", time.strftime("%Y-%m", time.gmtime())]
    csv_file, bill = folder / "lines.csv", folder / "bill.csv"
    settled = command(world, *month, "--csv", str(csv_file), "--json")
    assert settled.exit_code == 0, settled.stderr
    (total,) = json.loads(settled.stdout)["totals"]
    assert (total["partner"], total["to_partner_minor"], total["to_programme_minor"]) == ("acme", 21, 0)
    assert len(csv_file.read_text("utf-8").splitlines()) == 2
    for billed, code in ((given, 0), (given | {"never-given"}, 1)):
        bill.write_text("\n".join(sorted(billed)), "utf-8")
        held = command(world, *month, "--partner", "acme", "--statement", str(bill))
        assert held.exit_code == code and ("billed, and not redeemed: never-given" in held.stderr) == bool(code)


def callbacks(world: LaneWorld) -> int:
    found = [one for partition in range(world.partitions) for one in world.outputs("fulfillment-attempts", partition)]
    return sum(isinstance(one, FulfillmentAttempt) and one.action == "callback" for one in found)


def refused_unsigned(address: str) -> int:
    try:
        with urllib.request.urlopen(address, b"{}", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
