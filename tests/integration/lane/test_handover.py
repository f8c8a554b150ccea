"""A worker that is asked to end hands its partitions over at once: by leaving its groups, not by falling silent."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lane_load import Load
from lane_world import LaneWorld, now_ms, wait_until

from pipeline.core.digest import Digest
from pipeline.core.records import LedgerEntry
from pipeline.devstack import Settings
from pipeline.lane.keys import MARKER, Marker
from pipeline.lane.worker_records import running_workers

pytestmark = pytest.mark.kafka

SESSION_TIMEOUT_MS = 600_000
"""Far longer than this test may take on any machine: partitions that move before it is over were given away."""
PATIENT = {
    "ACCRUE_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
    "ACCRUE_KAFKA_MAX_POLL_INTERVAL_MS": str(2 * SESSION_TIMEOUT_MS),
}


@pytest.fixture
def world(settings: Settings, prefix: str, tmp_path: Path) -> Iterator[LaneWorld]:
    with LaneWorld(settings, prefix, tmp_path, partitions=4) as world:
        yield world


def lanes_of(world: LaneWorld, worker: str) -> set[int]:
    """Partitions of the log whose lanes run in a worker."""
    log = world.topics.name("member-events")
    found = running_workers(dataclasses.replace(world.settings, data_dir=world.folder / worker))
    return {facts.partition for one in found for facts in one.lanes if facts.topic == log and facts.state == "running"}


def log_lines(world: LaneWorld, worker: str, event: str) -> dict[int, dict[str, Any]]:
    """A worker's last line about each partition of the log."""
    lines = [json.loads(text) for text in world.crew.log(worker).read_text("utf-8").splitlines() if text[:1] == "{"]
    log = world.topics.name("member-events")
    return {line["partition"]: line for line in lines if line["event"] == event and line["topic"] == log}


def commits(world: LaneWorld, partition: int) -> list[tuple[int, int]]:
    """(when, position) of the lane's commits."""
    records = world.records("member-changelog", partition)
    return [(at_ms, Marker.unpack(value or b"").position) for _, at_ms, key, value in records if key == MARKER]


def test_sigterm_hands_over_before_the_session_times_out_and_nothing_is_decided_twice(world: LaneWorld) -> None:
    for name in ("one", "two"):
        world.worker(name, environment=PATIENT)
    load = Load(world, members=200, rate=200, seed=11)
    load.start()

    def shared() -> bool:
        world.crew.check()
        one, two = lanes_of(world, "one"), lanes_of(world, "two")
        return bool(one) and bool(two) and one | two == {0, 1, 2, 3} and not one & two

    wait_until(shared, "both workers running lanes")
    ends = world.positions.ends("reward-decisions")
    wait_until(
        lambda: all(now > then for now, then in zip(world.positions.ends("reward-decisions"), ends, strict=True)),
        "work in every partition",
    )
    moving = lanes_of(world, "one")
    assert moving

    asked_ms = now_ms()
    os.kill(world.crew.pid("one"), signal.SIGTERM)
    wait_until(lambda: world.crew.ended("one"), "the end of the worker, with exit code 0")
    wait_until(lambda: lanes_of(world, "two") == {0, 1, 2, 3}, "all lanes in the other")
    taken_at = {partition: log_lines(world, "two", "lane opened")[partition]["position"] for partition in moving}
    wait_until(
        lambda: all(commits(world, partition)[-1][1] > taken_at[partition] for partition in moving),
        "a commit of the new owner in every partition",
    )
    load.finish()
    world.wait_until_quiet()

    left_at = {partition: log_lines(world, "one", "lane closed")[partition]["position"] for partition in moving}
    assert left_at == taken_at, "what was at hand was committed or aborted, and the next owner knows which"
    handover_ms = {
        partition: next(at_ms for at_ms, position in commits(world, partition) if position > taken_at[partition])
        - asked_ms
        for partition in moving
    }
    print(f"from SIGTERM to the new owner's first commit, ms: {handover_ms}")
    assert max(handover_ms.values()) < SESSION_TIMEOUT_MS
    assert world.check_against_oracle() > 0
    written, expected = Digest(), Digest()
    for partition in range(world.partitions):
        for entry in world.outputs("ledger-entries", partition):
            assert isinstance(entry, LedgerEntry)
            written.add(entry)
        for output in world.oracle(partition).journal(0):
            if isinstance(output, LedgerEntry):
                expected.add(output)
    assert written.hexdigest() == expected.hexdigest()
