"""Rewards with stock or voucher codes: the points are held, the pool is asked, and each piece is given once."""

from __future__ import annotations

from core_programs import DAY_MS, Bench, program, rule, table
from pool_bench import POINTS, PoolBench, note_of

from pipeline.core.payloads import RedemptionConfirmed
from pipeline.core.program import Program, Reward
from pipeline.core.records import FulfillmentCommand, RewardDecision
from pipeline.wire.state import pack_member, unpack_member


def rewarding(*rewards: Reward) -> Program:
    return program({"transaction_completed": table(rule())}, rewards=rewards)


def with_stock(stock: int, **terms: bool | int) -> PoolBench:
    reward = Reward("voucher", POINTS, 10, "external", (), (), bool(terms.get("confirm")), int(terms.get("timeout", 0)),
                    stock=stock)  # fmt: skip
    bench = PoolBench(rewarding(reward))
    bench.adjust("a", 100)
    return bench


def commands(bench: Bench) -> list[FulfillmentCommand]:
    return bench.of(FulfillmentCommand)


def test_a_redemption_holds_the_points_asks_and_goes_to_the_provider_when_granted() -> None:
    bench = with_stock(5)

    asked = bench.redeem("r1", quantity=2, redemption_id="r")

    assert note_of(asked) == "waits_for_grant"
    assert bench.balances() == (80, 0, 20, 0)
    assert commands(bench) == []
    bench.answer()
    (command,) = commands(bench)
    assert (command.action, command.quantity, command.points) == ("fulfil", 2, 20)
    bench.outcome("o1", "r", "confirmed")
    assert bench.balances() == (80, 0, 0, 0)


def test_without_stock_the_hold_is_void_and_with_less_it_shrinks() -> None:
    bench = with_stock(3)
    bench.redeem("r1", quantity=2, redemption_id="a")
    bench.redeem("r2", quantity=2, redemption_id="b")
    bench.redeem("r3", quantity=2, redemption_id="c")

    bench.answer()

    assert [one.quantity for one in commands(bench)] == [2, 1]
    assert [one.reason for one in bench.of(RewardDecision)][-3:] == ["", "partly_granted", "nothing_left"]
    assert bench.balances() == (70, 0, 30, 0)
    assert sorted(bench.member().holds) == ["a", "b"]


def test_a_voided_redemption_gives_its_pieces_back() -> None:
    bench = with_stock(2)
    bench.redeem("r1", quantity=2, redemption_id="a")
    bench.answer()
    bench.outcome("o1", "a", "failed")
    assert bench.balances() == (100, 0, 0, 0)

    bench.redeem("r2", quantity=2, redemption_id="b")
    bench.answer()

    assert [one.quantity for one in commands(bench)] == [2, 2]


def test_a_redemption_cancelled_while_it_asks_is_void_at_once_and_gives_the_grant_back() -> None:
    bench = with_stock(2)
    bench.redeem("r1", quantity=2, redemption_id="a")
    bench.cancel("c", "a")
    assert bench.balances() == (100, 0, 0, 0)

    assert note_of(bench.answer()) == "grant_given_back"

    assert bench.pools.pools["stock:voucher"].given == 0
    assert commands(bench) == []


def test_a_redemption_that_times_out_while_it_asks_gives_the_grant_back() -> None:
    bench = with_stock(2, timeout=DAY_MS)
    bench.redeem("r1", quantity=2, redemption_id="a")
    bench.later(2 * DAY_MS).adjust("a2", 1)
    assert bench.member().holds == {}

    bench.answer()

    assert bench.pools.pools["stock:voucher"].given == 0


def test_a_confirmation_that_comes_before_the_grant_counts_when_it_is_there() -> None:
    bench = with_stock(5, confirm=True)
    bench.redeem("r1", quantity=3, redemption_id="a")

    bench.send("k1", RedemptionConfirmed("a", 2))
    assert commands(bench) == []
    bench.send("k2", RedemptionConfirmed("a", 2))
    assert bench.reason == "already_confirmed"
    bench.answer()

    assert [one.quantity for one in commands(bench)] == [2]
    assert bench.pools.pools["stock:voucher"].given == 2
    assert bench.balances() == (80, 0, 20, 0)


def test_a_grant_before_the_confirmation_waits_for_it() -> None:
    bench = with_stock(5, confirm=True)
    bench.redeem("r1", quantity=3, redemption_id="a")
    bench.answer()
    assert commands(bench) == []

    bench.send("k1", RedemptionConfirmed("a", 1))
    bench.answer()

    assert [one.quantity for one in commands(bench)] == [1]
    assert bench.pools.pools["stock:voucher"].given == 1


def with_codes(*codes: str, confirm: bool = False) -> PoolBench:
    bench = PoolBench(rewarding(Reward("ticket", POINTS, 10, "external", (), (), confirm, codes="cinema")))
    bench.load(*codes)
    bench.adjust("a", 100)
    return bench


def test_each_piece_gets_a_code_of_its_own_in_the_command() -> None:
    bench = with_codes("A", "B", "C")
    bench.redeem("r1", "ticket", 2, redemption_id="a")
    bench.redeem("r2", "ticket", 2, redemption_id="b")

    bench.answer()

    assert [one.codes for one in commands(bench)] == ["A\nB", "C"]
    assert bench.balances() == (70, 0, 30, 0)


def test_a_code_that_nobody_was_told_of_returns_and_one_that_a_provider_saw_does_not() -> None:
    bench = with_codes("A", "B", confirm=True)
    bench.redeem("r1", "ticket", 2, redemption_id="a")
    bench.answer()
    bench.send("k1", RedemptionConfirmed("a", 1))
    bench.answer()
    assert bench.pools.pools["codes:cinema"].left(with_codes=True) == 1

    bench.outcome("o1", "a", "failed")
    bench.answer()

    assert bench.balances() == (100, 0, 0, 0)
    assert bench.pools.pools["codes:cinema"].left(with_codes=True) == 1


def test_a_hold_with_its_codes_survives_packing() -> None:
    bench = with_codes("A", "B", confirm=True)
    bench.redeem("r1", "ticket", 2, redemption_id="a")
    asking = unpack_member(pack_member(bench.member()))
    assert asking == bench.member()
    bench.answer()

    member = unpack_member(pack_member(bench.member()))

    assert member == bench.member()
    assert member.holds["a"].codes == ["A", "B"]
