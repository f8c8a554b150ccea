"""What redemptions bring beside the programme's own goods: partners' accounts, and points of another unit."""

from core_programs import DAY_MS, FLOOR_POINTS, Bench, Period, Reward, Unit, program, rule, table

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.records import FulfillmentCommand


def shop(reward: Reward) -> Bench:
    bench = Bench(program({"transaction_completed": table(rule())}, units=(FLOOR_POINTS,), rewards=(reward,)))
    bench.buy("e1", 10_000)
    return bench


def test_what_a_partner_gave_is_redeemed_at_its_account() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 40, "acme", (), ()))
    bench.redeem("r1")
    (command,) = bench.of(FulfillmentCommand)
    bench.send("c1", FulfillmentOutcome(command.fulfillment_id, "redemption-r1", "confirmed"), source="accrue-partners")
    assert bench.entries[-1].credit == "partner:acme:redeemed"

    bench.redeem("r2")
    command = bench.of(FulfillmentCommand)[-1]
    other = FulfillmentOutcome(command.fulfillment_id, "redemption-r2", "confirmed", provider="other")
    bench.send("c2", other, source="accrue-partners")
    assert bench.entries[-1].credit == "partner:other:redeemed"


def test_a_fallback_of_the_house_is_redeemed_at_the_programme() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 40, "acme", (), ()))
    bench.redeem("r1")
    (command,) = bench.of(FulfillmentCommand)
    outcome = FulfillmentOutcome(command.fulfillment_id, "redemption-r1", "confirmed", provider="house")
    bench.send("c1", outcome, source="accrue-partners")
    assert bench.entries[-1].credit == "program:redeemed"


MILES = Unit("miles", "floor", Period(0, 30 * DAY_MS))


def exchange(quantity: int, confirm: int = 0) -> Bench:
    """40 points a piece for 7 miles each, asked for so many and perhaps confirmed in part."""
    swap = Reward("voucher", FLOOR_POINTS, 40, "house", (), (), gives=(MILES, 7))
    bench = Bench(program({"transaction_completed": table(rule())}, units=(FLOOR_POINTS, MILES), rewards=(swap,)))
    bench.buy("e1", 10_000)
    bench.redeem("r1", quantity=quantity)
    (command,) = bench.of(FulfillmentCommand)
    outcome = FulfillmentOutcome(command.fulfillment_id, "redemption-r1", "confirmed", quantity=confirm)
    bench.send("o1", outcome, source="accrue-house")
    return bench


def test_a_reward_can_bring_points_of_another_unit() -> None:
    bench = exchange(2)
    assert bench.balances() == (20, 0, 0, 0) and bench.balances("miles") == (14, 0, 0, 0)
    entry = bench.entries[-1]
    assert (entry.kind, entry.debit, entry.rule_id, entry.unit) == ("earn", "program:issued", "reward.gives", "miles")
    bench.later(31 * DAY_MS)
    bench.adjust("a1", 1)
    assert bench.balances("miles") == (0, 0, 0, 0)


def test_a_part_that_is_confirmed_brings_its_part() -> None:
    assert exchange(2, confirm=1).balances("miles") == (7, 0, 0, 0)


def test_a_wallet_without_room_for_what_a_reward_brings_refuses_it() -> None:
    swap = Reward("voucher", FLOOR_POINTS, 40, "house", (), (), gives=(MILES, WALLET_MAX))
    bench = Bench(program({"transaction_completed": table(rule())}, units=(FLOOR_POINTS, MILES), rewards=(swap,)))
    bench.buy("e1", 10_000)
    bench.adjust("a1", 1, "miles")
    bench.redeem("r1")
    assert bench.reason == "balance_too_large" and bench.balances() == (100, 0, 0, 0)
