"""Due work: release, expiry and their order; late lots; ticks; and that when it is done does not matter."""

from core_programs import (
    DAY_MS,
    NONE,
    Bench,
    Period,
    Reward,
    Tier,
    TierChange,
    Unit,
    moves,
    ms,
    program,
    rule,
    table,
)

from pipeline.core.horizons import TICK_GRACE_MS
from pipeline.core.lots import next_due
from pipeline.core.records import LedgerEntry

MONTH = Period(0, 30 * DAY_MS)
FORTNIGHT = Period(0, 14 * DAY_MS)
DATED = Unit("points", "floor", MONTH)


def dated(pending: Period = NONE, *, careful: bool = False) -> Bench:
    return Bench(
        program(
            {"transaction_completed": table(rule("base", DATED, pending=pending))},
            units=(DATED,),
            rewards=[Reward("voucher", DATED, 10, "external", (), ())],
        ),
        careful=careful,
    )


def cause(entry: LedgerEntry) -> tuple[str, str, str, int, int, int]:
    return (entry.event_id, entry.source, entry.rule_id, entry.leg, entry.lot, entry.occurred_at_ms)


def test_a_pending_lot_is_released_before_the_next_record_and_carries_its_due_time() -> None:
    bench = dated(FORTNIGHT)
    start = bench.now_ms
    bench.buy("e1", 1_000)
    assert bench.balances() == (0, 10, 0, 0)

    outputs = bench.later(20 * DAY_MS).buy("e2", 1_000)

    assert moves(outputs) == [("release", 10, "pending", "available"), ("earn", 10, "issued", "pending")]
    release = bench.entries[1]
    assert cause(release) == ("due:release:1", "accrue", "release", 0, 1, start + 14 * DAY_MS)
    assert release.recorded_at_ms == bench.now_ms
    assert bench.balances() == (10, 10, 0, 0)


def test_what_falls_due_at_the_records_own_time_is_done_first() -> None:
    bench = dated()
    bench.buy("e1", 1_000)

    outputs = bench.later(30 * DAY_MS).redeem("r1")

    assert moves(outputs) == [("expire", 10, "available", "expired")]
    assert bench.reason == "insufficient_points"


def test_a_millisecond_earlier_nothing_has_expired() -> None:
    bench = dated()
    bench.buy("e1", 1_000)

    outputs = bench.later(30 * DAY_MS - 1).redeem("r1")

    assert moves(outputs) == [("hold", 10, "available", "held")]


def test_expiry_books_what_is_left_of_the_lot() -> None:
    bench = dated()
    start = bench.now_ms
    bench.buy("e1", 2_500)
    bench.redeem("r1")

    outputs = bench.later(31 * DAY_MS).enrol()

    assert moves(outputs) == [("expire", 15, "available", "expired")]
    assert cause(bench.entries[-1]) == ("due:expire:1", "accrue", "expire", 0, 1, start + 30 * DAY_MS)


def test_due_work_goes_by_time_then_release_before_expiry_then_by_lot() -> None:
    """Lots 1 and 2 expire when lot 3 is released and lot 4 expires; lot 5 is released the day before."""
    unit = Unit("points", "floor", NONE)
    bench = Bench(
        program(
            {
                "transaction_completed": table(
                    (rule("one", unit, expires=Period(0, 10 * DAY_MS)), lambda _e, _m: True),
                    (rule("two", unit, expires=Period(0, 10 * DAY_MS)), lambda _e, _m: True),
                    (rule("three", unit, pending=Period(0, 10 * DAY_MS)), lambda _e, _m: True),
                    (rule("four", unit, expires=Period(0, 10 * DAY_MS)), lambda _e, _m: True),
                    (rule("five", unit, pending=Period(0, 9 * DAY_MS)), lambda _e, _m: True),
                )
            },
            units=(unit,),
        )
    )
    bench.buy("e1", 1_000)

    bench.later(20 * DAY_MS).enrol()

    assert [(entry.kind, entry.lot) for entry in bench.entries[5:]] == [
        ("release", 5),
        ("release", 3),
        ("expire", 1),
        ("expire", 2),
        ("expire", 4),
    ]


def test_a_tier_is_reviewed_after_the_lots_of_the_same_time() -> None:
    unit = Unit("points", "floor", NONE)
    to_new_year = Period(0, ms("2028-01-01") - ms("2026-03-01"))
    bench = Bench(
        program(
            {"transaction_completed": table(rule("base", unit, expires=to_new_year))},
            units=(unit,),
            tiers=(Tier("bronze", 0, 100), Tier("silver", 10, 100)),
        ),
        start="2026-03-01",
    )
    bench.buy("e1", 1_000)

    bench.at("2028-01-01").enrol()

    review = bench.of(TierChange)[-1]
    assert (review.reason, review.occurred_at_ms, review.seq) == ("review", ms("2028-01-01"), 2)
    assert (bench.entries[1].kind, bench.entries[1].occurred_at_ms) == ("expire", ms("2028-01-01"))


def test_a_lot_born_past_its_dates_is_booked_released_and_expired_at_once() -> None:
    bench = dated(FORTNIGHT)

    outputs = bench.buy("late", 1_000, occurred_at_ms=bench.now_ms - 60 * DAY_MS)

    assert moves(outputs) == [
        ("earn", 10, "issued", "pending"),
        ("release", 10, "pending", "available"),
        ("expire", 10, "available", "expired"),
    ]
    occurred = bench.now_ms - 60 * DAY_MS
    assert [entry.occurred_at_ms for entry in bench.entries] == [
        occurred,
        occurred + 14 * DAY_MS,
        occurred + 44 * DAY_MS,
    ]
    assert bench.balances() == (0, 0, 0, 0)
    assert bench.member().next_due_ms == 0


def test_an_older_record_does_not_turn_the_members_clock_back() -> None:
    bench = dated()
    bench.buy("e1", 1_000)
    bench.later(30 * DAY_MS).enrol()
    clock = bench.member().clock_ms

    bench.later(-1_000).buy("e2", 1_000)

    assert bench.member().clock_ms == clock


def test_a_tick_applies_what_was_due_before_its_grace_and_no_more() -> None:
    bench = dated()
    bench.buy("e1", 1_000)
    due = bench.now_ms + 30 * DAY_MS

    assert bench.engine.tick("live", due + TICK_GRACE_MS - 1, 100)
    assert len(bench.entries) == 1

    assert bench.engine.tick("live", due + TICK_GRACE_MS, 100)
    assert moves(bench.out.journal)[1:] == [("expire", 10, "available", "expired")]
    assert bench.entries[-1].recorded_at_ms == due + TICK_GRACE_MS


def test_a_tick_gives_the_entries_that_the_members_own_next_record_would() -> None:
    ticked, untouched = dated(FORTNIGHT), dated(FORTNIGHT)
    for bench in (ticked, untouched):
        bench.buy("e1", 1_000)
        bench.later(DAY_MS).buy("e2", 3_000)
        bench.later(50 * DAY_MS)

    for passed_days in range(1, 45):
        ticked.engine.tick("live", ticked.now_ms - (45 - passed_days) * DAY_MS, 100)
    for bench in (ticked, untouched):
        bench.buy("e3", 500)

    def facts(entry: LedgerEntry) -> tuple[object, ...]:
        return (entry.entry_id, entry.seq, entry.kind, entry.amount, entry.lot, *cause(entry))

    assert [facts(entry) for entry in ticked.entries] == [facts(entry) for entry in untouched.entries]
    assert len(ticked.entries) == 7


def test_ticks_too_many_do_no_harm() -> None:
    bench = dated()
    bench.buy("e1", 1_000)
    at_ms = bench.now_ms + 40 * DAY_MS
    bench.engine.tick("live", at_ms, 100)
    entries, version = len(bench.entries), bench.member().version

    for _ in range(3):
        assert bench.engine.tick("live", at_ms, 100)

    assert (len(bench.entries), bench.member().version) == (entries, version)


def test_a_tick_is_worked_off_in_chunks_earliest_member_first() -> None:
    bench = dated()
    for number in range(5):
        bench.buy("e1", 1_000, f"m{number}")
    at_ms = bench.now_ms + 40 * DAY_MS

    done = [bench.engine.tick("live", at_ms, 2) for _ in range(3)]

    assert done == [False, False, True]
    assert [entry.member_id for entry in bench.entries[5:]] == ["m0", "m1", "m2", "m3", "m4"]


def test_a_tick_moves_the_members_clock_to_what_was_due_and_no_further() -> None:
    bench = dated()
    bench.buy("e1", 1_000)
    bought_at_ms = bench.member().clock_ms

    bench.engine.tick("live", bought_at_ms + 20 * DAY_MS, 100)
    assert bench.member().clock_ms == bought_at_ms
    bench.engine.tick("live", bought_at_ms + 40 * DAY_MS, 100)

    assert bench.member().clock_ms == bought_at_ms + 30 * DAY_MS


def test_what_returns_to_an_expired_lot_behind_a_tick_expires_with_its_event() -> None:
    bench = dated()
    bench.buy("e1", 3_000)
    bench.later(DAY_MS).redeem("r1")
    bench.engine.tick("import", bench.now_ms + 40 * DAY_MS, 100)

    bench.later(DAY_MS).outcome("o1", "redemption-r1", "failed")

    assert [(one.event_id, one.kind) for one in bench.entries[2:]] == [
        ("due:expire:1", "expire"),
        ("o1", "void"),
        ("o1", "expire"),
    ]
    assert len({one.entry_id for one in bench.entries}) == len(bench.entries)


def test_the_log_time_is_that_of_the_last_import_tick_and_none_when_live() -> None:
    bench = dated()

    bench.engine.tick("import", ms("2026-01-01"), 100)
    assert bench.engine.log_time_ms == ms("2026-01-01")
    bench.engine.tick("live", ms("2026-02-01"), 100)
    assert bench.engine.log_time_ms == 0


def test_next_due_is_always_the_earliest_date_of_the_state() -> None:
    bench = dated(FORTNIGHT)
    seen = []
    for number in range(6):
        bench.later(6 * DAY_MS).buy(f"e{number}", 1_000)
        seen.append(bench.member().next_due_ms)
        assert seen[-1] == next_due(bench.member())
    bench.redeem("r1")

    assert bench.member().next_due_ms == next_due(bench.member())
    assert seen == sorted(seen)
