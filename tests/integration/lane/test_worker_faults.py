"""A worker among faults: a defect in the core, a registry that is away, an end that is asked for, time going by."""

from __future__ import annotations

import dataclasses
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cut_wire import CutWire
from lane_world import DAY_MS, SHOP, LaneWorld, enrolments, now_ms, wait_until

from pipeline.core.events import Event
from pipeline.core.payloads import MemberQuarantined, OnboardingCompleted, Tick, TransactionCompleted
from pipeline.core.program import Program
from pipeline.core.records import LedgerEntry, RewardDecision
from pipeline.devstack import Settings
from pipeline.history.relaxed import old_timestamps_taken
from pipeline.lane.kafka import new_admin
from pipeline.lane.quarantine import quarantined_members, release_member
from pipeline.lane.worker_records import running_workers
from pipeline.program import compile_bundle, load_program

pytestmark = pytest.mark.kafka


@pytest.fixture
def world(settings: Settings, prefix: str, tmp_path: Path) -> Iterator[LaneWorld]:
    with LaneWorld(settings, prefix, tmp_path, partitions=2) as world:
        yield world


def purchase(event_id: str, member_id: str, channel: str = "app", amount_minor: int = 5000) -> Event:
    at_ms = now_ms()
    payload = TransactionCompleted(f"o-{event_id}", amount_minor, "USD", channel, "", "US", [])
    return Event(event_id, member_id, at_ms, "shop", "00-trace", {}, payload, at_ms)


def metric(world: LaneWorld, worker: str, name: str) -> float:
    """The sum of a metric over all labels, 0 before it is served."""
    lines = world.crew.log(worker).read_text("utf-8").splitlines()
    addresses = [line.removeprefix("metrics: ") for line in lines if line.startswith("metrics: ")]
    if not addresses:
        return 0
    with urllib.request.urlopen(addresses[-1], timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.split("{")[0] == name)


def log_lines(world: LaneWorld, worker: str, event: str) -> list[dict[str, object]]:
    lines = world.crew.log(worker).read_text("utf-8").splitlines()
    parsed = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in parsed if line["event"] == event]


def decisions(world: LaneWorld, member_id: str) -> list[str]:
    return [
        decision.event_id
        for partition in range(world.partitions)
        for decision in world.outputs("reward-decisions", partition)
        if isinstance(decision, RewardDecision) and decision.member_id == member_id
    ]


def test_a_defect_stops_one_member_and_a_release_decides_what_was_parked(world: LaneWorld) -> None:
    world.worker("one", defective=True)
    for event in enrolments(8):
        world.send(event)
    for number in range(8):
        world.send(purchase(f"before-{number}", f"m-{number}"))
    world.send(purchase("bad", "m-3", channel="poison"))
    for number in range(8):
        world.send(purchase(f"after-{number}", f"m-{number}"))
    world.flush()
    world.wait_until_quiet()

    (found,) = quarantined_members(world.settings)
    assert (found.member_id, found.parked, found.event_id, found.source) == ("m-3", 2, "bad", "shop")
    assert "ZeroDivisionError" in found.error
    assert "after-3" not in decisions(world, "m-3")
    assert all(f"after-{n}" in decisions(world, f"m-{n}") for n in range(8) if n != 3)
    assert metric(world, "one", "accrue_lane_quarantines_total") == 1
    assert metric(world, "one", "accrue_lane_parked_total") == 2
    assert log_lines(world, "one", "record quarantined")[0]["member_id"] == "m-3"
    assert [line["event_id"] for line in log_lines(world, "one", "record parked")] == ["bad", "after-3"]

    world.defective.stop("one")
    world.worker("two", data="one")  # the same worker without the defect
    release_member(world.settings, "m-3", "ada", "mended")
    world.wait_until_quiet()

    assert quarantined_members(world.settings) == []
    assert [event_id for event_id in decisions(world, "m-3") if event_id in ("bad", "after-3")] == ["bad", "after-3"]
    seqs = [
        entry.seq
        for partition in range(world.partitions)
        for entry in world.outputs("ledger-entries", partition)
        if isinstance(entry, LedgerEntry) and entry.member_id == "m-3"
    ]
    assert seqs == list(range(1, len(seqs) + 1))


def test_while_the_registry_is_away_a_partition_waits_and_nothing_is_lost(world: LaneWorld) -> None:
    with CutWire(world.settings.registry_url) as registry:
        world.worker("one", registry_url=registry.url)
        for event in enrolments(4):
            world.send(event)
        world.flush()
        world.wait_until_quiet()
        registry.cut()

        at_ms = now_ms()
        payload = OnboardingCompleted("app", "")
        for number in range(4):
            world.send(Event(f"new-{number}", f"m-{number}", at_ms, "app", "", {}, payload, at_ms))
            world.send(purchase(f"later-{number}", f"m-{number}"))
        world.flush()
        wait_until(lambda: metric(world, "one", "accrue_lane_waits_total") > 3, "waiting for the registry")
        assert log_lines(world, "one", "lane waits")
        registry.mend()

        world.wait_until_quiet()
        assert world.check_against_oracle() > 0
        assert all(f"later-{number}" in decisions(world, f"m-{number}") for number in range(4))
        assert metric(world, "one", "accrue_lane_rejections_total") == 0


def test_a_program_that_is_not_there_yet_is_waited_for(world: LaneWorld, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    for path in SHOP.rglob("*.yaml"):
        target = folder / path.relative_to(SHOP)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text().replace("points: 25}", "points: 26}"))
    bundle = load_program(folder)
    world.worker("one")
    for event in enrolments(4):
        world.send(event)
    world.flush()
    world.wait_until_quiet()

    world.activate(bundle.hash, now_ms() + 6 * 60_000)
    world.send(purchase("behind", "m-1"))
    world.flush()
    wait_until(lambda: metric(world, "one", "accrue_lane_waits_total") > 1, "waiting for the program")
    assert "behind" not in decisions(world, "m-1")
    world.publish_bundle(bundle)
    world.wait_until_quiet()

    class Both:
        def program(self, program_hash: str) -> Program:
            return compile_bundle(bundle) if program_hash == bundle.hash else world.compiled

    assert "behind" in decisions(world, "m-1")
    world.check_against_oracle(Both())


def test_sigterm_ends_a_worker_in_order_and_its_successor_goes_on_from_there(world: LaneWorld) -> None:
    world.worker("one")
    for event in enrolments(20):
        world.send(event)
    world.flush()
    world.wait_until_quiet()
    for number in range(200):
        world.send(purchase(f"p-{number}", f"m-{number % 20}"))
    world.flush()

    assert world.ends_in_order("one"), "exit code 0 within the grace"
    assert log_lines(world, "one", "worker stopped")

    world.worker("two", data="one")
    world.wait_until_quiet()
    world.check_against_oracle()
    restored = {line["restored"] for line in log_lines(world, "two", "lane opened")}
    assert restored == {0}, "what the one before it committed is in the store already"


def test_the_owner_of_a_partition_lets_time_pass_for_quiet_members(world: LaneWorld) -> None:
    """Points that became available after their member's last record are released by a tick."""
    recorded_ms = now_ms() - 2 * DAY_MS
    log = world.connection.log
    with old_timestamps_taken(new_admin(world.settings), log.full_name, log.config):
        wait_until(lambda: world.takes_old(recorded_ms - DAY_MS), "old timestamps taken")
        for event in enrolments(2):
            event.occurred_at_ms = event.recorded_at_ms = recorded_ms
            world.send(event)
        event = purchase("quiet", "m-1")
        event.recorded_at_ms = recorded_ms
        event.occurred_at_ms = recorded_ms - 13 * DAY_MS  # available a day after it was recorded, a day ago
        world.send(event)
        world.flush()
    started_ms = now_ms()
    world.worker("one")

    def released() -> bool:
        world.crew.check()
        entries = [e for p in range(world.partitions) for e in world.outputs("ledger-entries", p)]
        return any(isinstance(e, LedgerEntry) and e.kind == "release" for e in entries)

    wait_until(released, "the release of the points")
    world.wait_until_quiet()
    world.check_against_oracle()
    ticks = [
        partition
        for partition in range(world.partitions)
        for _, timestamp_ms, key, value in world.records("member-events", partition)
        if timestamp_ms > started_ms and isinstance(world.connection.decoder.decode(value or b"", timestamp_ms), Tick)
    ]
    assert ticks == [0, 1], "a partition where something is to fall due is told the time, and no faster than it needs"


def test_a_partition_whose_records_are_gone_stands_still_and_the_others_go_on(world: LaneWorld) -> None:
    """Records that no lane has taken are deleted: nothing may quietly go on behind the gap."""
    world.worker("one")
    for event in enrolments(8):
        world.send(event)
    world.flush()
    world.wait_until_quiet()
    world.crew.stop("one")
    for number in range(8):
        world.send(purchase(f"gone-{number}", f"m-{number}"))
    world.flush()
    world.delete_records(0)
    world.worker("two", data="one")

    def settled() -> bool:
        world.crew.check()
        decided = world.positions.lanes()[1] == world.positions.ends("member-events")[1]
        return decided and bool(log_lines(world, "two", "lane broken: the partition stands still"))

    wait_until(settled, "one partition broken, the other decided")
    broken = log_lines(world, "two", "lane broken: the partition stands still")
    assert [line["partition"] for line in broken] == [0]
    assert "records are lost" in str(broken[0]["why"])
    assert metric(world, "two", "accrue_lane_reopenings_total") == 0
    (worker,) = running_workers(dataclasses.replace(world.settings, data_dir=world.folder / "one"))
    states = {lane.partition: lane.state for lane in worker.lanes if lane.topic.endswith("member-events")}
    assert states == {0: "broken", 1: "running"}


def test_the_pipelines_own_news_of_a_quarantine_is_on_the_log(world: LaneWorld) -> None:
    world.worker("one", defective=True)
    for event in enrolments(2):
        world.send(event)
    world.send(purchase("bad", "m-0", channel="poison"))
    world.flush()
    world.wait_until_quiet()

    news = [
        event
        for partition in range(world.partitions)
        for _, timestamp_ms, _, value in world.records("member-events", partition)
        if isinstance(event := world.connection.decoder.decode(value or b"", timestamp_ms), Event)
        and isinstance(event.payload, MemberQuarantined)
    ]
    assert [event.member_id for event in news] == ["m-0"]
    assert news[0].event_id in decisions(world, "m-0")
