"""Holds: confirmed in whole or part, timed out, voided with their lots' expiry."""

from core_programs import (
    DAY_MS,
    FLOOR_POINTS,
    HOUR_MS,
    Bench,
    Limit,
    Output,
    Period,
    Reward,
    moves,
    of,
    program,
    rule,
    table,
)

from pipeline.core.payloads import FulfillmentOutcome, RedemptionConfirmed
from pipeline.core.records import FulfillmentCommand

PASS = Reward("pass", FLOOR_POINTS, 10, "external", (), (Limit(0, 4, "day"),), confirm=True, timeout_ms=HOUR_MS)
TICKET = Reward("ticket", FLOOR_POINTS, 10, "external", (), (Limit(0, 4, "day"),), timeout_ms=HOUR_MS)


def shop() -> Bench:
    """Points that expire in five days and as many that do not."""
    gifts = table(rule("soon", fixed=20, expires=Period(0, 5 * DAY_MS)), rule("late", fixed=20))
    bench = Bench(program({"member_enrolled": gifts}, rewards=[PASS, TICKET]))
    bench.enrol()
    return bench


def confirm(bench: Bench, event_id: str, quantity: int = 0) -> list[Output]:
    return bench.send(event_id, RedemptionConfirmed("redemption-r1", quantity))


def commands(outputs: list[Output]) -> list[tuple[str, int, int]]:
    return [(one.action, one.quantity, one.points) for one in of(FulfillmentCommand, outputs)]


def outcome(bench: Bench, event_id: str, quantity: int) -> list[Output]:
    made = bench.of(FulfillmentCommand)[-1]
    payload = FulfillmentOutcome(made.fulfillment_id, made.redemption_id, "confirmed", quantity=quantity)
    return bench.send(event_id, payload, source="provider")


def test_a_reward_with_confirmation_is_held_and_nobody_told() -> None:
    bench = shop()

    assert commands(bench.redeem("r1", "pass", 3)) == []
    assert bench.balances() == (10, 0, 30, 0)
    assert commands(confirm(bench, "c1")) == [("fulfil", 3, 30)]
    confirm(bench, "c2")
    assert bench.reason == "already_confirmed"


def test_a_part_is_confirmed_and_the_rest_returns_with_its_expiry() -> None:
    bench = shop()
    bench.redeem("r1", "pass", 4)

    outputs = confirm(bench, "c1", 1)

    assert moves(outputs) == [("void", 20, "held", "available"), ("void", 10, "held", "available")]
    assert commands(outputs) == [("fulfil", 1, 10)]
    assert [(lot.points, bool(lot.expires_at_ms)) for lot in bench.wallet().lots] == [(10, True), (20, False)]
    bench.redeem("r2", "pass", 3)
    assert bench.reason == "", "the limit got back what was not confirmed"


def test_an_outcome_may_confirm_a_part() -> None:
    bench = shop()
    bench.redeem("r1", "ticket", 3)

    assert moves(outcome(bench, "o1", 2)) == [
        ("void", 10, "held", "available"),
        ("redeem", 20, "held", "redeemed"),
    ]
    assert bench.balances() == (20, 0, 0, 0)


def test_more_than_is_on_hold_is_not_confirmed() -> None:
    bench = shop()
    bench.redeem("r1", "pass", 2)

    confirm(bench, "c1", 3)
    assert bench.reason == "quantity_exceeds_hold"
    confirm(bench, "c2")
    outcome(bench, "o1", 3)
    assert bench.reason == "quantity_exceeds_hold"
    assert bench.balances() == (20, 0, 20, 0)


def test_a_hold_that_nobody_was_told_of_is_cancelled_at_once() -> None:
    bench = shop()
    bench.redeem("r1", "pass", 2)

    assert moves(bench.cancel("x1", "redemption-r1")) == [("void", 20, "held", "available")]
    confirm(bench, "c1")
    assert bench.reason == "redemption_not_open"


def test_a_hold_that_is_not_confirmed_in_time_is_void() -> None:
    bench = shop()
    bench.redeem("r1", "pass", 2)

    bench.later(HOUR_MS + 15 * 60_000)
    mark = bench.out.mark()
    assert bench.engine.tick("live", bench.now_ms, 10)

    assert moves(bench.out.journal[mark:]) == [("void", 20, "held", "available")]
    assert bench.member().holds == {}
    assert bench.member().next_due_ms == bench.wallet().lots[0].expires_at_ms


def test_a_dispatched_hold_never_times_out_and_is_said_to_be_overdue_once() -> None:
    bench = shop()
    bench.redeem("r1", "ticket", 2)

    outputs = bench.later(HOUR_MS).adjust("a1", 1)

    assert commands(outputs) == [("overdue", 2, 20)]
    assert commands(bench.later(DAY_MS).adjust("a2", 1)) == []
    assert bench.balances()[2] == 20
    assert moves(outcome(bench, "o1", 0)) == [("redeem", 20, "held", "redeemed")]


def test_time_starts_again_when_a_hold_is_confirmed() -> None:
    bench = shop()
    bench.redeem("r1", "pass", 2)
    confirm(bench.later(HOUR_MS - 1), "c1")

    assert commands(bench.later(HOUR_MS - 1).adjust("a1", 1)) == []
    assert commands(bench.later(1).adjust("a2", 1)) == [("overdue", 2, 20)]


def test_the_same_redemption_may_time_out_twice() -> None:
    bench = shop()
    for number in range(2):
        bench.redeem(f"r{number}", "pass", 1, "again")
        bench.later(HOUR_MS).adjust(f"a{number}", 1)

    assert len({entry.entry_id for entry in bench.entries}) == len(bench.entries)


def test_expiry_never_takes_a_held_lot_and_a_late_void_expires_it() -> None:
    bench = shop()
    bench.redeem("r1", "pass", 2)
    confirm(bench, "c1")

    assert moves(bench.later(10 * DAY_MS).adjust("a1", 1)) == [("adjust", 1, "adjusted", "available")]
    assert moves(bench.outcome("o1", "redemption-r1", "failed")) == [
        ("void", 20, "held", "available"),
        ("expire", 20, "available", "expired"),
    ]


def test_a_tick_that_voids_a_hold_expires_what_expired_meanwhile_once() -> None:
    """The member's clock stands while ticks bring time: what the lot's date took before does not come back to life."""
    gift = table(rule("soon", fixed=20, expires=Period(0, HOUR_MS)))
    slow = Reward("pass", FLOOR_POINTS, 10, "external", (), (), confirm=True, timeout_ms=DAY_MS)
    bench = Bench(program({"member_enrolled": gift}, rewards=[slow]))
    bench.enrol()
    bench.redeem("r1", "pass", 1)

    for hours in (2, 25):
        bench.later(hours * HOUR_MS)
        assert bench.engine.tick("live", bench.now_ms, 10)

    assert moves(bench.out.journal)[2:] == [
        ("expire", 10, "available", "expired"),
        ("void", 10, "held", "available"),
        ("expire", 10, "available", "expired"),
    ]
    assert [entry.event_id.split(":")[1] for entry in bench.entries[2:]] == ["expire", "timeout", "timeout"]
    assert len({entry.entry_id for entry in bench.entries}) == len(bench.entries)
