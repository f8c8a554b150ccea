"""Pools on real Kafka with workers that are killed: a budget spent to its last point, each code given once."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from lane_world import SHOP, LaneWorld, now_ms, wait_until

from pipeline.core.events import Event
from pipeline.core.payloads import (
    HouseholdJoined,
    MemberEnrolled,
    Payload,
    PointsAdjusted,
    PointsPooled,
    ProfileChanged,
    RedemptionRequested,
    TransactionCompleted,
)
from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    PoolBalance,
    PoolRequest,
    ReviewChange,
)
from pipeline.devstack import Settings

pytestmark = pytest.mark.kafka

MEMBERS = 40
BUDGET = 1_000
RULE = """rules:
  - id: summer-bonus
    on: transaction_completed
    campaign: summer
    award: {points: 10}
  - id: with-partner
    on: profile_changed
    award: {points: 3}
"""
FRAUD = """signals:
  - {id: shared, members: {by: device, at_most: 2, within: 1d}, action: allow}
  - {id: sold, partner: {at_most: 1000}, action: review}
"""
CAMPAIGNS = f"campaigns:\n  - {{id: summer, budget: {{points: {BUDGET}}}}}\n"
REWARDS = """rewards:
  - {id: film, price: 5, codes: cinema}
  - {id: mug, price: 5, provider: external, stock: 7}
  - {id: tour, price: 500, provider: external}
"""
FAMILY = range(MEMBERS, MEMBERS + 3)
HOUSEHOLD = "household:h/points"


def programme(folder: Path) -> Path:
    """The shop's units and tiers, with one rule under a budget and two rewards that run out."""
    made = folder / "programme"
    (made / "rules").mkdir(parents=True)
    for name in ("program.yaml", "tiers.yaml"):
        (made / name).write_text((SHOP / name).read_text("utf-8"), "utf-8")
    with (made / "program.yaml").open("a", encoding="utf-8") as settings_file:
        settings_file.write("\nhouseholds: {units: [points]}\n")
    texts = {
        "rules/rules.yaml": RULE.replace("award: {points: 10}", "award: {points: 10}\n    qualifies: true", 1),
        "campaigns.yaml": CAMPAIGNS,
        "rewards.yaml": REWARDS,
        "fraud.yaml": FRAUD,
    }
    for name, text in texts.items():
        (made / name).write_text(text, "utf-8")
    return made


def accrue(world: LaneWorld, *arguments: str) -> object:
    """What a command answers as JSON."""
    done = world.accrue(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def send(world: LaneWorld, event_id: str, member: int, payload: Payload, **told: str) -> None:
    at_ms = now_ms()
    world.send(Event(event_id, f"m-{member}", at_ms, "shop", "", told, payload, at_ms))


def send_all(world: LaneWorld, random: Random) -> None:
    """More demand than there is of anything, but for the family's pool, which is filled."""
    for member in FAMILY:
        send(world, f"join-{member}", member, MemberEnrolled("US", "", ""))
        send(world, f"gift-{member}", member, PointsAdjusted("", 300, "welcome", "ada"))
        send(world, f"family-{member}", member, HouseholdJoined("h"))
        send(world, f"pool-{member}", member, PointsPooled(300))
    for member in range(MEMBERS):
        send(world, f"join-{member}", member, MemberEnrolled("US", "", ""))
        send(world, f"gift-{member}", member, PointsAdjusted("", 100, "welcome", "ada"))
    for number in range(250):
        member = random.randrange(MEMBERS)
        send(world, f"buy-{number}", member, TransactionCompleted(f"o-{number}", 1_000, "USD", "app", "", "US", []))
        if number % 10 == 0:
            reward = random.choice(("film", "mug"))
            send(
                world,
                f"want-{number}",
                member,
                RedemptionRequested(f"r-{number}", reward, 1, ""),
                device=f"d-{number % 3}",
            )
            send(world, f"move-{number}", member, ProfileChanged("US", "", ""), partner=f"air-{number % 20}")
        if number % 50 == 0:
            world.flush()
    world.flush()


def answered(world: LaneWorld) -> int:
    return sum(world.positions.ends("pool-balances"))


def of(world: LaneWorld, topic: str, kind: type) -> list[object]:
    return [one for p in range(world.partitions) for one in world.outputs(topic, p) if isinstance(one, kind)]


def test_killed_workers_spend_a_budget_to_its_last_point_and_give_each_code_once(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    with LaneWorld(settings, prefix, tmp_path, 2, programme(tmp_path)) as world:
        codes = tmp_path / "codes.txt"
        codes.write_text("\n".join(f"code-{number}" for number in range(6)) + "\n", "utf-8")
        for _ in range(2):  # loading a file again is harmless
            assert accrue(world, "pools", "load", "cinema", str(codes)) == {"pool": "codes:cinema", "sent": 6}
        for partner in ("air-0", "air-10"):
            accrue(world, "pools", "quarantine", "sold", partner, "--days", "7")
        assert accrue(world, "pools", "quarantine", "sold", "air-10", "--end") == {
            "signal": "sold", "partner": "air-10", "until": None,
        }  # fmt: skip
        for name in ("one", "two"):
            world.worker(name, "--batch-limit", "20")
        random = Random(7)
        send_all(world, random)
        for _ in range(3):
            until = answered(world) + random.randrange(1, 6)
            wait_until(lambda until=until: answered(world) >= until or world.positions.quiet(), "answers between kills")
            name = random.choice(("one", "two"))
            world.crew.kill(name)
            world.crew.restart(name)
        wait_until(lambda: pool_of(world, HOUSEHOLD).limit == 900, "the family's pool")
        for member in FAMILY:
            send(world, f"tour-{member}", member, RedemptionRequested(f"t-{member}", "tour", 1, ""))
        world.flush()
        world.wait_until_quiet()

        assert not of(world, "dead-letters", DeadLetter)
        assert world.check_against_oracle() > 0
        entries = [one for one in of(world, "ledger-entries", LedgerEntry) if isinstance(one, LedgerEntry)]
        assert sum(one.amount for one in entries if one.rule_id == "summer-bonus" and one.kind == "earn") == BUDGET
        requests = [one for one in of(world, "pool-requests", PoolRequest) if isinstance(one, PoolRequest)]
        taken = [one.request_id for one in requests if one.action == "take"]
        assert len(taken) == len(set(taken)) >= 250
        commands = of(world, "reward-fulfillments", FulfillmentCommand)
        given = [one.codes for one in commands if isinstance(one, FulfillmentCommand) and one.reward_id == "film"]
        assert sorted(given) == [f"code-{number}" for number in range(6)]
        mugs = sum(one.quantity for one in commands if isinstance(one, FulfillmentCommand) and one.reward_id == "mug")
        assert mugs == 7
        assert [
            one.quantity for one in commands if isinstance(one, FulfillmentCommand) and one.reward_id == "tour"
        ] == [1]
        assert pool_of(world, HOUSEHOLD).left == 400
        assert (
            sum(one.amount * ((one.credit == "household:h") - (one.debit == "household:h")) for one in entries) == 400
        )
        for partition in range(world.partitions):
            members = world.oracle(partition).state(0).members.values()
            assert not [member.member_id for member in members if member.awaited], "nobody is left waiting"
        check_signals(world)
        check_commands(world)


def check_signals(world: LaneWorld) -> None:
    """Devices are counted over all members; of two partners, what is earned with the quarantined one is held."""
    alerts = [one for one in of(world, "fraud-alerts", FraudAlert) if isinstance(one, FraudAlert)]
    assert {one.kind for one in alerts} == {"members", "partner"}
    assert {(one.key, one.limit) for one in alerts if one.kind == "partner"} == {("air-0", 0)}
    assert max(one.value for one in alerts if one.kind == "members") > 3
    opened = [one for one in of(world, "fraud-alerts", ReviewChange) if isinstance(one, ReviewChange)]
    assert len([one for one in opened if one.signal_id == "sold" and one.status == "opened"]) == 13
    entries = [one for one in of(world, "ledger-entries", LedgerEntry) if isinstance(one, LedgerEntry)]
    assert len([one for one in entries if one.kind == "release"]) == 12


def pool_of(world: LaneWorld, pool_id: str) -> PoolBalance:
    """How a pool was last said to stand."""
    told = [one for one in of(world, "pool-balances", PoolBalance) if isinstance(one, PoolBalance)]
    found = [one for one in told if one.pool_id == pool_id]
    return found[-1] if found else PoolBalance(pool_id, 0, 0, 0, 0, 0, 0, 0, 0)


def check_commands(world: LaneWorld) -> None:
    """What operators see is what the topics say."""
    told = {one.pool_id: one for one in of(world, "pool-balances", PoolBalance) if isinstance(one, PoolBalance)}
    listed = accrue(world, "pools", "list")
    assert isinstance(listed, list)
    shared = {row["pool"]: row for row in listed if row["pool"].startswith(("members:", "partner:"))}
    assert {row["pool"]: (row["given"], row["left"]) for row in listed if row["pool"] not in shared} == {
        "budget:summer": (BUDGET, 0), "codes:cinema": (6, 0), "stock:mug": (7, 0), HOUSEHOLD: (500, 400),
    }  # fmt: skip
    partners = {name: row for name, row in shared.items() if name.startswith("partner:")}
    held, free = partners.pop("partner:sold:air-0"), partners.pop("partner:sold:air-10")
    assert not partners
    assert (held["limit"], held["given"], held["refused"], bool(held["quarantined_until"])) == (0, 0, 39, True)
    assert (free["limit"], free["given"], free["refused"], free["quarantined_until"]) == (1000, 36, 0, None)
    devices = [row for name, row in shared.items() if name not in ("partner:sold:air-0", "partner:sold:air-10")]
    assert {row["limit"] for row in devices} == {2}
    assert max(row["given"] for row in devices) > 3
    shown = accrue(world, "pools", "show", "cinema")
    assert isinstance(shown, dict)
    assert (shown["limit"], shown["desired"]) == (6, told["codes:cinema"].desired)
