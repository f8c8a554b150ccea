"""What one member does for another goes through the log: transfers, there and back, and referrals that qualify."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from lane_world import LaneWorld, now_ms

from pipeline.core.events import Event
from pipeline.core.payloads import (
    MemberEnrolled,
    Payload,
    PointsAdjusted,
    ReferralAccepted,
    TransactionCompleted,
    TransferRequested,
)
from pipeline.core.records import LedgerEntry, RewardDecision
from pipeline.devstack import Settings

pytestmark = pytest.mark.kafka

MEMBERS = 12
PROGRAM = """\
program: gifts
zone: Europe/Berlin
enrolment: required
currencies: [USD]
units:
  points: {expires: 12mo}
transfers: {units: [points], limit: {per_member: {points: 500, every: day}}}
referrals: {minimum_minor: 5000, within: 30d}
"""
RULES = """\
rules:
  - {id: joined, on: referral_joined, award: {points: 30}}
  - {id: brought, on: referral_qualified, award: {points: 50}}
"""


def send(world: LaneWorld, member_id: str, event_id: str, payload: Payload) -> Event:
    at_ms = now_ms()
    event = Event(event_id, member_id, at_ms, "app", "", {}, payload, at_ms)
    world.send(event)
    return event


def balances(world: LaneWorld) -> Counter[str]:
    """What the committed ledger says that every account has."""
    accounts: Counter[str] = Counter()
    for partition in range(world.partitions):
        for entry in world.outputs("ledger-entries", partition):
            assert isinstance(entry, LedgerEntry)
            accounts[entry.debit] -= entry.amount
            accounts[entry.credit] += entry.amount
    return accounts


def given(world: LaneWorld, rule_id: str) -> dict[str, int]:
    """What a rule has given, by member."""
    found: dict[str, int] = {}
    for partition in range(world.partitions):
        for decision in world.outputs("reward-decisions", partition):
            assert isinstance(decision, RewardDecision)
            for reward in decision.rewards:
                if reward.rule_id == rule_id and reward.value:
                    found[decision.member_id] = found.get(decision.member_id, 0) + reward.value
    return found


def test_legs_reach_other_partitions_or_come_back_whatever_dies(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "program.yaml").write_text(PROGRAM)
    (program / "rules.yaml").write_text(RULES)
    with LaneWorld(settings, prefix, tmp_path, 4, program) as world:
        world.worker("one")
        for number in range(MEMBERS):
            send(world, f"m-{number}", f"join-{number}", MemberEnrolled("US", "", ""))
            send(world, f"m-{number}", f"start-{number}", PointsAdjusted("", 100, "to begin with", "ada"))
        sent = [
            send(
                world,
                f"m-{number}",
                f"give-{number}",
                TransferRequested(f"t-{number}", f"m-{(number + 1) % MEMBERS}", 40),
            )
            for number in range(MEMBERS)
        ]
        sent += [
            send(world, f"m-{number}", f"lost-{number}", TransferRequested(f"l-{number}", f"nobody-{number}", 25))
            for number in range(MEMBERS)
        ]
        world.flush()
        world.crew.kill("one")
        world.crew.restart("one")
        for event in sent:
            world.send(event)  # a producer that had no answer
        send(world, "m-0", "ref", ReferralAccepted("r-1", "m-1"))
        world.flush()
        world.wait_until_quiet()
        send(world, "m-1", "small", TransactionCompleted("o-1", 4_999, "USD"))
        send(world, "m-1", "large", TransactionCompleted("o-2", 5_000, "USD"))
        send(world, "m-1", "larger", TransactionCompleted("o-3", 9_000, "USD"))
        world.flush()
        world.wait_until_quiet()

        accounts = balances(world)
        assert sum(accounts.values()) == 0
        assert not [one for one, points in accounts.items() if one.startswith("transit:") and points]
        assert len([one for one in accounts if one.startswith("transit:")]) == 2 * MEMBERS
        members = {number: accounts[f"member:m-{number}:available"] for number in range(MEMBERS)}
        assert members == {0: 150, 1: 130} | dict.fromkeys(range(2, MEMBERS), 100)
        assert (given(world, "joined"), given(world, "brought")) == ({"m-1": 30}, {"m-0": 50})
        assert world.check_against_oracle() == 5 * MEMBERS + 2
