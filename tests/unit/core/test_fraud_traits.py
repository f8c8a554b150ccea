"""Signals against the member's own history: amounts of a day, travel, countries, places, devices."""

from __future__ import annotations

from core_programs import DAY_MS, HOUR_MS, Bench, rule, table
from core_programs import program as make
from fraud_signals import VOUCHER

from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.payloads import Payload, PointsAdjusted, ProfileChanged, RedemptionRequested, TransactionCompleted
from pipeline.core.records import FraudAlert, ReviewChange
from pipeline.wire.state import pack_member, unpack_member

NONE = Counter("", "member", "", 0, 0)
BERLIN = {"lat": "52.52", "lon": "13.40"}
PARIS = {"lat": "48.8566", "lon": "2.3522"}


def trait(kind: str, measure: str = "", action: str = "review", **more: object) -> Signal:
    fields: dict[str, object] = {"at_most": 0, "length_ms": 0} | more
    at_most, length_ms = fields.pop("at_most"), fields.pop("length_ms")
    return Signal("it", kind, action, True, measure, "", at_most, length_ms, NONE, "so", **fields)  # type: ignore[arg-type]


def bench_of(signal: Signal) -> Bench:
    rules = {"transaction_completed": table(rule())}
    return Bench(make(rules, fraud=FraudProgram((signal,), {}), rewards=(VOUCHER,)))


def send(bench: Bench, event_id: str, payload: Payload, **attributes: str) -> str:
    bench.apply(Event(event_id, "m", bench.now_ms, "shop", "", attributes, payload, bench.now_ms))
    return bench.reason


def buy(bench: Bench, event_id: str, amount: int = 100, **attributes: str) -> str:
    return send(bench, event_id, TransactionCompleted(event_id, amount, "EUR"), **attributes)


def habitual(times: int = 50, deviations: int = 0) -> Bench:
    """A member who has earned 10 to 14 points on each of six days."""
    counter = Counter("h:earned:points", "member", "habit", 0, 0)
    history = Signal(
        "it", "history", "review", True, "earned", "points", times, 0, counter, "so", deviations, after=5
    )  # fmt: skip
    bench = bench_of(history)
    for day in range(6):
        bench.later(2 * DAY_MS)
        buy(bench, f"d{day}", 1_000 + 100 * (day % 5))
    bench.later(DAY_MS)
    return bench


def test_fifty_times_the_usual_goes_to_review() -> None:
    bench = habitual()
    buy(bench, "e1", 50_000)
    assert bench.of(FraudAlert) == [], "500 points are less than 50 times 12"
    buy(bench, "e2", 20_000)

    (alert,) = bench.of(FraudAlert)
    assert (alert.kind, alert.value, alert.points) == ("history", 700, 200)
    assert alert.limit == 50 * 12
    assert {fact.name: fact.value for fact in alert.evidence}["usual_a_day"] == "12"
    assert [change.status for change in bench.of(ReviewChange)] == ["opened"]


def test_deviations_from_the_median_widen_what_is_allowed() -> None:
    bench = habitual(times=2, deviations=100)
    buy(bench, "e1", 5_000)
    assert bench.of(FraudAlert) == [], "50 points: more than twice the usual, and within 100 deviations of 2"
    buy(bench, "e2", 20_000)
    assert [alert.event_id for alert in bench.of(FraudAlert)] == ["e2"]


def test_what_is_under_review_does_not_become_usual() -> None:
    bench = habitual()
    for number in range(3):
        buy(bench, f"e{number}", 90_000)
        bench.later(DAY_MS)

    assert [alert.limit for alert in bench.of(FraudAlert)] == [50 * 12] * 3


def test_members_of_few_days_are_not_judged() -> None:
    counter = Counter("h:earned:points", "member", "habit", 0, 0)
    bench = bench_of(Signal("it", "history", "review", True, "earned", "points", 2, 0, counter, "so", after=5))
    for day in range(5):
        bench.later(DAY_MS)
        buy(bench, f"d{day}", 100 * 10**day)

    assert bench.of(FraudAlert) == []


def test_impossible_travel_is_held() -> None:
    bench = bench_of(trait("travel", at_most=900))
    buy(bench, "e1", **BERLIN)
    bench.later(HOUR_MS)
    bench.later(-HOUR_MS // 2)
    assert buy(bench, "e2", 5_000, **PARIS) == "", "a purchase is not refused"

    (alert,) = bench.of(FraudAlert)
    assert 1_740 < alert.value < 1_770
    assert {fact.name: fact.value for fact in alert.evidence}["since_ms"] == str(HOUR_MS // 2)
    assert [part.points for part in bench.of(ReviewChange)[0].parts] == [50]


def test_travel_at_the_speed_of_a_plane_is_not() -> None:
    bench = bench_of(trait("travel", at_most=900))
    buy(bench, "e1", **BERLIN)
    bench.later(HOUR_MS)
    buy(bench, "e2", **PARIS)
    assert bench.of(FraudAlert) == [], "878 km in an hour"
    bench.later(HOUR_MS // 60)
    buy(bench, "e3", lat="48.90", lon="2.40")
    assert bench.of(FraudAlert) == [], "near"


def test_denied_countries() -> None:
    bench = bench_of(trait("country", "country", "deny", values=frozenset({"KP"})))
    buy(bench, "e1", country="DE")
    buy(bench, "e2", country="KP")

    assert [alert.key for alert in bench.of(FraudAlert)] == ["KP"]
    assert bench.balances() == (1, 0, 0, 0)


def test_a_place_unlike_the_usual_ones() -> None:
    bench = bench_of(trait("place", "place", "allow", after=3))
    for number in range(3):
        buy(bench, f"e{number}", place="corner")
    buy(bench, "e8", place="corner")
    buy(bench, "e9", place="airport")
    buy(bench, "e10", place="airport")

    assert [alert.event_id for alert in bench.of(FraudAlert)] == ["e9"], "then it is known"


def test_a_new_device_that_takes_at_least_so_much() -> None:
    bench = bench_of(trait("place", "device", "deny", after=1, least=20))
    send(bench, "gift", PointsAdjusted("", 100, "x", "ada"), device="phone")
    buy(bench, "e1", device="laptop")
    assert bench.of(FraudAlert) == [], "a purchase takes nothing"

    assert redeem(bench, "r1", "tablet") == "", "10 points are less"
    asked = RedemptionRequested("r2", "voucher", 2)
    assert send(bench, "r2", asked, device="tv") == "fraud_denied"
    assert send(bench, "r3", asked, device="tablet") == "", "known since it took less"


def test_a_new_device_stays_new_for_a_while() -> None:
    bench = bench_of(trait("place", "device", "deny", after=1, least=20, length_ms=7 * DAY_MS))
    send(bench, "gift", PointsAdjusted("", 100, "x", "ada"), device="phone")
    assert redeem(bench, "r1", "tablet") == "", "10 points are less"
    for number in (2, 3):
        again = RedemptionRequested(f"r{number}", "voucher", 2)
        assert send(bench.later(HOUR_MS), f"r{number}", again, device="tablet") == "fraud_denied"
    early, asked = RedemptionRequested("r4", "voucher", 2), RedemptionRequested("r5", "voucher", 2)
    assert send(bench.later(7 * DAY_MS - 2 * HOUR_MS - 1), "r4", early, device="tablet") == "fraud_denied"
    assert send(bench.later(1), "r5", asked, device="tablet") == "", "a week after it was first told"


def redeem(bench: Bench, event_id: str, device: str) -> str:
    return send(bench, event_id, RedemptionRequested(event_id, "voucher"), device=device)


def taken() -> Bench:
    bench = bench_of(trait("takeover", "device", "deny", length_ms=DAY_MS))
    send(bench, "gift", PointsAdjusted("", 100, "x", "ada"))
    buy(bench, "e1", device="phone")
    return bench


def test_a_changed_profile_a_new_device_and_a_redemption() -> None:
    bench = taken()
    send(bench, "p1", ProfileChanged("FR"), device="phone")
    assert redeem(bench.later(HOUR_MS), "r1", "phone") == "", "the member's own device"
    assert redeem(bench, "r2", "thief") == "fraud_denied"
    assert redeem(bench, "r3", "thief") == "fraud_denied", "what is denied teaches nothing"
    assert redeem(bench.later(DAY_MS - HOUR_MS), "r4", "thief") == "fraud_denied"
    assert redeem(bench.later(1), "r5", "thief") == "", "more than a day after the change"


def test_a_new_device_before_the_change_is_none_of_it() -> None:
    bench = taken()
    assert redeem(bench, "r1", "tablet") == ""
    send(bench.later(HOUR_MS), "p1", ProfileChanged("FR"), device="tablet")
    assert redeem(bench.later(HOUR_MS), "r2", "tablet") == ""


def test_what_is_usual_is_packed_with_the_member() -> None:
    bench = taken()
    buy(bench, "e2", **BERLIN, country="DE", place="corner")
    send(bench, "p1", ProfileChanged("FR"))
    member = bench.member()

    assert unpack_member(pack_member(member)) == member
