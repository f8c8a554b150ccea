"""What fraud signals do to what is earned, live and in shadow, and what they count by."""

from __future__ import annotations

from core_programs import DAY_MS, HOUR_MS, Bench, Limit, rule, table
from core_programs import program as make
from fraud_signals import MINUTE_MS, rich, signal, with_signals

from pipeline.core.events import Event
from pipeline.core.fraud_counts import Counts, count, fullest, key_of
from pipeline.core.fraud_program import Counter
from pipeline.core.payloads import PointsAdjusted, TransactionCompleted
from pipeline.core.records import FraudAlert


def test_clip_gives_what_is_left() -> None:
    bench = Bench(with_signals(signal("earned", 25, every="month", action="clip")))
    bench.buy("e1", 1_000)
    bench.buy("e2", 2_000)
    bench.buy("e3", 1_000)

    assert bench.balances() == (25, 0, 0, 0)
    assert [alert.points for alert in bench.of(FraudAlert)] == [5, 10]
    assert [reward.limited_by for one in bench.decisions for reward in one.rewards] == ["", "fraud:it", "fraud:it"]
    assert [reward.value for one in bench.decisions for reward in one.rewards] == [10, 15, 0]


def test_deny_gives_no_points_and_keeps_the_purchase() -> None:
    bench = Bench(with_signals(signal("earnings", 2, within_ms=DAY_MS)))
    for number in range(4):
        bench.later(MINUTE_MS).buy(f"e{number}", 1_000)

    assert bench.balances() == (20, 0, 0, 0)
    assert bench.reason == ""
    bench.refund("back", "order-e3", 500)
    assert bench.reason == "", "the purchase stands, and can be refunded"
    assert bench.later(DAY_MS).buy("e5", 1_000) and bench.balances() == (30, 0, 0, 0)


def test_what_a_signal_denies_uses_no_limit_and_begins_no_pause() -> None:
    rules = {"transaction_completed": table(rule(limits=(Limit(15, 0, "day"),), cooldown_ms=HOUR_MS))}
    signals = signal("events", 1, within_ms=30 * MINUTE_MS, by="device")
    bench = Bench(with_signals(signals, types=("transaction_completed",), rules=rules))

    def buy(event_id: str, device: str) -> None:
        payload = TransactionCompleted(event_id, 1_000, "EUR")
        bench.apply(Event(event_id, "m", bench.now_ms, "shop", "", {"device": device}, payload, bench.now_ms))

    bench.send("e0", PointsAdjusted("", 1, "x", "ada"))
    buy("e1", "phone")
    bench.later(HOUR_MS)
    buy("e2", "phone")
    assert bench.wallet().available == 16, "the limit clips: the second had 5 left"
    buy("e3", "phone")
    assert [alert.event_id for alert in bench.of(FraudAlert)] == ["e3"]
    assert bench.member().windows["base/day"].points == 15


def test_events_are_counted_by_device_place_and_partner() -> None:
    for by, attributes in (("device", {"device": "d1"}), ("partner", {"partner": "p1"}), ("place", {"place": "l1"})):
        signals = signal("events", 1, within_ms=HOUR_MS, by=by)
        bench = Bench(with_signals(signals, types=("transaction_completed",)))
        for event_id, own in (("e1", attributes), ("e2", {by: "other"}), ("e3", {}), ("e4", attributes)):
            payload = TransactionCompleted(event_id, 1_000, "EUR")
            bench.apply(Event(event_id, "m", bench.now_ms, "shop", "", own, payload, bench.now_ms))
        (alert,) = bench.of(FraudAlert)
        assert (alert.event_id, alert.key) == ("e4", attributes[by])


def test_the_place_of_a_purchase_is_its_store() -> None:
    signals = signal("events", 1, within_ms=HOUR_MS, by="place")
    bench = Bench(with_signals(signals, types=("transaction_completed",)))
    for event_id in ("e1", "e2"):
        bench.send(event_id, TransactionCompleted(event_id, 100, "EUR", store_id="s-7"))

    assert [alert.key for alert in bench.of(FraudAlert)] == ["s-7"]


def test_so_many_devices_are_told_apart_and_the_longest_quiet_is_forgotten() -> None:
    counter = Counter("v:it:by-device", "device", "", HOUR_MS, 5)
    counts, calendar = Counts(), with_signals().calendar
    for number in range(9):
        count(counts, counter, key_of(counter, f"d{number}"), calendar, 1_000 + number, 1)

    assert len(counts.journals) == 8
    assert key_of(counter, "d0") not in counts.journals


def test_a_shadow_signal_only_tells() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS, live=False))
    bench.redeem("r1")
    bench.redeem("r2")

    assert bench.reason == ""
    assert [(alert.mode, alert.points) for alert in bench.of(FraudAlert)] == [("shadow", 10)]


def test_allow_only_alerts() -> None:
    bench = rich(signal("redemptions", 1, within_ms=HOUR_MS, action="allow"))
    bench.redeem("r1")
    bench.redeem("r2")

    assert bench.reason == ""
    assert [(alert.action, alert.points) for alert in bench.of(FraudAlert)] == [("allow", 0)]


def test_monthly_earning_is_capped_by_spending() -> None:
    rules = {"transaction_completed": table(rule(fixed=50))}
    bench = Bench(with_signals(signal("earned", 2, every="month", per=100, action="clip"), rules=rules))
    bench.buy("e1", 1_000)
    assert bench.balances() == (20, 0, 0, 0), "2 points for each 1.00 spent"
    bench.buy("e2", 3_000)
    assert bench.balances() == (70, 0, 0, 0), "all 50 of it fit into 80"
    bench.at("2026-02-01T00:00:00").buy("e3", 100)
    assert bench.balances() == (72, 0, 0, 0), "a month anew"


def test_so_much_may_be_earned_whatever_is_spent() -> None:
    capped = signal("earned", 2, every="month", per=100, action="clip")
    capped.least = 30
    bench = Bench(with_signals(capped, rules={"transaction_completed": table(rule(fixed=20))}))
    bench.buy("e1", 100)
    bench.buy("e2", 100)
    assert bench.balances() == (30, 0, 0, 0), "30, though 2.00 is worth 4"
    bench.buy("e3", 2_000)
    assert bench.balances() == (44, 0, 0, 0), "then 2 points for each 1.00 spent again"


def test_refunds_and_cancellations_lower_what_was_spent() -> None:
    rules = {"transaction_completed": table(rule(fixed=10))}
    bench = Bench(with_signals(signal("earned", 1, every="month", per=100, action="clip"), rules=rules))
    bench.buy("e1", 2_000)
    bench.refund("r1", "order-e1", 1_500)
    earned = bench.wallet().available
    bench.buy("e2", 100)

    assert bench.wallet().available == earned, "6.00 spent, 10 earned before"
    assert bench.of(FraudAlert)[-1].limit == 6


def test_the_strictest_of_several_signals_acts_and_all_tell() -> None:
    clip = signal("earned", 5, every="month", action="clip", name="clip")
    deny = signal("earned", 8, every="day", action="deny", name="deny")
    bench = Bench(with_signals(clip, deny))
    bench.buy("e1", 1_000)

    assert bench.balances("points") == (0, 0, 0, 0)
    assert [alert.signal_id for alert in bench.of(FraudAlert)] == ["clip", "deny"]


def test_members_without_events_under_signals_have_no_counts() -> None:
    bench = Bench(make())
    bench.buy("e1", 1_000)

    assert bench.member().counts is None


def test_a_full_journal_never_counts_less_than_happened() -> None:
    counter = Counter("c", "member", "", 1_000, 5)
    counts, calendar = Counts(), with_signals().calendar
    for at in range(100, 120):
        count(counts, counter, "c", calendar, at, 3)

    assert len(counts.journals["c"]) == 5
    assert fullest(counts.journals["c"], 1_000, 120) == 60
