"""What stands still is shown with its remedy, alone, and one command as typed brings it back, without a restart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from lane_world import LaneWorld, enrolments, now_ms, wait_until

from pipeline.core.digest import Digest
from pipeline.core.events import Event
from pipeline.core.payloads import RedemptionRequested, TransactionCompleted
from pipeline.core.records import LedgerEntry, RewardDecision
from pipeline.devstack import Settings
from pipeline.lane import keys
from pipeline.lane.kafka import new_producer
from pipeline.wire.partitioner import partition_of

pytestmark = pytest.mark.kafka

MEMBERS = 8


@pytest.fixture
def world(settings: Settings, prefix: str, tmp_path: Path) -> Iterator[LaneWorld]:
    with LaneWorld(settings, prefix, tmp_path, partitions=2) as world:
        yield world


def accrue(world: LaneWorld, worker: str, *arguments: str) -> Result:
    """Run the command as an operator would who looks after a worker's data folder."""
    return world.accrue(*arguments, ACCRUE_DATA_DIR=str(world.folder / worker))


def status(world: LaneWorld, worker: str) -> tuple[int, dict[tuple[str, int], Any], str]:
    """(exit code, the worker's lanes by topic without prefix and partition, what it says of faults)."""
    shown = accrue(world, worker, "status", "--json")
    workers = json.loads(shown.stdout)["workers"]
    if not workers:
        return shown.exit_code, {}, shown.stderr  # it has not come so far
    (found,) = workers
    assert found["pid"] == (world.crew if world.crew.runs(worker) else world.defective).pid(worker)
    lanes = {
        (lane["topic"].removeprefix(world.settings.topic_prefix), lane["partition"]): lane for lane in found["lanes"]
    }
    return shown.exit_code, lanes, shown.stderr


def remedy_in(text: str, words: str) -> list[str]:
    """The command in the text that begins with these words, as it would be typed."""
    commands = text.split("`")[1::2]
    (command,) = [command for command in commands if command.startswith(f"accrue {words}")]
    return command.split()[1:]


def log_lines(world: LaneWorld, worker: str, event: str) -> list[dict[str, Any]]:
    lines = world.crew.log(worker).read_text("utf-8").splitlines()
    return [line for text in lines if text.startswith("{") and (line := json.loads(text))["event"] == event]


def metric(world: LaneWorld, worker: str, sample: str) -> float:
    """A metric's sample of a worker, by name and labels."""
    import urllib.request

    addresses = [x for x in world.crew.log(worker).read_text("utf-8").splitlines() if x.startswith("metrics: ")]
    with urllib.request.urlopen(addresses[-1].removeprefix("metrics: "), timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    (value,) = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(sample)]
    return float(value)


def purchase(event_id: str, member_id: str, channel: str = "app") -> Event:
    at_ms = now_ms()
    payload = TransactionCompleted(f"o-{event_id}", 5000, "USD", channel, "", "US", [])
    return Event(event_id, member_id, at_ms, "shop", "", {}, payload, at_ms)


def send_to_all(world: LaneWorld, name: str) -> None:
    """A purchase of every member, and the partitions of theirs."""
    for number in range(MEMBERS):
        world.send(purchase(f"{name}-{number}", f"m-{number}"))
    world.flush()


def of_partition(world: LaneWorld, name: str, partition: int) -> set[str]:
    """Ids of the purchases called `name` that a partition has."""
    return {f"{name}-{n}" for n in range(MEMBERS) if partition_of(f"m-{n}".encode(), world.partitions) == partition}


def decided(world: LaneWorld, partition: int) -> list[str]:
    found = world.outputs("reward-decisions", partition)
    return [decision.event_id for decision in found if isinstance(decision, RewardDecision)]


def digests(world: LaneWorld) -> tuple[str, str]:
    """Of what was written and of what the oracle says; sequence numbers without a gap, or an error."""
    written, expected = Digest(), Digest()
    for partition in range(world.partitions):
        for entry in world.outputs("ledger-entries", partition):
            assert isinstance(entry, LedgerEntry)
            written.add(entry)
        for output in world.oracle(partition).journal(0):
            if isinstance(output, LedgerEntry):
                expected.add(output)
    return written.hexdigest(), expected.hexdigest()


def start(world: LaneWorld) -> None:
    world.worker("one")
    for event in enrolments(MEMBERS):
        world.send(event)
    send_to_all(world, "before")
    world.wait_until_quiet()


def wait_until_broken(world: LaneWorld, worker: str, topic: str, partition: int, runs: int) -> dict[str, Any]:
    """Until the worker shows that lane broken and the other partition's running. The broken one's facts."""
    found: dict[tuple[str, int], Any] = {}

    def shown() -> bool:
        world.crew.check()
        found.update(status(world, worker)[1])
        states = {place: lane["state"] for place, lane in found.items()}
        return states.get((topic, partition)) == "broken" and states.get((topic, runs)) == "running"

    wait_until(shown, f"{topic}/{partition} broken, {topic}/{runs} running")
    code, lanes, errors = status(world, worker)
    facts: dict[str, Any] = lanes[topic, partition]
    assert code == 1
    assert facts["stands_still"]
    assert facts["trouble"]["why"] in errors
    assert facts["trouble"]["remedy"] in errors
    (line,) = [
        x for x in log_lines(world, worker, "lane broken: the partition stands still") if x["level"] == "critical"
    ]
    assert (line["topic"], line["partition"]) == (world.topics.name(topic), partition)
    assert (line["why"], line["remedy"]) == (facts["trouble"]["why"], facts["trouble"]["remedy"])
    place = f'{{partition="{partition}",state="broken",topic="{world.topics.name(topic)}"}}'
    assert metric(world, worker, f"accrue_lane_state{place}") == 1
    return facts


def wait_until_all_run(world: LaneWorld, worker: str) -> None:
    wait_until(lambda: status(world, worker)[0] == 0, "nothing that stands still")


def test_a_poisoned_member_is_shown_and_released_by_the_command_that_is_shown(world: LaneWorld) -> None:
    world.worker("one", defective=True)
    for event in enrolments(MEMBERS):
        world.send(event)
    send_to_all(world, "before")
    world.send(purchase("bad", "m-3", channel="poison"))
    send_to_all(world, "after")
    world.wait_until_quiet()
    partition = partition_of(b"m-3", world.partitions)

    code, lanes, errors = status(world, "one")

    assert code == 1
    (shown,) = lanes["member-events", partition]["quarantined"]
    assert (shown["member_id"], shown["parked"], shown["event_id"], shown["source"]) == ("m-3", 2, "bad", "shop")
    assert "ZeroDivisionError" in shown["error"]
    assert 0 <= now_ms() - shown["since_ms"] < 600_000
    assert lanes["member-events", 1 - partition]["quarantined"] == []
    assert "member m-3 is quarantined" in errors
    listed = json.loads(accrue(world, "one", "quarantine", "list", "--json").stdout)
    assert [(one["member_id"], one["parked"]) for one in listed] == [("m-3", 2)]
    labels = f'{{partition="{partition}",topic="{world.topics.name("member-events")}"}}'
    assert metric(world, "one", f"accrue_lane_quarantined_members{labels}") == 1
    assert "after-3" not in decided(world, partition)

    world.defective.stop("one")
    shutil.rmtree(world.folder / "one")  # what is known of a quarantine does not hang on the store
    world.worker("one")
    world.wait_until_quiet()
    place = ("member-events", partition)
    wait_until(lambda: status(world, "one")[1].get(place, {}).get("quarantined") == [shown], "the same once restored")
    released = accrue(world, "one", *remedy_in(errors, "quarantine release"))
    assert released.exit_code == 0, released.stderr
    world.wait_until_quiet()

    wait_until_all_run(world, "one")
    assert metric(world, "one", f"accrue_lane_quarantined_members{labels}") == 0
    assert [name for name in decided(world, partition) if name in ("bad", "after-3")] == ["bad", "after-3"]
    assert accrue(world, "one", "quarantine", "list", "--json").stdout.strip() == "[]"
    again = accrue(world, "one", "quarantine", "release", "m-3")
    assert again.exit_code == 1
    assert "is not quarantined" in again.stderr
    written, expected = digests(world)
    assert written == expected


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "no-worker"])
def test_a_lane_whose_records_are_gone_goes_on_behind_the_gap_when_told_to(world: LaneWorld, restarted: bool) -> None:
    start(world)
    world.crew.stop("one")
    send_to_all(world, "gone")
    world.delete_records(0)
    world.crew.restart("one")

    facts = wait_until_broken(world, "one", "member-events", 0, runs=1)
    send_to_all(world, "meanwhile")
    wait_until(lambda: of_partition(world, "meanwhile", 1) <= set(decided(world, 1)), "the other partition's decisions")
    assert not of_partition(world, "meanwhile", 0) & set(decided(world, 0))
    command = remedy_in(facts["trouble"]["remedy"], "lane reset")
    if restarted:
        world.crew.kill("one")
        refused = accrue(world, "one", *remedy_in(facts["trouble"]["remedy"], "lane resume"))
        assert refused.exit_code == 1
        assert "no worker of" in refused.stderr

    done = accrue(world, "one", *command, "--json")

    assert done.exit_code == 0, done.stderr
    if restarted:
        world.crew.restart("one")
    world.wait_until_quiet()
    wait_until_all_run(world, "one")
    assert of_partition(world, "meanwhile", 0) <= set(decided(world, 0))
    assert not of_partition(world, "gone", 0) & set(decided(world, 0))
    for partition in range(world.partitions):
        once = decided(world, partition)
        assert len(once) == len(set(once)), "nothing twice"
    for command_now in (command, remedy_in(facts["trouble"]["remedy"], "lane resume")):
        refused = accrue(world, "one", *command_now)
        assert refused.exit_code == 1, "what is sound is not reset, what runs is not resumed"


def test_a_marker_that_is_not_readable_stops_one_partition_and_nothing_is_lost(world: LaneWorld) -> None:
    start(world)
    world.crew.stop("one")
    shutil.rmtree(world.folder / "one" / world.settings.app_id / world.topics.name("member-events"))
    write(world, "member-changelog", 0, keys.MARKER, b"\xff not a marker")
    world.crew.restart("one")

    facts = wait_until_broken(world, "one", "member-events", 0, runs=1)
    assert "run a worker that knows it" in facts["trouble"]["why"]
    send_to_all(world, "after")
    again = accrue(world, "one", *remedy_in(facts["trouble"]["remedy"], "lane reset")[:4])
    assert again.exit_code == 2, "where it shall go on has to be said"
    done = accrue(world, "one", *remedy_in(facts["trouble"]["remedy"], "lane reset"))

    assert done.exit_code == 0, done.stderr
    world.wait_until_quiet()
    wait_until_all_run(world, "one")
    written, expected = digests(world)
    assert written == expected


def test_decided_ids_that_are_lost_stop_one_partition_until_that_is_accepted(world: LaneWorld) -> None:
    start(world)
    world.crew.stop("one")
    position = world.positions.lanes()[1]
    marker = keys.Marker(position, 0, 0, 1_000_000)
    write(world, "member-changelog", 1, keys.MARKER, marker.pack())
    world.crew.restart("one")

    facts = wait_until_broken(world, "one", "member-events", 1, runs=0)
    assert "decided ids are lost" in facts["trouble"]["why"]
    resumed = accrue(world, "one", *remedy_in(facts["trouble"]["remedy"], "lane resume"))
    assert resumed.exit_code == 1, "nothing has changed, so it is broken as before"
    assert "decided ids are lost" in resumed.stderr
    done = accrue(world, "one", *remedy_in(facts["trouble"]["remedy"], "lane reset"))

    assert done.exit_code == 0, done.stderr
    send_to_all(world, "after")
    world.wait_until_quiet()
    wait_until_all_run(world, "one")
    written, expected = digests(world)
    assert written == expected


def test_a_command_that_nobody_can_read_stops_one_relaying_lane_until_it_is_left_out(world: LaneWorld) -> None:
    start(world)
    write(world, "reward-fulfillments", 0, b"m-0", b"no command")

    facts = wait_until_broken(world, "one", "reward-fulfillments", 0, runs=1)
    for number in range(MEMBERS):
        at_ms = now_ms()
        payload = RedemptionRequested(f"r-{number}", "coffee", 1, "")
        world.send(Event(f"redeem-{number}", f"m-{number}", at_ms, "app", "", {}, payload, at_ms))
    world.flush()
    done = accrue(world, "one", *remedy_in(facts["trouble"]["remedy"], "lane reset"))

    assert done.exit_code == 0, done.stderr
    world.wait_until_quiet()
    wait_until_all_run(world, "one")
    written, expected = digests(world)
    assert written == expected


def write(world: LaneWorld, topic: str, partition: int, key: bytes, value: bytes) -> None:
    """A record that no lane has written."""
    producer = new_producer(world.settings)
    producer.produce(world.topics.name(topic), value, key, partition)
    assert producer.flush(30) == 0
