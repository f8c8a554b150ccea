"""`accrue member show` and `accrue explain` on real servers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from sink_world import PROGRAM, Account, World, run_to_end

from pipeline.cli.main import cli
from pipeline.wire.json_events import event_from_json
from pipeline.wire.partitioner import partition_of
from pipeline.wire.times import time_text

pytestmark = pytest.mark.kafka

OCCURRED = "2026-05-28T20:26:40.123Z"


def accrue(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def document(*arguments: str) -> dict[str, Any]:
    result = accrue(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def on_the_log(world: World, event_id: str, member_id: str, recorded_at_ms: int) -> None:
    """Append an event to its member's partition, between others of the same time."""
    topic = world.topics.topic("member-events")
    refused: list[object] = []
    producer = Producer({"bootstrap.servers": world.settings.bootstrap_servers})
    producer_options = {"on_delivery": lambda error, _message: refused.append(error) if error else None}
    for name, time_ms in (("before", recorded_at_ms), (event_id, recorded_at_ms), ("after", recorded_at_ms + 1)):
        event = event_from_json(
            {
                "event_id": name,
                "type": "onboarding_completed",
                "member_id": member_id,
                "occurred_at": OCCURRED,
                "source": "shop",
                "data": {"flow": "app"},
            }
        )
        partition = partition_of(member_id.encode(), topic.partitions)
        producer.produce(
            topic.full_name, world.encoder.event(event), member_id, partition, timestamp=time_ms, **producer_options
        )
    assert producer.flush(60) == 0
    assert not refused


def test_a_member_is_shown_with_wallets_tier_and_latest_entries(registered_world: World) -> None:
    world, account = registered_world, Account("m 1é")
    for _number in range(12):
        world.write(account.earn(10))
    world.write(account.entry("hold", "available", "held", 30), account.balance())
    run_to_end(world.postgres_sink())
    run_to_end(world.redis_sink())

    found = document("member", "show", "m 1é")

    entries = found.pop("entries")
    assert found == {
        "member_id": "m 1é",
        "tier": "silver",
        "tier_until": None,
        "wallets": {"points": {"available": 90, "pending": 0, "held": 30, "debt": 0}},
        "seq": 13,
        "version": 1,
        "quarantined": False,
        "updated_at": "2026-05-28T20:26:40.124Z",
        "last_hash": account.last_hash.hex(),
    }
    assert [entry["seq"] for entry in entries] == list(range(13, 3, -1))
    assert entries[0]["kind"] == "hold"
    assert entries[0]["hash"] == account.last_hash.hex()
    assert entries[0]["occurred_at"] == "2026-05-28T20:26:40.136Z"
    assert [e["seq"] for e in document("member", "show", "m 1é", "--entries", "2")["entries"]] == [13, 12]

    text = accrue("member", "show", "m 1é").stdout
    assert "Member m 1é: tier silver until never, 13 entries, updated 2026-05-28T20:26:40.124Z\n" in text
    assert "points\t90\t0\t30\t0\n" in text
    assert "13\t2026-05-28T20:26:40.136Z\thold\t30\tpoints\tmember:m 1é:available\tmember:m 1é:held\tbase" in text


def test_a_member_is_shown_without_entries_where_postgres_cannot_tell(
    registered_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account("m-1")
    registered_world.write(account.earn(), account.balance())
    run_to_end(registered_world.redis_sink())

    empty = accrue("member", "show", "m-1", "--json")
    assert json.loads(empty.stdout)["entries"] is None
    assert empty.stderr.startswith("Warning: no entries can be shown: PostgreSQL holds no ledger yet")
    away = accrue("member", "show", "m-1", "--json", "--postgres-url", "postgresql://127.0.0.1:1/x")
    assert json.loads(away.stdout)["seq"] == 1
    assert "Warning: no entries can be shown: PostgreSQL refused or cannot be reached" in away.stderr


def test_an_unknown_member_is_one_clear_line(registered_world: World) -> None:
    result = accrue("member", "show", "nobody")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: member 'nobody' is not in Redis: ")
    assert result.stderr.count("\n") == 1


def test_an_event_is_explained_from_its_record_to_its_consequences(registered_world: World) -> None:
    world, account = registered_world, Account("m-1")
    now_ms = int(time.time() * 1000)  # the log refuses what is older than ten minutes
    on_the_log(world, "e-1", "m-1", now_ms)
    entry = account.earn(100)
    entry.event_id = "e-1"
    world.write(
        account.decision("e-1", recorded_at_ms=now_ms),
        entry,
        account.tier_change("e-1"),
        account.command("e-1"),
        account.decision("e-2"),
    )
    run_to_end(world.postgres_sink())
    partition = partition_of(b"m-1", world.topics.partitions("member-events"))

    found = document("explain", "e-1")

    (decision,) = found["decisions"]
    assert decision["event"] == {
        "event_id": "e-1",
        "type": "onboarding_completed",
        "member_id": "m-1",
        "occurred_at": OCCURRED,
        "recorded_at": time_text(now_ms),
        "source": "shop",
        "data": {"flow": "app"},
        "topic": world.topics.name("member-events"),
        "partition": partition,
        "offset": 1,
    }
    assert (
        decision["rewards"][0] | {"value": 100, "desired": 250, "limited_by": "per_member/month"}
        == decision["rewards"][0]
    )
    assert decision["rule_errors"] == [{"rule_id": "odd", "error": "division by zero"}]
    assert [(e["seq"], e["debit"], e["credit"]) for e in found["entries"]] == [
        (1, "program:issued", "member:m-1:available")
    ]
    assert [c["tier"] for c in found["tier_changes"]] == ["gold"]
    assert [c["fulfillment_id"] for c in found["fulfillments"]] == ["fulfil-m-1-e-1"]

    text = accrue("explain", "e-1").stdout
    for line in (
        "Event e-1 of member m-1 from shop",
        f"  log       {world.topics.name('member-events')}[{partition}]:1",
        '  data      {"flow": "app"}',
        "Decision: applied",
        f"  program   {PROGRAM}",
        "base\t100\t250\tpoints\tper_member/month\tlive",
        "  rule odd failed and counted as false: division by zero",
        "m-1\t1\tearn\t100\tpoints\tprogram:issued\tmember:m-1:available\tbase\t1",
        "Tier of m-1: silver -> gold (qualified, 5000 qualifying points, reviewed never)",
        "Command to house: fulfil 1 voucher for 40 points, redemption rd-1, id fulfil-m-1-e-1",
    ):
        assert line in text.splitlines()


def test_a_refusal_is_explained_also_without_kafka(registered_world: World) -> None:
    account = Account("m-1")
    registered_world.write(
        account.decision("e-1", outcome="refused", reason="insufficient_points", rewards=[], rule_errors=[])
    )
    run_to_end(registered_world.postgres_sink())

    result = accrue("explain", "e-1")

    assert result.exit_code == 0
    assert (
        "Decision: refused: insufficient_points. The member has fewer available points than this takes."
        in result.stdout
    )
    assert "  log " not in result.stdout


def test_a_dead_letter_is_explained_with_the_way_out(registered_world: World) -> None:
    registered_world.write(Account("m-1").dead_letter("e-1"))
    run_to_end(registered_world.postgres_sink())

    text = accrue("explain", "e-1").stdout

    place = text.splitlines()[0].split()[2].rstrip(",")
    assert text.splitlines() == [
        f"Dead letter {place}, member m-1: out_of_range",
        "  A number is outside its range.",
        "  amount_minor is -1",
        "  record    member-events[2]:17",
        f"  when mended: accrue dlq redrive {place}",
    ]
    assert document("explain", "e-1")["dead_letters"][0]["reason"] == "out_of_range"


def test_an_id_used_by_several_members_is_told_apart(registered_world: World) -> None:
    registered_world.write(Account("m-1").decision("e"), Account("m-2").decision("e"))
    run_to_end(registered_world.postgres_sink())

    assert {d["member_id"] for d in document("explain", "e")["decisions"]} == {"m-1", "m-2"}
    assert [d["member_id"] for d in document("explain", "e", "--member", "m-2")["decisions"]] == ["m-2"]


def test_an_unknown_event_is_one_clear_line(registered_world: World) -> None:
    run_to_end(registered_world.postgres_sink())

    result = accrue("explain", "nothing", "--member", "m-1")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nothing is known of event 'nothing' of member 'm-1': ")
    assert result.stderr.count("\n") == 1
