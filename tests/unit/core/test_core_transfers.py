"""Transfers: points leave one member, arrive at the other or come back, and nothing is ever lost or doubled."""

from collections import Counter

import pytest
from core_programs import (
    DAY_MS,
    Bench,
    Dead,
    Derived,
    Limit,
    Period,
    Unit,
    moves,
    ms,
    program,
    rule,
    table,
)

from pipeline.core.events import Event
from pipeline.core.payloads import (
    Payload,
    PointsAdjusted,
    TransferReceived,
    TransferRequested,
    TransferReturned,
)
from pipeline.core.program import Program
from pipeline.core.transfer_terms import TransferTerms

POINTS = Unit("points", "floor", Period(0, 30 * DAY_MS))
MILES = Unit("miles", "floor", Period(0, 20 * DAY_MS), sliding=True)
FREELY = TransferTerms(("points", "miles"), 1, renews=False, limits=())


def giving(terms: TransferTerms | None = FREELY, units: tuple[Unit, ...] = (POINTS, MILES)) -> Program:
    made = program({"transaction_completed": table(rule(unit=units[0]))}, units=units, clawback="unlimited")
    made.transfers = terms
    return made


def club(terms: TransferTerms | None = FREELY) -> Bench:
    """Ann has 50 points that expire on 9 February, and 30 that expire ten days later; Bob has enrolled."""
    bench = Bench(giving(terms))
    bench.enrol("ann", "ann")
    bench.enrol("bob", "bob")
    bench.buy("e1", 5_000, "ann")
    bench.later(10 * DAY_MS).buy("e2", 3_000, "ann")
    return bench


def give(bench: Bench, points: int, to: str = "bob", unit: str = "", event_id: str = "t1") -> list[object]:
    return list(bench.send(event_id, TransferRequested(f"gift-{event_id}", to, points, unit), "ann"))


def relay(bench: Bench, times: int = 1) -> None:
    """Append to the log what was derived, and what that derives."""
    delivered: set[str] = set()
    while left := [one.event for one in bench.of(Derived) if one.event.event_id not in delivered]:
        for event in left:
            delivered.add(event.event_id)
            for _ in range(times):
                bench.apply(
                    Event(
                        event.event_id,
                        event.member_id,
                        event.occurred_at_ms,
                        event.source,
                        "",
                        {},
                        event.payload,
                        bench.now_ms,
                    )
                )


def lots(bench: Bench, member_id: str, unit: str = "points") -> list[tuple[int, int]]:
    wallet = bench.member(member_id).wallets.get(unit)
    return [] if wallet is None else [(lot.points, lot.expires_at_ms) for lot in wallet.lots]


def transit(bench: Bench) -> int:
    accounts: Counter[str] = Counter()
    for entry in bench.entries:
        accounts[entry.debit] -= entry.amount
        accounts[entry.credit] += entry.amount
    assert sum(accounts.values()) == 0
    return sum(points for account, points in accounts.items() if account.startswith("transit:"))


def test_points_leave_to_transit_and_the_other_leg_goes_through_the_log() -> None:
    bench = club()
    outputs = give(bench, 60)

    assert [(kind, amount) for kind, amount, _, _ in moves(outputs)] == [("transfer", 50), ("transfer", 10)]  # type: ignore[arg-type]
    assert (transit(bench), bench.balances("points", "ann")[0]) == (60, 20)
    (derived,) = bench.of(Derived)
    assert (derived.event.member_id, derived.event.source, derived.event.occurred_at_ms) == (
        "bob",
        "accrue",
        bench.now_ms,
    )
    relay(bench)
    assert (transit(bench), bench.balances("points", "bob")[0]) == (0, 60)


def test_the_original_expiry_is_kept() -> None:
    bench = club()
    give(bench, 60)
    relay(bench)

    assert lots(bench, "bob") == [(50, ms("2026-02-09T12:00:00")), (10, ms("2026-02-19T12:00:00"))]
    assert lots(bench, "ann") == [(20, ms("2026-02-19T12:00:00"))]


def test_expiry_begins_anew_if_the_programme_says_so() -> None:
    bench = club(TransferTerms(("points",), 1, renews=True, limits=()))
    give(bench, 60)
    bench.later(DAY_MS)
    relay(bench)

    assert lots(bench, "bob") == [(50, ms("2026-02-19T12:00:00")), (10, ms("2026-02-19T12:00:00"))]


def test_sliding_points_slide_with_the_receiver() -> None:
    bench = club()
    bench.send("a1", PointsAdjusted("miles", 40, "why", "ada"), "ann")
    bench.later(5 * DAY_MS)
    give(bench, 30, unit="miles")
    relay(bench)

    assert bench.wallet("miles", "bob").slides_until_ms == bench.now_ms + 20 * DAY_MS
    assert bench.wallet("miles", "ann").slides_until_ms == bench.now_ms + 15 * DAY_MS


def test_points_that_expire_on_the_way_expire_on_arrival() -> None:
    bench = club()
    give(bench, 60)
    bench.at("2026-02-10T00:00:00")
    relay(bench)

    assert bench.balances("points", "bob")[0] == 10
    assert ("expire", 50, "available", "expired") in moves(bench.out.journal)


def test_what_arrives_repays_debt_first() -> None:
    bench = club()
    bench.buy("e3", 2_000, "bob")
    bench.send("a1", PointsAdjusted("", -15, "why", "ada"), "bob")
    bench.refund("r1", "order-e3", 2_000, "bob")
    give(bench, 40)
    relay(bench)

    assert bench.balances("points", "bob") == (25, 0, 0, 0)


def test_a_receiver_who_has_not_enrolled_gets_nothing_and_it_comes_back() -> None:
    """A mistyped id enrols nobody, and points return to their lots with the expiry they had."""
    bench = club()
    before = lots(bench, "ann")
    give(bench, 60, to="bop")
    relay(bench)

    assert (transit(bench), lots(bench, "ann")) == (0, before)
    assert "bop" not in bench.state.members
    (returned,) = [one.event.payload for one in bench.of(Derived) if isinstance(one.event.payload, TransferReturned)]
    assert (returned.reason, returned.to_member_id) == ("member_not_enrolled", "bop")


def test_a_wallet_that_is_full_sends_it_back() -> None:
    bench = club()
    bench.send("a1", PointsAdjusted("", 10**12, "why", "ada"), "bob")
    for number in range(9_007):
        bench.send(f"more{number}", PointsAdjusted("", 10**12, "why", "ada"), "bob")
        if bench.reason:
            break
    bench.send("rest", PointsAdjusted("", 2**53 - 1 - bench.balances("points", "bob")[0] - 5, "why", "ada"), "bob")
    give(bench, 60)
    relay(bench)

    assert (transit(bench), bench.balances("points", "ann")[0]) == (0, 80)


def test_what_comes_back_after_its_expiry_expires_at_once() -> None:
    bench = club()
    give(bench, 60, to="bop")
    bench.at("2026-02-10T00:00:00")
    relay(bench)

    assert (transit(bench), bench.balances("points", "ann")[0]) == (0, 30)


@pytest.mark.parametrize("passed_ms", [-11 * 60_000, 120 * DAY_MS], ids=["behind", "long after"])
@pytest.mark.parametrize("to", ["bob", "bop"], ids=["there", "and back"])
def test_clocks_that_differ_lose_no_points(passed_ms: int, to: str) -> None:
    """The legs are stamped by another clock than the request, or much later: no horizon may catch points on the way."""
    bench = club()
    give(bench, 60, to=to)
    bench.later(passed_ms)
    relay(bench)

    assert bench.of(Dead) == []
    assert transit(bench) == 0


def test_legs_that_are_repeated_change_nothing() -> None:
    once, often = club(), club()
    for bench, times in ((once, 1), (often, 3)):
        give(bench, 60)
        give(bench, 10, to="bop", event_id="t2")
        relay(bench, times)

    assert [entry.entry_id for entry in often.entries] == [entry.entry_id for entry in once.entries]
    assert transit(often) == 0


def test_a_replay_of_the_log_gives_the_same_entries() -> None:
    """The log holds the request and, behind it, what was derived: decided again, each brings what it brought."""
    bench = club()
    give(bench, 60)
    relay(bench)
    again = Bench(giving())
    for event in bench.values.values():
        again.apply(event)

    assert [entry.hash for entry in again.entries] == [entry.hash for entry in bench.entries]


LIMITED = TransferTerms(("points",), 10, renews=False, limits=(Limit(60, 0, "month"), Limit(0, 2, "day")))


@pytest.mark.parametrize(
    ("terms", "points", "unit", "reason"),
    [
        (None, 10, "", "transfer_not_allowed"),
        (LIMITED, 10, "miles", "transfer_not_allowed"),
        (LIMITED, 9, "", "transfer_too_small"),
        (LIMITED, 61, "", "limit_reached"),
        (FREELY, 81, "", "insufficient_points"),
        (FREELY, 1, "miles", "insufficient_points"),
    ],
)
def test_what_cannot_be_given_is_refused(terms: TransferTerms | None, points: int, unit: str, reason: str) -> None:
    bench = club(terms)
    give(bench, points, unit=unit)

    assert (bench.reason, transit(bench), bench.of(Derived)) == (reason, 0, [])


def test_limits_count_what_was_given_and_get_back_what_returned() -> None:
    bench = club(LIMITED)
    give(bench, 30, event_id="t1")
    give(bench, 20, to="bop", event_id="t2")
    give(bench, 10, event_id="t3")
    assert bench.reason == "limit_reached"
    relay(bench)

    give(bench, 30, event_id="t4")
    assert bench.reason == ""
    give(bench, 10, event_id="t5")
    assert bench.reason == "limit_reached"


def test_a_quarantined_receiver_gets_it_when_released() -> None:
    bench = club()
    bench.member("bob").quarantined = True
    give(bench, 60)
    relay(bench)
    assert transit(bench) == 60

    bench.release("free", "bob")

    assert (transit(bench), bench.balances("points", "bob")[0]) == (0, 60)


def test_points_in_too_many_lots_are_refused() -> None:
    bench = club()
    for number in range(1_001):
        bench.later(1).buy(f"small{number}", 100, "ann")
    give(bench, 1_081)
    assert (bench.reason, transit(bench)) == ("too_many_lots", 0)

    give(bench, 1_070, event_id="t2")

    assert (bench.reason, transit(bench)) == ("", 1_070)


@pytest.mark.parametrize(
    ("payload", "source", "reason", "detail"),
    [
        (TransferRequested("t", "ann", 1), "shop", "self_transfer", "to_member_id is 'ann', the member itself"),
        (TransferRequested("t", "", 1), "shop", "missing_field", "to_member_id is empty"),
        (TransferRequested("t", "b|c", 1), "shop", "malformed", "without '|'"),
        (TransferRequested("t", "bob", 0), "shop", "out_of_range", "points is 0"),
        (TransferRequested("t", "bob", 1, "stars"), "shop", "unknown_unit", "unit is 'stars'"),
        (TransferReceived("t", "bob", "transit:x", "points", []), "shop", "reserved_type", "source is 'shop'"),
        (TransferReceived("t", "bob", "transit:x", "points", []), "accrue", "out_of_range", "number of lots is 0"),
        (TransferReturned("t", "bob", "transit:x", "points", [], "why"), "shop", "reserved_type", "source is 'shop'"),
    ],
)
def test_a_transfer_that_is_wrong_goes_to_dead_letters(payload: Payload, source: str, reason: str, detail: str) -> None:
    bench = club()
    (dead,) = bench.send("x", payload, "ann", source=source)

    assert isinstance(dead, Dead) and dead.reason == reason and detail in dead.detail


def test_what_arrives_counts_as_a_transfer_and_qualifies_for_nothing() -> None:
    bench = club()
    give(bench, 60)
    relay(bench)

    assert bench.member("bob").qualifying_points == 0
    assert bench.member("bob").event_counts == {"member_enrolled": 1, "transfer_received": 1}
