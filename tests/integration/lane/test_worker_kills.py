"""Workers killed at random moments under load: what they put out together equals the oracle exactly, in order.

Ten kills, sinks included, are `tests/integration/demo/test_demo_run.py`; hundreds are `make chaos`.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from random import Random

import pytest
from lane_load import Load
from lane_world import LaneWorld, wait_until

from pipeline.core.digest import Digest
from pipeline.core.records import LedgerEntry
from pipeline.devstack import Settings

pytestmark = pytest.mark.kafka


def processed(world: LaneWorld) -> int:
    """Decisions so far, by the ends of their partitions: it grows while workers work."""
    return sum(world.positions.ends("reward-decisions"))


def kill_at_random(world: LaneWorld, names: list[str], kills: int, random: Random, wipe_every: int) -> None:
    """Kill a worker at a random moment of its work, now and then with its store, and start it again."""
    for number in range(kills):
        name = random.choice(names)
        until = processed(world) + random.randrange(1, 400)
        wait_until(lambda until=until: processed(world) >= until, "work between two kills")
        world.crew.kill(name)
        if number % wipe_every == wipe_every - 1:
            shutil.rmtree(world.folder / name, ignore_errors=True)  # it may have died before it had one
        world.crew.restart(name)


def make_zombie(world: LaneWorld, name: str) -> None:
    """Stop a worker until others have taken its partitions over and moved on, then let it go on as if nothing was."""
    before = world.positions.ends("reward-decisions")
    pid = world.crew.pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(
            lambda: all(now > then for now, then in zip(world.positions.ends("reward-decisions"), before, strict=True)),
            "work in every partition without it",
        )
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("partitions", "batch_limit", "kills", "rate", "workers"),
    [(4, 2000, 4, 500, ["one", "two"]), (1, 1, 2, 40, ["one"])],
    ids=["4-partitions-2000-a-batch", "1-partition-1-a-batch"],
)
def test_killed_workers_put_out_what_the_oracle_does(
    settings: Settings,
    prefix: str,
    tmp_path: Path,
    partitions: int,
    batch_limit: int,
    kills: int,
    rate: int,
    workers: list[str],
) -> None:
    with LaneWorld(settings, prefix, tmp_path, partitions) as world:
        for name in workers:
            world.worker(name, "--batch-limit", str(batch_limit))
        load = Load(world, members=300, rate=rate, seed=partitions)
        load.start()

        kill_at_random(world, workers, kills, Random(kills), wipe_every=2)
        if len(workers) > 1:
            make_zombie(world, workers[0])
        sent = load.finish()
        world.wait_until_quiet()

        entries = world.check_against_oracle()
        assert entries > sent / 2
        check_sequences_and_digest(world)


def check_sequences_and_digest(world: LaneWorld) -> None:
    """Sequence numbers have no gap (the digest refuses one), and the digest is the oracle's."""
    written, expected = Digest(), Digest()
    for partition in range(world.partitions):
        for entry in world.outputs("ledger-entries", partition):
            assert isinstance(entry, LedgerEntry)
            written.add(entry)
        for output in world.oracle(partition).journal(0):
            if isinstance(output, LedgerEntry):
                expected.add(output)
    assert written.hexdigest() == expected.hexdigest()
