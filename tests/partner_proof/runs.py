"""One run on topics of its own: redemptions, purchases, workers, partners; and what is measured of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median

import psutil
from lane_world import LaneWorld, now_ms
from partner_world import (
    PartnerProcess,
    check_reward_or_points,
    commands,
    fund,
    outcome_times,
    outcomes,
    program_with,
    redeem,
)

from pipeline.core.events import Event
from pipeline.core.payloads import TransactionCompleted
from pipeline.devstack import Settings

HOOK = {"PARTNER_HOOK": "whsec_c2VjcmV0"}
PATIENCE_S = 180.0
"""So long may nothing at all come to an end."""
MEMBERS = 200
PAUSE_S = 0.5


class Stalled(AssertionError):
    """Nothing has moved for too long."""


def wait_for(world: LaneWorld, number: int, done: Callable[[], int], what: str) -> None:
    """Until `done` has come to `number`; as long as it grows, for as long as it takes."""
    reached, deadline = done(), time.monotonic() + PATIENCE_S
    while reached < number:
        world.crew.check()
        time.sleep(PAUSE_S)
        now = done()
        if now > reached:
            reached, deadline = now, time.monotonic() + PATIENCE_S
        if time.monotonic() > deadline:
            raise Stalled(f"{what}: {reached} of {number}")


def fulfilments(servers: Settings, name: str, folder: Path, number: int, kills: int, seed: int) -> dict[str, object]:
    """So many redemptions at a partner that misbehaves and at one that does not, workers killed meanwhile; judged."""
    random = Random(seed)
    options = ("--faults", "0.2", "--refuses", "0.03", "--late-seconds", "1", "--seed", str(seed))
    with PartnerProcess(*options) as acme, PartnerProcess() as calm:
        program = program_with(folder / "program", {"acme": acme.port, "calm": calm.port})
        with LaneWorld(servers, name, folder, 2, program) as world:
            for worker in ("one", "two"):
                world.worker(worker, environment=HOOK)
            fund(world, MEMBERS, 10 * (number // MEMBERS + 1) * 10)
            began = time.monotonic()
            for one in range(number):
                redeem(world, one, f"m-{one % MEMBERS}", random.choice(("acme-gift", "acme-gift", "calm-gift")))
            world.flush()
            for kill in range(kills):
                share = number * (kill + 1) // (kills + 2)
                wait_for(world, share, lambda: len(outcomes(world)), "outcomes before a kill")
                victim = random.choice(("one", "two"))
                world.crew.kill(victim)
                world.crew.restart(victim)
            wait_for(world, number, lambda: len(outcomes(world)), "outcomes")
            seconds = time.monotonic() - began
            world.wait_until_quiet()
            confirmed = check_reward_or_points(world, {"acme": acme, "calm": calm})
            world.check_against_oracle()
            calls = acme.told()["calls"] + calm.told()["calls"]
    return {
        "fulfilments": number, "confirmed": confirmed, "given_by_partners": confirmed, "kills": kills,
        "calls": calls, "seconds": round(seconds, 1),
    }  # fmt: skip


def latency(servers: Settings, name: str, folder: Path, number: int, *, disturbed: bool) -> float:
    """Median ms from command to outcome at the calm partner while the other is well, or hangs."""
    with PartnerProcess() as acme, PartnerProcess() as calm:
        if disturbed:
            acme.behave(hangs=True)
        program = program_with(folder / "program", {"acme": acme.port, "calm": calm.port})
        with LaneWorld(servers, name, folder, 2, program) as world:
            world.worker("one", environment=HOOK)
            fund(world, MEMBERS, 1_000)
            world.wait_until_quiet()
            for one in range(number):
                redeem(world, one, f"m-{one % MEMBERS}", "acme-gift" if one % 2 else "calm-gift")
                if one % 10 == 9:
                    world.flush()
                    time.sleep(0.1)  # a steady load, the same in both runs
            at_calm = {one.fulfillment_id for one in commands(world).values() if one.provider == "calm"}

            def ended() -> int:
                at_calm.update(key for key, one in commands(world).items() if one.provider == "calm")
                return len(at_calm & outcomes(world).keys())

            wait_for(world, number // 2, ended, "outcomes of the calm partner")
            asked = commands(world)
            times = outcome_times(world)
    return median(times[key] - asked[key].recorded_at_ms for key in at_calm)


def purchases(servers: Settings, name: str, folder: Path, number: int, *, down: bool) -> tuple[float, float]:
    """(purchases a second, CPU µs a purchase) of a worker that drains them, redemptions at two partners between."""
    with PartnerProcess() as acme, PartnerProcess() as other:
        program = program_with(folder / "program", {"acme": acme.port, "other": other.port})
        if down:
            acme.behave(hangs=True)
            other.__exit__(None, None, None)
        with LaneWorld(servers, name, folder, 2, program) as world:
            fund(world, MEMBERS, 1_000)
            for one in range(number):
                at_ms = now_ms()
                bought = TransactionCompleted(f"o-{one}", 5_000, "EUR", "app", "", "US", [])
                world.send(Event(f"buy-{one}", f"m-{one % MEMBERS}", at_ms, "shop", "", {}, bought, at_ms))
                if one % 50 == 0:
                    redeem(world, one, f"m-{one // 50 % MEMBERS}", "acme-gift" if one % 100 else "other-gift")
            world.flush()
            ends = world.positions.ends("member-events")
            with measured(world) as result:
                wait_for(world, 1, lambda: int(world.positions.drained(ends)), "the log drained")
    return number / result["seconds"], result["cpu_seconds"] / number * 1e6


@contextmanager
def measured(world: LaneWorld) -> Iterator[dict[str, float]]:
    """Seconds and CPU seconds of a worker from its first commit to the end of the block."""
    result: dict[str, float] = {}
    world.worker("one", "--batch-limit", "500", environment=HOOK)
    before = sum(world.positions.lanes())
    while sum(world.positions.lanes()) == before:
        world.crew.check()
        time.sleep(0.05)
    process = psutil.Process(world.crew.pid("one"))
    began, cpu = time.monotonic(), sum(process.cpu_times()[:2])
    yield result
    result["seconds"] = time.monotonic() - began
    result["cpu_seconds"] = sum(process.cpu_times()[:2]) - cpu
