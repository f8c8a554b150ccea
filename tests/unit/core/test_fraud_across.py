"""Signals across members: devices and addresses that many share; a redemption waits for the pool's answer."""

from __future__ import annotations

from core_programs import DAY_MS
from fraud_across_bench import Together, shared
from fraud_signals import VOUCHER

from pipeline.core.fraud_program import Signal
from pipeline.core.payloads import (
    RedemptionCancelled,
    RedemptionConfirmed,
    RedemptionRequested,
    ReviewDecided,
    TransactionCompleted,
)
from pipeline.core.pools import answer_event, balance, decide, is_told
from pipeline.core.program import Reward
from pipeline.core.records import PoolRequest, ReviewChange, RewardDecision
from pipeline.wire.state import pack_member, unpack_member


def crowd(*signals: Signal, reward: Reward = VOUCHER, timeout_ms: int = 0) -> Together:
    """Three members who bought by one device, told to its pool."""
    bench = Together(*signals, reward=reward, timeout_ms=timeout_ms)
    for member_id in ("a", "b", "c"):
        bench.rich(member_id, device="phone")
    return bench


def test_a_redemption_waits_held_until_the_pool_says_that_it_may_go_on() -> None:
    bench = Together(shared())
    bench.rich("a", device="phone")

    assert bench.ask("a", device="phone") == "waits_for_signal"
    assert bench.wallet(member_id="a").held == 10
    assert bench.told() == []

    bench.answer()

    assert bench.told() == ["a"]
    assert bench.alerts() == []
    assert bench.member("a").awaited == {}


def test_a_redemption_by_a_device_of_too_many_members_is_held_for_review() -> None:
    bench = crowd(shared())
    assert bench.ask("b", device="phone") == "waits_for_signal"
    bench.answer()

    assert bench.told() == []
    (opened,) = bench.of(ReviewChange)
    assert (opened.member_id, opened.status, opened.redemption_id) == ("b", "opened", "r")
    alert = next(one for one in bench.alerts() if one.points)
    assert (alert.member_id, alert.signal_id, alert.kind, alert.value, alert.limit) == ("b", "it", "members", 3, 2)
    assert (alert.points, alert.review_id) == (10, opened.review_id)
    facts = {fact.name: fact.value for fact in alert.evidence}
    assert (facts["others"], facts["redemption_id"]) == ("a, c", "r")


def test_the_redemptions_of_members_who_were_there_first_are_judged_too() -> None:
    bench = Together(shared(action="deny"))
    bench.rich("a", device="phone")
    bench.ask("a", "early")
    bench.answer()
    bench.rich("b", device="phone")
    bench.rich("c", device="phone")

    bench.ask("a", "later")
    bench.answer()

    assert list(bench.member("a").holds) == ["early"]
    assert bench.of(RewardDecision)[-1].reason == "denied_by_signal"
    assert bench.wallet(member_id="a").held == 10


def test_a_purchase_is_never_refused_nor_waits() -> None:
    bench = crowd(shared(action="deny"))
    bench.answer()

    assert bench.tell("e", "c", TransactionCompleted("o", 100, "EUR"), device="phone") == ""
    assert bench.wallet(member_id="c").available == 102


def test_a_verdict_lets_the_redemption_go_to_its_provider() -> None:
    bench = crowd(shared())
    bench.ask("a", device="phone")
    bench.answer()
    (opened,) = bench.of(ReviewChange)

    bench.tell("v", "a", ReviewDecided(opened.review_id, "approve", "ada", "a family"))

    assert bench.told() == ["a"]


def test_a_freeze_voids_what_waited_and_refuses_what_follows() -> None:
    bench = crowd(shared(action="freeze"))
    bench.ask("a", device="phone")
    bench.answer()

    assert bench.wallet(member_id="a").held == 0
    assert bench.ask("a", "again", device="phone") == "redemptions_frozen"
    assert [one.freezes for one in bench.of(ReviewChange) if one.member_id == "a"] == [True]


def test_whom_a_purchase_makes_one_too_many_is_frozen_before_they_redeem() -> None:
    bench = crowd(shared(action="freeze"))
    bench.answer()

    assert [alert.member_id for alert in bench.alerts()] == ["c"]
    assert bench.ask("c") == "redemptions_frozen"
    assert bench.ask("a") == "waits_for_signal"


def test_in_shadow_nothing_waits_and_the_alert_still_comes() -> None:
    bench = crowd(shared(live=False, action="deny"))
    bench.answer()
    assert bench.ask("a", device="phone") == ""
    assert bench.told() == ["a"]

    bench.answer()

    assert [(alert.member_id, alert.mode) for alert in bench.alerts()] == [("c", "shadow"), ("a", "shadow")]
    assert bench.wallet(member_id="a").held == 10


def test_members_count_for_as_long_as_the_signal_says_to_the_millisecond() -> None:
    for passed_ms, expected in ((8 * DAY_MS - 1, 3), (8 * DAY_MS, 0)):
        bench = crowd(shared(action="allow"))
        bench.answer()
        bench.later(passed_ms)
        bench.ask("a", device="phone")
        bench.answer()
        assert [alert.value for alert in bench.alerts()][1:] == ([expected] if expected else [])


def test_a_pool_is_told_again_only_after_an_eighth_of_the_time() -> None:
    bench = Together(shared())
    bench.rich("a", device="phone")
    for passed_ms, notes in ((DAY_MS - 1, 1), (1, 2), (1, 2)):
        bench.later(passed_ms)
        bench.tell(f"e{bench.now_ms}", "a", TransactionCompleted(f"o{bench.now_ms}", 100, "EUR"), device="phone")
        assert len(bench.of(PoolRequest)) == notes
    assert [one.action for one in bench.of(PoolRequest)] == ["note", "note"]


def test_a_redemption_that_tells_no_device_is_judged_by_the_latest_one_told() -> None:
    bench = crowd(shared(action="deny"))
    bench.ask("a")
    bench.answer()
    bench.rich("d")

    assert bench.member("a").holds == {}
    assert bench.ask("d") == "", "no device is known of them"


def test_an_address_is_counted_likewise_and_stands_in_no_request() -> None:
    bench = Together(shared(action="deny", by="address"))
    for member_id in ("a", "b", "c"):
        bench.rich(member_id, address="Elm Street 1")
    bench.ask("a")
    bench.answer()

    assert bench.member("a").holds == {}
    assert not any("Elm" in one.pool_id for one in bench.of(PoolRequest))


def test_several_signals_are_all_waited_for() -> None:
    bench = Together(shared(), shared(name="other", by="address"))
    bench.rich("a", device="phone", address="here")
    bench.ask("a", device="phone", address="here")
    assert len(bench.member("a").awaited) == 2

    bench.answer()

    assert bench.told() == ["a"]


def test_what_the_first_answer_denies_the_second_does_not_revive() -> None:
    bench = Together(shared(action="deny", at_most=1), shared(name="other", by="address"))
    bench.rich("b", device="phone")
    bench.rich("a", device="phone", address="here")
    bench.ask("a", device="phone", address="here")
    bench.answer()

    assert bench.told() == []
    assert bench.member("a").holds == {}
    assert bench.wallet(member_id="a").held == 0


def test_answers_count_once_and_those_to_what_was_cancelled_do_nothing() -> None:
    bench = Together(shared())
    bench.rich("a", device="phone")
    bench.ask("a")
    bench.tell("c", "a", RedemptionCancelled("r"))
    assert bench.wallet(member_id="a").held == 0
    bench.ask("a", "second")

    bench.answer(times=2)

    assert bench.told() == ["a"]
    assert bench.member("a").awaited == {}


def test_a_redemption_asked_anew_under_the_same_id_waits_for_its_own_answer_alone() -> None:
    bench = Together(shared())
    bench.rich("a", device="phone")
    bench.ask("a")
    bench.tell("c", "a", RedemptionCancelled("r"))
    assert bench.tell("again", "a", RedemptionRequested("r", "voucher")) == "waits_for_signal"
    first, second = [one for one in bench.requests() if one.action == "take"]

    for request in (second, first):
        answer = decide(bench.pools, request)
        assert answer is not None
        bench.apply(answer_event(request, answer, bench.now_ms))

    assert bench.told() == ["a"]
    assert bench.member("a").awaited == {}


def test_a_reward_with_stock_waits_for_both_whichever_comes_first() -> None:
    stocked = Reward("voucher", VOUCHER.unit, 10, "external", (), (), stock=5)
    bench = Together(shared(), reward=stocked)
    bench.rich("a", device="phone")
    assert bench.ask("a") == "waits_for_grant"
    stock, signal = [one for one in bench.requests() if one.action == "take"]
    assert (stock.pool_id, signal.pool_id[:10]) == ("stock:voucher", "members:it")

    bench.answer()

    assert bench.told() == ["a"]


def test_a_confirmation_is_refused_while_the_pool_is_asked() -> None:
    confirmed = Reward("voucher", VOUCHER.unit, 10, "external", (), (), True)
    bench = Together(shared(), reward=confirmed)
    bench.rich("a", device="phone")
    bench.ask("a")
    assert bench.tell("early", "a", RedemptionConfirmed("r")) == "under_review"
    bench.answer()
    assert bench.told() == []

    bench.tell("now", "a", RedemptionConfirmed("r"))

    assert bench.told() == ["a"]


def test_what_waits_is_packed_and_unpacked() -> None:
    bench = Together(shared())
    bench.rich("a", device="phone")
    bench.ask("a")

    assert unpack_member(pack_member(bench.member("a"))) == bench.member("a")


def test_a_devices_pool_is_told_of_once_it_has_set_its_signal_off() -> None:
    bench = Together(shared())
    for member_id in "ab":
        bench.rich(member_id, device="phone")
    bench.ask("a", device="phone")
    bench.answer()
    (pool_id,) = bench.pools.pools
    assert not is_told(bench.pools, pool_id)

    bench.rich("c", device="phone")
    bench.ask("c", device="phone")
    bench.answer()

    assert is_told(bench.pools, pool_id)
    told = balance(bench.pools, pool_id, 7, 8)
    assert (told.limit, told.given, told.left) == (2, 3, 0), "three members where two are allowed"
    assert (told.desired, told.refused, told.requests) == (23, 11, 5), "10 points a redemption, 1 a note"
    bench.later(8 * DAY_MS)
    bench.ask("a", "later", device="phone")
    bench.answer()
    assert (balance(bench.pools, pool_id, 7, 8).given, is_told(bench.pools, pool_id)) == (1, True)
