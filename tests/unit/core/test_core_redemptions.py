"""Redemptions: held, fulfilled or given back; burn order; refusals; expiry while held."""

from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    Bench,
    Limit,
    Period,
    Reward,
    Tier,
    Unit,
    moves,
    of,
    program,
    rule,
    table,
)

from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.records import FulfillmentCommand

DATED = Unit("points", "floor", Period(0, 30 * DAY_MS))
VOUCHER = Reward("voucher", FLOOR_POINTS, 40, "external", (), ())


def shop(*rewards: Reward, points: int = 100, unit: Unit = FLOOR_POINTS) -> Bench:
    bench = Bench(
        program(
            {"transaction_completed": table(rule("base", unit))},
            units=(unit,),
            rewards=rewards or (VOUCHER,),
            tiers=(Tier("bronze", 0, 100), Tier("gold", 10_000, 100)),
            clawback="unlimited",
        )
    )
    if points:
        bench.buy("e1", points * 100)
    return bench


def test_a_request_holds_the_price_and_asks_the_provider() -> None:
    bench = shop()

    outputs = bench.redeem("r1", quantity=2)

    assert moves(outputs) == [("hold", 80, "available", "held")]
    assert bench.balances() == (20, 0, 80, 0)
    (command,) = of(FulfillmentCommand, outputs)
    assert (command.action, command.redemption_id, command.reward_id) == ("fulfil", "redemption-r1", "voucher")
    assert (command.provider, command.quantity, command.unit, command.points) == ("external", 2, "points", 80)
    assert (command.member_id, command.event_id, command.log_time_ms) == ("m", "r1", 0)
    assert len(command.fulfillment_id) == 32


def test_points_burn_earliest_expiry_first_and_then_lowest_lot_with_partial_lots() -> None:
    bench = shop(Reward("voucher", DATED, 25, "external", (), ()), points=0, unit=DATED)
    bench.buy("second", 1_000)
    bench.buy("third", 1_000)
    bench.buy("first", 1_000, occurred_at_ms=bench.now_ms - DAY_MS)

    bench.redeem("r1")

    assert [(entry.lot, entry.amount, entry.leg) for entry in bench.entries[3:]] == [(3, 10, 0), (1, 10, 1), (2, 5, 2)]


def test_lots_that_never_expire_burn_last() -> None:
    never, soon = rule("never", fixed=10), rule("soon", fixed=10, expires=Period(0, DAY_MS))
    bench = Bench(program({"transaction_completed": table(never, soon)}, rewards=[VOUCHER]))
    bench.buy("e1", 1)
    bench.adjust("a1", 30)

    bench.redeem("r1")

    assert [(entry.lot, entry.amount) for entry in bench.entries[3:]] == [(2, 10), (1, 10), (3, 20)]


def test_confirmed_redeems_what_was_held() -> None:
    bench = shop()
    bench.redeem("r1")

    assert moves(bench.outcome("o1", "redemption-r1", "confirmed")) == [("redeem", 40, "held", "redeemed")]
    assert bench.balances() == (60, 0, 0, 0)


def test_failed_and_cancelled_give_back_what_was_held() -> None:
    for outcome in ("failed", "cancelled"):
        bench = shop()
        bench.redeem("r1")

        assert moves(bench.outcome("o1", "redemption-r1", outcome)) == [("void", 40, "held", "available")]
        assert bench.balances() == (100, 0, 0, 0)


def test_unknown_keeps_the_hold_until_a_later_outcome() -> None:
    bench = shop()
    bench.redeem("r1")

    assert moves(bench.outcome("o1", "redemption-r1", "unknown")) == []
    assert bench.reason == ""
    assert moves(bench.outcome("o2", "redemption-r1", "confirmed")) == [("redeem", 40, "held", "redeemed")]


def test_a_second_outcome_is_refused_and_changes_nothing() -> None:
    bench = shop()
    bench.redeem("r1")
    bench.outcome("o1", "redemption-r1", "confirmed")

    for event_id, outcome in (("o2", "confirmed"), ("o3", "failed")):
        assert moves(bench.outcome(event_id, "redemption-r1", outcome)) == []
        assert bench.reason == "redemption_not_open"


def test_an_outcome_of_another_fulfilment_is_refused() -> None:
    bench = shop()
    bench.redeem("r1")

    bench.send("o1", FulfillmentOutcome("f" * 32, "redemption-r1", "confirmed", "", ""))

    assert bench.reason == "redemption_not_open"
    assert bench.balances() == (60, 0, 40, 0)


def test_two_redemptions_cannot_spend_the_same_points() -> None:
    bench = shop(points=70)
    bench.redeem("r1")

    bench.redeem("r2")

    assert bench.reason == "insufficient_points"
    assert bench.balances() == (30, 0, 40, 0)


def test_pending_points_cannot_be_spent() -> None:
    bench = Bench(program({"transaction_completed": table(rule(pending=Period(0, DAY_MS)))}, rewards=[VOUCHER]))
    bench.buy("e1", 10_000)

    bench.redeem("r1")

    assert bench.reason == "insufficient_points"


def test_a_reward_that_the_catalogue_lacks_is_refused() -> None:
    bench = shop()
    bench.redeem("r1", "yacht")

    assert bench.reason == "unknown_reward"


def test_a_redemption_id_that_is_open_is_refused() -> None:
    bench = shop()
    bench.redeem("r1", redemption_id="same")

    bench.redeem("r2", redemption_id="same")

    assert bench.reason == "redemption_exists"


def test_a_reward_for_other_tiers_is_refused() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 40, "external", ("gold",), ()), points=9_999)
    bench.redeem("r1")
    assert bench.reason == "tier_required"

    bench.buy("e2", 100)
    bench.redeem("r2")
    assert bench.reason == ""


def test_a_rewards_limit_counts_pieces_and_refuses_what_goes_beyond() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 10, "external", (), (Limit(0, 3, "month"),)))
    bench.redeem("r1", quantity=2)

    bench.redeem("r2", quantity=2)
    assert bench.reason == "limit_reached"
    bench.redeem("r3")
    assert bench.reason == ""
    bench.at("2026-02-01").redeem("r4", quantity=3)
    assert bench.reason == ""


def test_a_rewards_limit_of_points_refuses_what_goes_beyond() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 10, "external", (), (Limit(25, 0, "ever"),)))
    bench.redeem("r1", quantity=2)

    bench.redeem("r2")

    assert bench.reason == "limit_reached"


def test_what_failed_does_not_count_against_the_limit() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 10, "external", (), (Limit(0, 1, "month"),)))
    bench.redeem("r1")
    bench.outcome("o1", "redemption-r1", "failed")

    bench.redeem("r2")

    assert bench.reason == ""


def test_a_failure_in_the_next_window_gives_nothing_back_there() -> None:
    bench = shop(Reward("voucher", FLOOR_POINTS, 10, "external", (), (Limit(0, 1, "month"),)))
    bench.redeem("r1")
    bench.at("2026-02-01").redeem("r2")

    bench.outcome("o1", "redemption-r1", "failed")
    bench.redeem("r3")

    assert bench.reason == "limit_reached"


def test_cancelling_asks_the_provider_once_and_the_hold_stays() -> None:
    bench = shop()
    bench.redeem("r1")

    outputs = bench.cancel("c1", "redemption-r1")

    fulfil, cancel = bench.of(FulfillmentCommand)
    assert (cancel.action, cancel.fulfillment_id) == ("cancel", fulfil.fulfillment_id)
    assert moves(outputs) == []
    assert bench.balances() == (60, 0, 40, 0)
    bench.cancel("c2", "redemption-r1")
    assert bench.reason == "already_cancelling"


def test_cancel_then_confirmed_redeems_and_confirmed_then_cancel_is_refused() -> None:
    bench = shop()
    bench.redeem("r1")
    bench.cancel("c1", "redemption-r1")
    assert moves(bench.outcome("o1", "redemption-r1", "confirmed")) == [("redeem", 40, "held", "redeemed")]

    bench.cancel("c2", "redemption-r1")

    assert bench.reason == "redemption_not_open"


def test_held_points_do_not_expire_and_restored_ones_keep_their_expiry() -> None:
    bench = shop(Reward("voucher", DATED, 40, "external", (), ()), unit=DATED)
    bench.redeem("r1")
    bench.later(29 * DAY_MS).outcome("o1", "redemption-r1", "failed")
    assert bench.balances() == (100, 0, 0, 0)

    assert moves(bench.later(DAY_MS).enrol()) == [("expire", 100, "available", "expired")]


def test_the_rest_of_a_lot_expires_while_its_held_part_stays() -> None:
    bench = shop(Reward("voucher", DATED, 40, "external", (), ()), unit=DATED)
    bench.redeem("r1")

    assert moves(bench.later(31 * DAY_MS).enrol()) == [("expire", 60, "available", "expired")]
    assert bench.balances() == (0, 0, 40, 0)


def test_a_void_after_the_expiry_expires_at_once_as_part_of_the_outcome() -> None:
    bench = shop(Reward("voucher", DATED, 40, "external", (), ()), unit=DATED)
    bench.redeem("r1")
    bench.later(31 * DAY_MS).enrol()

    outputs = bench.outcome("o1", "redemption-r1", "failed")

    assert moves(outputs) == [("void", 40, "held", "available"), ("expire", 40, "available", "expired")]
    assert {entry.event_id for entry in bench.entries[-2:]} == {"o1"}
    assert bench.balances() == (0, 0, 0, 0)
    ids = [entry.entry_id for entry in bench.entries]
    assert len(ids) == len(set(ids))


def test_a_void_at_the_very_time_of_the_expiry_expires() -> None:
    bench = shop(Reward("voucher", DATED, 100, "external", (), ()), unit=DATED)
    bench.redeem("r1")

    outputs = bench.later(30 * DAY_MS).outcome("o1", "redemption-r1", "failed")

    assert moves(outputs) == [("void", 100, "held", "available"), ("expire", 100, "available", "expired")]
    assert {entry.event_id for entry in bench.entries[-2:]} == {"o1"}


def test_confirmed_after_the_expiry_still_redeems() -> None:
    bench = shop(Reward("voucher", DATED, 40, "external", (), ()), unit=DATED)
    bench.redeem("r1")
    bench.later(31 * DAY_MS).enrol()

    assert moves(bench.outcome("o1", "redemption-r1", "confirmed")) == [("redeem", 40, "held", "redeemed")]


def test_a_void_of_several_lots_restores_each() -> None:
    bench = shop(Reward("voucher", DATED, 25, "external", (), ()), points=0, unit=DATED)
    bench.buy("e1", 1_000)
    bench.buy("e2", 2_000)
    before = bench.wallet().to_tuple()
    bench.redeem("r1")

    bench.outcome("o1", "redemption-r1", "failed")

    assert bench.wallet().to_tuple() == before


def test_a_void_repays_debt_before_anything_is_available() -> None:
    bench = shop()
    bench.redeem("r1")
    bench.redeem("r2")
    bench.refund("f1", "order-e1", 10_000)
    assert bench.balances() == (0, 0, 80, 80)

    outputs = bench.outcome("o1", "redemption-r1", "failed")

    assert moves(outputs) == [("void", 40, "held", "available"), ("debt", 40, "available", "debt")]
    assert bench.balances() == (0, 0, 40, 40)


def test_during_an_import_commands_carry_the_logs_time() -> None:
    bench = shop()
    bench.engine.tick("import", bench.now_ms - DAY_MS, 10)

    (command,) = of(FulfillmentCommand, bench.redeem("r1"))

    assert command.log_time_ms == bench.now_ms
