"""Publishing on a real broker: every partition learns of a programme or none does, and the history says so."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from program_world import SHOP, World, variant

from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated
from pipeline.lane.control import ALLOWANCE_MS, DECIDED_WITHIN_MS, ControlRefused, earliest_ms
from pipeline.lane.kafka import new_producer
from pipeline.lane.published import published
from pipeline.program import Bundle, load_program
from pipeline.wire.topics import LOG

pytestmark = pytest.mark.kafka

LEAD_MS = Horizons().activation_lead_ms
YEAR_MS = 365 * 86_400_000


def test_the_first_programme_may_be_backdated_and_reaches_every_partition(world: World) -> None:
    shop = load_program(SHOP)
    effective_at_ms = time.time_ns() // 1_000_000 - YEAR_MS

    activation = world.publisher().publish(shop, effective_at_ms, "ann", "the start")

    assert activation.effective_at_ms == effective_at_ms
    expected = ProgramActivated(shop.hash, effective_at_ms, "ann", "the start")
    assert world.activations(1) == [[expected]] * world.topics.partitions(LOG)
    (_, _, key, value) = world.records("programs", 0)[-1]
    assert key == shop.hash.encode() and value is not None
    assert Bundle.from_bytes(value) == shop
    (known,) = published(world.settings, world.topics)
    assert (known.program_hash, known.content, known.activations) == (shop.hash, shop.canonical(), (activation,))


def test_a_later_programme_needs_its_lead_time(world: World) -> None:
    shop, second = load_program(SHOP), variant("second")
    now_ms = time.time_ns() // 1_000_000
    world.publisher().publish(shop, 0, "ann", "")
    earliest = earliest_ms(now_ms, Horizons())
    assert earliest - now_ms >= LEAD_MS + ALLOWANCE_MS

    with pytest.raises(ControlRefused, match="is too early"):
        world.publisher(now_ms).publish(second, earliest - 1000, "ben", "")
    assert [len(each) for each in world.activations(1)] == [1] * world.topics.partitions(LOG)

    activation = world.publisher(now_ms).publish(second, None, "ben", "better")

    assert activation.effective_at_ms == earliest
    for activated in world.activations(2):
        assert activated[1:] == [ProgramActivated(second.hash, earliest, "ben", "better")]
    assert world.timeline() == [(0, shop.hash), (earliest, second.hash)]


def test_an_activation_that_takes_until_too_late_is_aborted_everywhere(world: World) -> None:
    shop, second = load_program(SHOP), variant("second")
    world.publisher().publish(shop, 0, "ann", "")
    now_ms = time.time_ns() // 1_000_000
    effective_at_ms = earliest_ms(now_ms, Horizons())
    too_late_ms = effective_at_ms - LEAD_MS - DECIDED_WITHIN_MS + 1

    with pytest.raises(ControlRefused, match="it took until too late"):
        world.publisher(now_ms, too_late_ms).publish(second, effective_at_ms, "ben", "")

    assert world.timeline() == [(0, shop.hash)]
    assert [len(each) for each in world.activations(1)] == [1] * world.topics.partitions(LOG)
    world.publisher(now_ms, too_late_ms - 1).publish(second, effective_at_ms, "ben", "")
    assert world.timeline() == [(0, shop.hash), (effective_at_ms, second.hash)]


def test_a_moment_belongs_to_one_programme_and_a_programme_can_come_back(world: World) -> None:
    shop, second = load_program(SHOP), variant("second")
    at_ms = earliest_ms(time.time_ns() // 1_000_000, Horizons()) + 60_000
    world.publisher().publish(shop, 0, "ann", "")
    world.publisher().publish(second, at_ms, "ann", "")

    with pytest.raises(ControlRefused, match="is in force then already"):
        world.publisher().publish(second, at_ms + 1000, "ann", "")
    with pytest.raises(ControlRefused, match=r"takes effect at .* already"):
        world.publisher().publish(variant("third"), at_ms, "ann", "")
    world.publisher().publish(shop, at_ms + 1000, "ben", "back again")

    assert world.timeline() == [(0, shop.hash), (at_ms, second.hash), (at_ms + 1000, shop.hash)]
    (known,) = [each for each in published(world.settings, world.topics) if each.program_hash == shop.hash]
    assert [(each.author, each.reason) for each in known.activations] == [("ann", ""), ("ben", "back again")]


def test_what_a_dead_publisher_left_open_is_aborted_by_the_next(world: World) -> None:
    shop, second = load_program(SHOP), variant("second")
    name = f"{world.settings.app_id}-{world.topics.name('programs')}-publisher"
    dead = new_producer(world.settings, {"transactional.id": name})
    dead.init_transactions(30)
    dead.begin_transaction()
    dead.produce(world.topics.name("programs"), second.canonical(), second.hash.encode(), 0)
    for partition in range(world.topics.partitions(LOG)):
        dead.produce(world.topics.name(LOG), b"half an activation", None, partition)
    assert dead.flush(30) == 0

    world.publisher().publish(shop, 0, "ann", "")

    assert world.timeline() == [(0, shop.hash)]
    assert [len(each) for each in world.activations(1)] == [1] * world.topics.partitions(LOG)


def test_nothing_is_published_to_a_cluster_without_topics(bare: World) -> None:
    bare.connection.registry.register(bare.topics)

    with pytest.raises(ControlRefused, match="run `accrue topics apply`"):
        bare.publisher().publish(load_program(SHOP), 0, "ann", "")


def test_the_commands_publish_and_tell_the_history(world: World) -> None:
    assert world.run("history").output == "No programme has been published yet.\n"

    first = world.run("publish", str(SHOP), "--effective-at", "2020-01-01T00:00:00Z", "--author", "ann", "--json")
    early = world.run("publish", str(SHOP), "--effective-at", "now")

    assert first.exit_code == 0, first.output
    facts = json.loads(first.output)
    assert (facts["program"], facts["hash"], facts["author"]) == ("shop", load_program(SHOP).hash, "ann")
    assert early.exit_code == 1
    assert "is too early" in early.output
    (row,) = json.loads(world.run("history", "--json").output)
    assert row == {**facts, "state": "in force", "act": "first"}
    assert "2020-01-01T00:00:00Z\tin force\tshop" in world.run("history").output


def test_a_rollback_puts_an_earlier_programme_in_force_again(world: World) -> None:
    shop, second = load_program(SHOP), variant("second")
    world.publisher().publish(shop, 0, "ann", "the start")
    alone = world.run("rollback", "previous", "--reason", "no")
    # Within what the broker takes as a record's age, and with the lead time before now.
    now_ms = time.time_ns() // 1_000_000
    world.publisher(now_ms - 9 * 60_000).publish(second, None, "ben", "better")

    result = world.run("rollback", "previous", "--reason", "worse", "--author", "cat", "--json")

    assert (alone.exit_code, "no programme was in force before" in alone.output) == (1, True)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.output)
    assert (facts["hash"], facts["author"], facts["reason"]) == (shop.hash, "cat", "worse")
    rows = json.loads(world.run("history", "--json").output)
    assert [(row["hash"], row["state"], row["act"], row["author"]) for row in rows] == [
        (shop.hash, "past", "first", "ann"),
        (second.hash, "in force", "first", "ben"),
        (shop.hash, "scheduled", "again", "cat"),
    ]
    for activated in world.activations(3):
        assert [(each.program_hash, each.reason) for each in activated] == [
            (shop.hash, "the start"),
            (second.hash, "better"),
            (shop.hash, "worse"),
        ]


def test_published_programmes_are_compared_by_hash_and_by_place(world: World) -> None:
    shop = load_program(SHOP)
    changed = tuple((name, text.replace("threshold: 250", "threshold: 300")) for name, text in shop.files)
    world.publisher().publish(shop, 0, "ann", "")
    now_ms = time.time_ns() // 1_000_000
    second = replace(shop, files=changed)
    world.publisher(now_ms - 9 * 60_000).publish(second, None, "ben", "")

    by_place, by_hash = world.run("diff", "previous", "current"), world.run("diff", second.hash[:12], str(SHOP))

    assert by_place.output == "tier `gold`: the threshold changes from 250 to 300\n"
    assert by_hash.output == "tier `gold`: the threshold changes from 300 to 250\n"
    unknown = world.run("diff", "0123456789", "current")
    assert (unknown.exit_code, "no published programme begins with 0123456789" in unknown.output) == (1, True)
