"""A learned model: scores in whole numbers, what drove them, and a signal that acts by them."""

from __future__ import annotations

from core_programs import DAY_MS, HOUR_MS, Bench
from core_programs import program as make
from fraud_signals import VOUCHER

from pipeline.core.events import Event
from pipeline.core.fraud_model import FEATURES, Model, told_score
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.payloads import Payload, PointsAdjusted, ProfileChanged, RedemptionRequested
from pipeline.core.records import FraudAlert, ReviewChange
from pipeline.program.model_file import read_tree
from pipeline.wire.codec import Encoder
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.state import pack_member, unpack_member

NONE = Counter("", "member", "", 0, 0)
TREES = ("new_device<=0 -400 points<=10 200 900", "hours_since_profile_changed<=24 600 -100", "-50")
MODEL = Model(tuple(read_tree(text) for text in TREES))


def values(**given: int) -> list[int]:
    return [given.get(name, 0) for name in FEATURES]


def bench_of(at_least: int, action: str = "deny", live: bool = True) -> Bench:
    """A member with points whose only device is `phone`."""
    learned = Signal("it", "learned", action, live, "", "", at_least - 1, 0, NONE, "so")
    bench = Bench(make(fraud=FraudProgram((learned,), {}, model=MODEL), rewards=(VOUCHER,)))
    send(bench, "gift", PointsAdjusted("", 100, "x", "ada"))
    return bench


def send(bench: Bench, event_id: str, payload: Payload, device: str = "phone") -> str:
    bench.apply(Event(event_id, "m", bench.now_ms, "shop", "", {"device": device}, payload, bench.now_ms))
    return bench.reason


def redeem(bench: Bench, event_id: str, device: str, quantity: int = 1) -> str:
    return send(bench, event_id, RedemptionRequested(event_id, "voucher", quantity), device)


def test_a_score_is_the_sum_of_what_leaves_are_worth() -> None:
    assert MODEL.score(values(new_device=1, points=11, hours_since_profile_changed=24))[0] == 900 + 600 - 50
    assert MODEL.score(values(new_device=1, points=10, hours_since_profile_changed=25))[0] == 200 - 100 - 50
    assert MODEL.score(values())[0] == -400 + 600 - 50


def test_what_drove_a_score_adds_up_from_the_middle_of_its_trees() -> None:
    score, drove = MODEL.score(values(new_device=1, points=11, hours_since_profile_changed=30))
    middle = sum(tree.value[0] for tree in MODEL.trees)

    assert score == middle + sum(drove)
    told = told_score(values(new_device=1, points=11, hours_since_profile_changed=30), drove)
    assert told[:3] == [
        ("new_device", "1 (+475)"),
        ("points", "11 (+350)"),
        ("hours_since_profile_changed", "30 (-350)"),
    ]
    assert len(told) == len(FEATURES), "the others stand behind them"


def test_a_signal_acts_from_its_score_on_and_says_what_drove_it() -> None:
    bench = bench_of(1_450)
    send(bench, "p1", ProfileChanged("FR"))
    assert redeem(bench.later(HOUR_MS), "r1", "phone", 2) == "", "the member's own device"
    assert redeem(bench, "r2", "thief", 1) == "", "10 points score 750"
    assert redeem(bench, "r3", "other", 2) == "fraud_denied"

    (alert,) = bench.of(FraudAlert)
    assert (alert.signal_id, alert.kind, alert.value, alert.limit, alert.points) == ("it", "learned", 1_450, 1_449, 20)
    assert [(fact.name, fact.value) for fact in alert.evidence if "(" in fact.value] == [
        ("new_device", "1 (+475)"),
        ("points", "20 (+350)"),
        ("hours_since_profile_changed", "1 (+350)"),
    ]


def test_a_score_below_it_sets_nothing_off() -> None:
    bench = bench_of(1_451)
    send(bench, "p1", ProfileChanged("FR"))

    assert redeem(bench.later(HOUR_MS), "r1", "thief", 2) == ""
    assert bench.of(FraudAlert) == []


def test_review_holds_and_a_shadow_signal_only_tells() -> None:
    for live in (True, False):
        bench = bench_of(1_000, "review", live)
        send(bench, "p1", ProfileChanged("FR"))
        assert redeem(bench.later(HOUR_MS), "r1", "thief", 2) == ""
        assert len(bench.of(FraudAlert)) == 1
        assert [change.status for change in bench.of(ReviewChange)] == (["opened"] if live else [])


def test_features_are_of_the_member_before_the_event() -> None:
    bench = bench_of(-1_000_000, "allow")
    redeem(bench, "r1", "phone", 2)
    redeem(bench.later(2 * DAY_MS), "r2", "phone", 1)
    redeem(bench.later(HOUR_MS), "r3", "tablet", 1)
    send(bench.later(HOUR_MS), "p1", ProfileChanged("FR"))
    redeem(bench.later(3 * HOUR_MS), "r4", "tablet", 5)

    facts = {fact.name: fact.value.split(" ")[0] for fact in bench.of(FraudAlert)[-1].evidence}
    expected = {
        "points": "50", "percent_of_balance": "83", "taken_today": "20", "taken_usually": "20", "new_device": "0",
        "hours_since_new_device": "4", "hours_since_profile_changed": "3", "km_from_before": "0", "redemptions": "3",
    }  # fmt: skip
    assert {name: facts[name] for name in expected} == expected


def test_what_the_model_looks_at_is_packed_with_the_member() -> None:
    bench = bench_of(1_000)
    redeem(bench, "r1", "phone", 2)

    assert unpack_member(pack_member(bench.member())) == bench.member()


def test_its_alert_is_written_as_one_of_its_kind() -> None:
    bench = bench_of(-1_000_000, "allow")
    redeem(bench, "r1", "phone")
    (alert,) = bench.of(FraudAlert)

    assert Encoder(dict.fromkeys(SCHEMAS, 1)).fraud_alert(alert).startswith(b"\0")
    assert alert.kind == "learned"
