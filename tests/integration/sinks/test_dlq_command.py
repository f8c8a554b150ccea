"""`accrue dlq` on real servers: letters found, shown, and sent to the partition that they belong to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, TopicPartition
from sink_world import NOW_MS, Account, World

from pipeline.cli.main import cli
from pipeline.core.reasons import ACTIVATION_TOO_LATE, OUT_OF_RANGE, UNDECODABLE, UNKNOWN_TYPE, WRONG_PARTITION
from pipeline.core.records import DeadLetter
from pipeline.lane.reset import TABLES
from pipeline.wire.json_events import event_from_json
from pipeline.wire.partitioner import partition_of

pytestmark = pytest.mark.kafka


def dlq(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["dlq", *arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def event(world: World, event_id: str, member_id: str) -> bytes:
    return world.encoder.event(
        event_from_json(
            {
                "event_id": event_id,
                "type": "onboarding_completed",
                "member_id": member_id,
                "occurred_at": "2026-05-28T20:26:40.123Z",
                "source": "shop",
                "data": {"flow": "app"},
            }
        )
    )


def letter(world: World, reason: str, member_id: str, **changes: Any) -> DeadLetter:
    found = Account(member_id).dead_letter(f"e-{member_id}", reason, f"what is wrong with {member_id}")
    found.topic = world.topics.name("member-events")
    found.value = event(world, f"e-{member_id}", member_id)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def on_the_log(world: World, name: str = "member-events") -> list[tuple[int, bytes | None, bytes, int]]:
    """(partition, key, value, timestamp in ms) of every record of the log, or of another topic."""
    topic = world.topics.topic(name)
    consumer = Consumer(
        {"bootstrap.servers": world.settings.bootstrap_servers, "group.id": "test", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic.full_name, p, 0) for p in range(topic.partitions)])
    found, ended = [], 0
    while ended < topic.partitions:
        for message in consumer.consume(100, 0.1):
            if message.error() is not None:
                ended += 1
            else:
                found.append((message.partition(), message.key(), message.value(), message.timestamp()[1]))
    consumer.close()
    return found


def place_of(world: World, event_id: str) -> str:
    (place,) = [row["place"] for row in lines(dlq("list", "--json")) if row["event"] == event_id]
    return str(place)


def test_letters_are_listed_by_reason_and_shown_whole(registered_world: World) -> None:
    world = registered_world
    world.write(
        letter(world, OUT_OF_RANGE, "m-1"),
        letter(world, UNDECODABLE, "m-2", value=b"\xff\xfe", key=b""),
    )

    assert {row["event"]: row["reason"] for row in lines(dlq("list", "--json"))} == {
        "e-m-1": OUT_OF_RANGE,
        "e-m-2": UNDECODABLE,
    }
    (row,) = lines(dlq("list", "--json", "--reason", OUT_OF_RANGE))
    assert row == {
        "place": place_of(world, "e-m-1"),
        "recorded": "2026-05-28T20:26:40.123Z",
        "reason": OUT_OF_RANGE,
        "event": "e-m-1",
        "member": "m-1",
        "source": f"{world.topics.name('member-events')}[2]:17",
        "detail": "what is wrong with m-1",
    }
    table = dlq("list")
    assert table.stdout.splitlines()[0] == "place\trecorded\treason\tevent\tmember\tdetail"
    assert len(table.stdout.splitlines()) == 3

    shown = json.loads(dlq("show", row["place"], "--json").stdout)
    assert shown["content"] == {
        "event_id": "e-m-1",
        "type": "onboarding_completed",
        "member_id": "m-1",
        "occurred_at": "2026-05-28T20:26:40.123Z",
        "source": "shop",
        "data": {"flow": "app"},
    }
    assert (bytes.fromhex(shown["key"]), bytes.fromhex(shown["value"])) == (b"m-1", event(world, "e-m-1", "m-1"))
    assert json.loads(dlq("show", place_of(world, "e-m-2"), "--json").stdout)["content"] is None
    assert "A number is outside its range." in dlq("show", row["place"]).stdout


@pytest.mark.parametrize("place", ["0:999", "99:0"])
def test_a_place_without_letter_is_one_clear_line(registered_world: World, place: str) -> None:
    result = dlq("show", place)

    assert result.exit_code == 1
    assert result.stderr == f"Error: there is no dead letter at {place}: `accrue dlq list` names them\n"


def test_redriven_records_are_the_original_ones_stamped_now(registered_world: World) -> None:
    world = registered_world
    world.write(letter(world, OUT_OF_RANGE, "m-1"), letter(world, OUT_OF_RANGE, "m-2"))
    partitions = world.topics.partitions("member-events")

    (sent,) = json.loads(dlq("redrive", place_of(world, "e-m-1"), "--json").stdout)

    ((partition, key, value, timestamp_ms),) = on_the_log(world)
    assert (partition, key, value) == (partition_of(b"m-1", partitions), b"m-1", event(world, "e-m-1", "m-1"))
    assert timestamp_ms != NOW_MS
    assert sent == {
        "letter": place_of(world, "e-m-1"),
        "reason": OUT_OF_RANGE,
        "sent_to": f"{world.topics.name('member-events')}[{partition}]:0",
        "problem": "",
        "same_as": "",
    }


def test_a_record_of_the_wrong_partition_goes_to_its_members(registered_world: World) -> None:
    world = registered_world
    world.write(letter(world, WRONG_PARTITION, "m-1", key=b"someone else", partition=3))
    partitions = world.topics.partitions("member-events")

    assert dlq("redrive", "--reason", WRONG_PARTITION).exit_code == 0

    assert [found[:3] for found in on_the_log(world)] == [
        (partition_of(b"m-1", partitions), b"m-1", event(world, "e-m-1", "m-1"))
    ]


def test_all_are_sent_once_and_what_cannot_be_sent_is_named(registered_world: World) -> None:
    world = registered_world
    world.write(
        *(letter(world, OUT_OF_RANGE, f"m-{n}") for n in range(50)),
        letter(world, OUT_OF_RANGE, "m-0"),  # it failed again
        letter(world, WRONG_PARTITION, ""),
        letter(world, ACTIVATION_TOO_LATE, "m-60", key=b""),
        letter(world, OUT_OF_RANGE, "m-61", topic="elsewhere"),
        letter(world, UNDECODABLE, "m-62", key=b"", partition=3, value=b"raw"),
    )

    taken = ", ".join(map(world.topics.name, ("member-events", *TABLES)))
    result = dlq("redrive", "--all", "--json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert len(told) == 55
    assert sorted(row["problem"] for row in told if row["problem"]) == [
        "it is a control record, whose time is over: publish the programme again",
        "it names no member, so no partition is its own",
        f"it was read from elsewhere: records are taken again by {taken} alone",
    ]
    ((first, repeated),) = [(row["same_as"], row["letter"]) for row in told if row["same_as"]]
    assert int(first.split(":")[1]) < int(repeated.split(":")[1])
    assert result.stderr.startswith("Error: 3 of 55 letters were not sent")
    found = on_the_log(world)
    assert len(found) == 51
    assert [(p, key) for p, key, value, _ in found if value == b"raw"] == [(3, None)]


def test_a_letter_goes_back_to_the_topic_that_it_was_read_from(registered_world: World) -> None:
    world = registered_world
    requests, attempts = (world.topics.name(name) for name in ("pool-requests", "fulfillment-attempts"))
    world.write(
        letter(world, UNKNOWN_TYPE, "m-1", topic=requests, key=b"codes:cinema"),
        letter(world, UNKNOWN_TYPE, "m-1", topic=attempts, key=b"", partition=2),
    )
    partitions = world.topics.partitions("pool-requests")
    home = partition_of(b"codes:cinema", partitions)

    sent = json.loads(dlq("redrive", "--reason", UNKNOWN_TYPE, "--json").stdout)

    assert {row["sent_to"] for row in sent} == {f"{requests}[{home}]:0", f"{attempts}[2]:0"}
    assert on_the_log(world) == []
    assert [found[:3] for found in on_the_log(world, "pool-requests")] == [
        (home, b"codes:cinema", event(world, "e-m-1", "m-1"))
    ]


@pytest.mark.parametrize("arguments", [[], ["--all", "--reason", "x"], ["1:2", "--all"], ["1-2"]])
def test_misuse_exits_with_2(arguments: list[str]) -> None:
    assert dlq("redrive", *arguments).exit_code == 2
