"""Scrutiny of partners: what members earn with one waits until its pool has held it against the partner's own days."""

from __future__ import annotations

from core_programs import DAY_MS
from fraud_across_bench import NONE, Together

from pipeline.core.fraud_program import Signal
from pipeline.core.payloads import ReviewDecided, TransactionCancelled, TransactionCompleted, TransactionRefunded
from pipeline.core.pools import balance, decide, is_told, request_fault
from pipeline.core.records import PoolBalance, PoolRequest, ReviewChange
from pipeline.lane.pool_desk import quarantine_request
from pipeline.wire.state import pack_member, unpack_member


def scrutiny(
    action: str = "review",
    at_most: int = 0,
    times: int = 0,
    least: int = 0,
    after: int = 3,
    quarantine_ms: int = 0,
    live: bool = True,
    name: str = "it",
) -> Signal:
    return Signal(
        name, "partner", action, live, "", "points", at_most, quarantine_ms, NONE, "so", times, after=after,
        least=least,
    )  # fmt: skip


def earn(bench: Together, event_id: str, points: int, member_id: str = "m", partner: str = "air") -> str:
    """A purchase that gives so many points with a partner."""
    return bench.tell(event_id, member_id, TransactionCompleted(f"o-{event_id}", points * 100, "EUR"), partner=partner)


def available(bench: Together, member_id: str = "m") -> int:
    return bench.wallet(member_id=member_id).available


def usual(*signals: Signal, days: int = 4) -> Together:
    """A partner with which two members have earned 20 points a day."""
    bench = Together(*signals)
    for day in range(days):
        for member_id in ("m", "n"):
            earn(bench, f"{day}{member_id}", 10, member_id)
        bench.answer()
        bench.later(DAY_MS)
    return bench


def test_points_with_a_partner_wait_for_its_pool_and_nobody_is_told_of_a_review() -> None:
    bench = Together(scrutiny(at_most=100))

    assert earn(bench, "e", 60) == "", "the purchase is applied"
    assert available(bench) == 0
    (reward,) = bench.decisions[-1].rewards
    assert (reward.value, reward.limited_by) == (60, "waits_for:air")

    bench.answer()

    assert available(bench) == 60
    assert bench.of(ReviewChange) == []
    assert bench.member().awaited == {}
    assert bench.member().reviews == {}


def test_the_limit_is_of_all_members_together_and_of_a_day() -> None:
    bench = Together(scrutiny(at_most=100))
    for number, member_id in enumerate("abc"):
        earn(bench, f"e{number}", 40, member_id)
    bench.answer()

    assert [available(bench, member_id) for member_id in "abc"] == [40, 40, 0]
    (alert,) = bench.alerts()
    assert (alert.member_id, alert.kind, alert.value, alert.limit, alert.key) == ("c", "partner", 120, 100, "air")
    assert alert.points == 40
    (opened,) = bench.of(ReviewChange)
    assert (opened.status, opened.member_id, opened.review_id) == ("opened", "c", alert.review_id)
    earn(bench, "small", 20, "d")
    bench.later(DAY_MS)
    earn(bench, "next", 40, "d")
    bench.answer()
    assert available(bench, "d") == 60, "what was held does not count, and another day has come"


def test_a_partner_that_inflates_is_seen_against_its_own_days() -> None:
    bench = usual(scrutiny(times=5))
    for number in range(6):
        earn(bench, f"x{number}", 30, "m")
    bench.answer()

    assert available(bench) == 40 + 3 * 30, "100 points are five times 20"
    assert [(alert.value, alert.limit) for alert in bench.alerts()] == [(120, 100)] * 3


def test_another_partner_has_days_of_its_own_and_one_that_is_new_is_not_judged() -> None:
    bench = usual(scrutiny(times=5))
    earn(bench, "big", 5_000, partner="rail")
    bench.answer()
    assert bench.alerts() == []

    bench = usual(scrutiny(times=5), days=2)
    earn(bench, "big", 5_000)
    bench.answer()
    assert bench.alerts() == [], "two days of three are known"


def test_days_below_what_a_signal_says_are_never_stopped() -> None:
    bench = usual(scrutiny(times=2, least=200))
    earn(bench, "big", 200)
    bench.answer()

    assert bench.alerts() == []


def test_what_is_held_never_becomes_usual() -> None:
    bench = usual(scrutiny(times=5))
    for number in range(8):
        earn(bench, f"x{number}", 500)
        bench.answer()
        bench.later(DAY_MS)

    assert [alert.limit for alert in bench.alerts()] == [100] * 8


def test_after_it_a_partner_is_under_quarantine_until_its_time_is_over() -> None:
    bench = usual(scrutiny(times=5, quarantine_ms=DAY_MS))
    earn(bench, "x", 500)
    bench.later(DAY_MS - 1)
    earn(bench, "y", 1)
    bench.answer()
    assert [(alert.value, alert.limit) for alert in bench.alerts()] == [(500, 100), (1, 0)]

    bench.later(1)
    earn(bench, "z", 1)
    bench.answer()
    assert available(bench) == 41


def test_a_person_quarantines_a_partner_and_ends_it() -> None:
    bench = Together(scrutiny(at_most=100))
    start = quarantine_request("it", "air", bench.now_ms + DAY_MS, "ada", bench.now_ms)
    assert decide(bench.pools, start) is None
    earn(bench, "e1", 1)
    bench.answer()
    assert available(bench) == 0

    decide(bench.pools, quarantine_request("it", "air", 0, "ada", bench.now_ms))
    earn(bench, "e2", 1)
    bench.answer()
    assert available(bench) == 1


def test_deny_takes_the_points_back_and_keeps_the_purchase() -> None:
    bench = Together(scrutiny("deny", at_most=10))
    earn(bench, "e", 60)
    outputs = bench.answer()

    assert available(bench) == 0
    assert bench.decisions[-1].reason == "denied_by_signal"
    assert [entry.kind for entry in bench.entries] == ["earn", "clawback"]
    assert bench.member().reviews == {}
    assert len(outputs) > 0
    assert bench.tell("r", "m", TransactionRefunded("o-e", 6_000, "EUR")) == ""


def test_in_shadow_points_are_given_at_once_and_the_alert_comes() -> None:
    bench = Together(scrutiny("deny", at_most=10, live=False))
    earn(bench, "e", 60)
    assert available(bench) == 60
    bench.answer()

    assert [(alert.mode, alert.value) for alert in bench.alerts()] == [("shadow", 60)]


def test_a_verdict_gives_what_was_held_with_its_dates() -> None:
    bench = Together(scrutiny(at_most=10))
    earn(bench, "e", 60)
    bench.answer()
    (opened,) = bench.of(ReviewChange)
    bench.later(DAY_MS)
    bench.tell("v", "m", ReviewDecided(opened.review_id, "approve", "ada", "a sale"))

    assert available(bench) == 60
    assert bench.entries[-1].kind == "release"


def test_a_verdict_on_what_still_waits_for_the_pool_is_refused() -> None:
    bench = Together(scrutiny(at_most=100))
    earn(bench, "e", 60)
    (review_id,) = bench.member().reviews

    assert bench.tell("v", "m", ReviewDecided(review_id, "approve", "ada", "why")) == "review_not_open"


def test_an_order_cancelled_meanwhile_leaves_nothing_to_give() -> None:
    bench = Together(scrutiny(at_most=100))
    earn(bench, "e", 60)
    bench.tell("c", "m", TransactionCancelled("o-e", 0))
    bench.answer()

    assert available(bench) == 0
    assert bench.of(ReviewChange) == []
    assert sum(entry.amount for entry in bench.entries if entry.kind == "clawback") == 60


def test_two_signals_both_pass_before_points_are_given() -> None:
    for at_most, expected in ((100, 60), (10, 0)):
        bench = Together(scrutiny(at_most=100), scrutiny("review", at_most=at_most, name="other"))
        earn(bench, "e", 60)
        bench.answer()
        assert available(bench) == expected
        assert len(bench.of(ReviewChange)) == (0 if expected else 1)


def test_events_of_no_partner_wait_for_nothing() -> None:
    bench = Together(scrutiny(at_most=1))
    bench.tell("e", "m", TransactionCompleted("o", 6_000, "EUR"))

    assert available(bench) == 60


def test_what_waits_is_packed_and_unpacked() -> None:
    bench = Together(scrutiny(at_most=100))
    earn(bench, "e", 60)

    assert unpack_member(pack_member(bench.member())) == bench.member()


def test_requests_that_no_signal_sends_are_put_aside_with_what_is_wrong() -> None:
    def fault(pool_id: str, action: str, terms: list[int], others: list[str] | None = None) -> str:
        request = PoolRequest("r", pool_id, action, 1, 1, [], "m", "e", "p", 1, 1, terms=terms, others=others)
        found = request_fault(request)
        assert found is not None
        return found[1]

    assert "send take or note" in fault("members:it:ab", "give_back", [1])
    assert "send take or note" in fault("members:it:ab", "quarantine", [1])
    assert "name the kind, the signal" in fault("members:it", "take", [1])
    assert "name the kind, the signal" in fault("ring:it:ab", "take", [1])
    assert "number of terms is 1; it must be from 5 to 5" in fault("partner:it:air", "take", [1])
    assert "number of terms is 5" in fault("partner:it:air", "quarantine", [1, 2, 3, 4, 5])
    assert "terms is -1" in fault("ring:it", "take", [-1])
    assert "the member itself" in fault("ring:it", "note", [6], ["m"])
    assert "number of others is 2" in fault("ring:it", "note", [6], ["a", "b"])


def test_the_balance_of_a_partners_pool_is_its_day_and_its_quarantine() -> None:
    bench = Together(scrutiny(at_most=100, quarantine_ms=DAY_MS))
    earn(bench, "e1", 60)
    earn(bench, "e2", 70)
    at_ms = bench.now_ms
    bench.answer()

    pool_id = "partner:it:air"
    assert is_told(bench.pools, pool_id)
    assert balance(bench.pools, pool_id, 7, 8) == PoolBalance(pool_id, 100, 60, 40, 130, 70, 2, 7, 8, at_ms + DAY_MS)

    decide(bench.pools, quarantine_request("it", "air", 0, "ada", bench.now_ms))
    assert balance(bench.pools, pool_id, 7, 8).quarantined_until_ms == 0
