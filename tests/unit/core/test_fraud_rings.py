"""Rings of referrals, whatever the order they close in, and points from many senders."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS, Bench
from fraud_across_bench import NONE, Together

from pipeline.core.events import Event
from pipeline.core.fraud_program import Signal
from pipeline.core.ledger import SOURCE
from pipeline.core.payloads import ReferralAccepted, ReferralJoined, TransferLot, TransferReceived


def ring(action: str = "deny", up_to: int = 4) -> Signal:
    return Signal("it", "ring", action, True, "", "", 1, 0, NONE, "ring", up_to)


def refer(bench: Bench, referrer: str, referred: str) -> None:
    bench.send(f"{referrer}>{referred}", ReferralAccepted(f"{referrer}>{referred}", referred), referrer)
    bench.send(f"join {referrer}>{referred}", ReferralJoined(f"{referrer}>{referred}", referrer), referred)


@pytest.mark.parametrize("order", [("ab", "bc", "ca"), ("bc", "ca", "ab"), ("ca", "ab", "bc"), ("bc", "ab", "ca")])
def test_whoever_is_in_a_ring_of_referrals_is_stopped_in_whatever_order_it_closes(order: tuple[str, ...]) -> None:
    bench = Together(ring())
    for member_id in "abc":
        bench.rich(member_id)
    for referrer, referred in order:
        refer(bench, referrer, referred)
    for member_id in "abc":
        bench.ask(member_id)
    bench.answer()

    assert bench.told() == []
    assert {alert.member_id: alert.value for alert in bench.alerts()} == {"a": 3, "b": 3, "c": 3}


def test_two_who_refer_each_other_are_a_ring_and_a_chain_is_none() -> None:
    bench = Together(ring())
    for member_id in "abcd":
        bench.rich(member_id)
    refer(bench, "a", "b")
    refer(bench, "b", "a")
    refer(bench, "b", "c")
    refer(bench, "c", "d")
    for member_id in "abcd":
        bench.ask(member_id)
    bench.answer()

    assert bench.told() == ["c", "d"]


def test_rings_of_more_members_than_are_looked_for_are_not_found() -> None:
    for up_to, expected in ((3, ["a", "b", "c", "d"]), (4, [])):
        bench = Together(ring(up_to=up_to))
        for member_id in "abcd":
            bench.rich(member_id)
        for referrer, referred in ("ab", "bc", "cd", "da"):
            refer(bench, referrer, referred)
        for member_id in "abcd":
            bench.ask(member_id)
        bench.answer()
        assert bench.told() == expected


def test_who_took_part_in_no_referral_waits_for_no_ring() -> None:
    bench = Together(ring())
    bench.rich("a")

    assert bench.ask("a") == ""
    assert bench.told() == ["a"]


def senders(action: str, at_most: int = 2) -> Signal:
    return Signal("it", "senders", action, True, "", "", at_most, DAY_MS, NONE, "senders")


def sent(bench: Together, sender: str, number: int = 0) -> None:
    lots = [TransferLot(1, 10, 0)]
    payload = TransferReceived(f"t-{sender}-{number}", sender, f"transit:{sender}{number}", "points", lots)
    name = f"t-{sender}-{number}"
    bench.apply(Event(name, "m", bench.now_ms, SOURCE, "", {}, payload, bench.now_ms))


def test_points_from_too_many_senders_freeze_exactly_with_the_first_one_too_many() -> None:
    bench = Together(senders("freeze"))
    bench.rich("m")
    for sender in ("a", "b", "a"):
        sent(bench, sender, bench.offset)
    assert bench.alerts() == []

    sent(bench, "c")

    (alert,) = bench.alerts()
    assert (alert.value, alert.limit, alert.kind) == (3, 2, "senders")
    assert bench.wallet(member_id="m").available == 141, "nothing of what was sent is lost"
    assert bench.ask("m") == "redemptions_frozen"


def test_a_redemption_after_points_from_too_many_senders_is_denied_while_they_count() -> None:
    bench = Together(senders("deny"))
    bench.rich("m")
    for sender in ("a", "b", "c"):
        sent(bench, sender)
    assert bench.ask("m", "r1") == "fraud_denied"

    bench.later(DAY_MS - 1)
    assert bench.ask("m", "r2") == "fraud_denied"
    bench.later(1)
    assert bench.ask("m", "r3") == ""
