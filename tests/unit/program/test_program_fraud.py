"""fraud.yaml: what it comes to, what is refused with its place, and how changes are told."""

from __future__ import annotations

import pytest
from core_programs import HOUR_MS, Bench
from program_texts import bundle, compiled, problems

from pipeline.core.program import Program
from pipeline.core.records import FraudAlert
from pipeline.program.comparison import compare

FRAUD = """\
signals:
  - id: one-an-hour
    velocity: {of: redemptions, at_most: 1, within: 1h}
    action: deny
  - id: many-purchases
    velocity: {of: events, on: [transaction_completed, transaction_refunded], at_most: 30, every: day, by: device}
    action: allow
    mode: shadow
  - id: by-spending
    spending: {points: 2, per: 100, every: month}
    action: clip
attributes: {device: device_id}
"""


def written(signal: str) -> dict[str, str]:
    """A fraud.yaml of one signal with these lines below `- id: it`."""
    lines = "".join(f"    {line}\n" for line in signal.strip("\n").split("\n"))
    return {"fraud.yaml": f"signals:\n  - id: it\n{lines}"}


def program(text: str) -> Program:
    return compiled({"fraud.yaml": text})


def test_signals_are_compiled_by_name() -> None:
    fraud = program(FRAUD).fraud
    assert fraud is not None
    assert [(one.signal_id, one.action, one.live, one.words) for one in fraud.signals] == [
        ("by-spending", "clip", True, "points earned each month, at most 2 for every 100 spent"),
        ("many-purchases", "allow", False, "transaction_completed, transaction_refunded each day by device"),
        ("one-an-hour", "deny", True, "redemptions within 1 hour"),
    ]
    assert fraud.device == "device_id"
    assert sorted(fraud.events) == ["transaction_completed", "transaction_refunded"]


ACROSS = """\
signals:
  - {id: by-device, members: {by: device, at_most: 4, within: 30d}, action: review}
  - {id: fan-in, senders: {at_most: 5, within: 7d}, action: freeze, mode: shadow}
  - {id: loop, ring: {}, action: deny}
  - {id: sold, partner: {times: 5, at_least: 1000, at_most: 90000, quarantine: 7d}, action: review}
attributes: {address: address_hash}
"""


def test_signals_across_members_are_compiled() -> None:
    fraud = program(ACROSS).fraud
    assert fraud is not None
    assert [(one.signal_id, one.kind, one.live, one.words) for one in fraud.signals] == [
        ("by-device", "members", True, "members by device within 30 days"),
        ("fan-in", "senders", False, "others who sent points within 1 week"),
        ("loop", "ring", True, "members in a ring of referrals"),
        ("sold", "partner", True, "points earned with a partner on a day"),
    ]
    assert [(one.at_most, one.length_ms, one.per) for one in fraud.across] == [(4, 30 * 24 * HOUR_MS, 0), (1, 0, 6)]
    (sold,) = fraud.partners
    assert (sold.at_most, sold.per, sold.least, sold.after) == (90_000, 5, 1_000, 5)
    assert (sold.length_ms, sold.unit) == (7 * 24 * HOUR_MS, "points")
    assert fraud.address == "address_hash"
    told = [change.text for change in compare(bundle({}), bundle({"fraud.yaml": ACROSS}))]
    assert told[-4:] == [
        "signal `by-device` is added: members.by: device; members.at_most: 4; members.within: 30 days; action: review",
        "signal `fan-in` is added: senders.at_most: 5; senders.within: 1 week; action: freeze; mode: shadow",
        "signal `loop` is added: ring: as by default; action: deny",
        "signal `sold` is added: partner.at_most: 90000; partner.times: 5; partner.at_least: 1000; "
        "partner.quarantine: 1 week; action: review",
    ]
    wider = ACROSS.replace("at_most: 4", "at_most: 6").replace("within: 7d", "within: 14d")
    assert [change.text for change in compare(bundle({"fraud.yaml": ACROSS}), bundle({"fraud.yaml": wider}))] == [
        "signal `by-device`: how many members are allowed changes from 4 to 6",
        "signal `fan-in`: the window changes from 1 week to 2 weeks",
    ]


NEVER_STOPPED = """\
signals:
  - {id: cap, spending: {points: 2, per: 100, every: year, at_least: 300}, action: clip}
  - {id: new, unusual: {of: device, new_for: 7d, at_least: 400}, action: review}
"""


def test_what_is_never_stopped_is_compiled() -> None:
    fraud = program(NEVER_STOPPED).fraud
    assert fraud is not None
    assert [(one.signal_id, one.least) for one in fraud.signals] == [("cap", 300), ("new", 400)]
    assert fraud.signals[1].length_ms == 7 * 24 * HOUR_MS
    assert fraud.signals[0].words == "points earned each year, at most 2 for every 100 spent, or 300"
    wider = NEVER_STOPPED.replace("300", "500").replace("7d", "14d").replace("400", "600")
    assert [
        change.text for change in compare(bundle({"fraud.yaml": NEVER_STOPPED}), bundle({"fraud.yaml": wider}))
    ] == [
        "signal `cap`: what may be earned in any case changes from 300 to 500",
        "signal `new`: how long a new one stays new changes from 1 week to 2 weeks",
        "signal `new`: the fewest points that are looked at changes from 400 to 600",
    ]


def test_signals_over_the_same_count_share_a_counter_of_the_longest_window() -> None:
    fraud = program(
        "signals:\n"
        "  - {id: a, velocity: {of: redemptions, at_most: 1, within: 1h}, action: deny}\n"
        "  - {id: b, velocity: {of: redemptions, at_most: 5, within: 1d}, action: deny}\n"
    ).fraud
    assert fraud is not None
    assert fraud.signals[0].counter is fraud.signals[1].counter
    assert fraud.signals[0].counter.length_ms == 24 * HOUR_MS
    assert len(fraud.redeeming_counters) == 1


def test_a_programme_without_it_has_no_fraud_stage() -> None:
    assert compiled({}).fraud is None


def test_it_is_part_of_the_bundle_and_its_hash() -> None:
    assert b"one-an-hour" in bundle({"fraud.yaml": FRAUD}).canonical()
    assert bundle({"fraud.yaml": FRAUD}).hash != bundle({}).hash


def test_it_decides() -> None:
    bench = Bench(program(FRAUD.replace("deny", "deny")), start="2026-01-10T12:00:00")
    bench.enrol()
    bench.adjust("gift", 1_000)
    bench.redeem("r1", "coffee")
    bench.redeem("r2", "coffee")

    assert bench.reason == "fraud_denied"
    assert [alert.signal_id for alert in bench.of(FraudAlert)] == ["one-an-hour"]


MISTAKES = [
    ("velocity: {of: redemption, at_most: 1, within: 1h}\naction: deny", "did you mean `redemptions`?"),
    ("velocity: {of: redemptions, at_most: 1}\naction: deny", "needs either `within` or `every`"),
    ("velocity: {of: redemptions, at_most: 1, within: 1h, every: hour}\naction: deny", "needs either `within` or"),
    ("velocity: {of: redemptions, at_most: 1, within: 1mo}\naction: deny", "write days: 30d, or `every: month`"),
    ("velocity: {of: redemptions, at_most: 1, within: 401d}\naction: deny", "write `every: year`"),
    (
        "velocity: {of: redemptions, at_most: 101, within: 1h}\naction: deny",
        "write at most 100, or count in a calendar",
    ),
    ("velocity: {of: events, at_most: 1, within: 1h}\naction: deny", "lacks `on`"),
    ("velocity: {of: events, on: [purchase], at_most: 1, within: 1h}\naction: deny", "no event type `purchase`"),
    (
        "velocity: {of: earned, on: [custom_event], at_most: 1, within: 1h}\naction: deny",
        "`on` belongs to `of: events`",
    ),
    ("velocity: {of: attempts, at_most: 1, within: 1h, unit: miles}\naction: deny", "says nothing about attempts"),
    ("velocity: {of: earned, at_most: 1, within: 1h, unit: mils}\naction: deny", "did you mean `miles`?"),
    ("velocity: {of: redemptions, at_most: 1, within: 1h}\naction: clip", "redemptions are none"),
    ("velocity: {of: redemptions, at_most: 1, within: 1h}\naction: block", "`action` cannot be `block`"),
    ("velocity: {of: redemptions, within: 1h}\naction: deny", "lacks `at_most`"),
    ("velocity: {of: redemptions, at_most: 1, within: 1h}", "lacks `action`"),
    ("action: deny", "does not say what it looks at"),
    (
        "velocity: {of: redemptions, at_most: 1, within: 1h}\nspending: {points: 1, per: 1, every: day}\naction: deny",
        "make two signals of it",
    ),
    ("spending: {points: 1, every: day}\naction: clip", "lacks `per`"),
    ("spending: {points: 1, per: 0, every: day}\naction: clip", "must be at least 1"),
    ("velocty: {of: redemptions}\naction: deny", "did you mean `velocity`?"),
    ("history: {of: earned, times: 1}\naction: review", "`times` must be at least 2"),
    ("history: {of: spent, times: 5}\naction: review", "`of` cannot be `spent`"),
    ("history: {of: earned, times: 5, after: 15}\naction: review", "`after` must be at most 14"),
    ("history: {of: earned}\naction: review", "lacks `times`"),
    ("history: {of: earned, times: 5, unit: mils}\naction: review", "did you mean `miles`?"),
    ("history: {of: earned, times: 5}\naction: clip", "`clip` needs a limit of points, and `history` has none"),
    ("travel: {faster_than_kmh: 900}\naction: deny", "did you mean `faster_than_km_h`?"),
    ("travel: {faster_than_km_h: 0}\naction: deny", "`faster_than_km_h` must be at least 1"),
    ("countries: {deny: [kp]}\naction: deny", "write two capital letters, such as US"),
    ("countries: {}\naction: deny", "lacks `deny`"),
    ("unusual: {of: phone}\naction: review", "`of` cannot be `phone`"),
    ("unusual: {of: device, after: 0}\naction: review", "`after` must be at least 1"),
    ("takeover: {within: 1mo}\naction: review", "write days: 30d"),
    ("takeover: {}\naction: review", "lacks `within`"),
    ("refunds: {percent: 100, every: month}\naction: review", "`percent` must be at most 99"),
    ("refunds: {percent: 50}\naction: review", "lacks `every`"),
    ("refunds: {percent: 50, every: fortnight}\naction: review", "`every` cannot be `fortnight`"),
    ("members: {at_most: 4, within: 30d}\naction: review", "lacks `by`"),
    ("members: {by: phone, at_most: 4, within: 30d}\naction: review", "`by` cannot be `phone`"),
    ("members: {by: device, at_most: 0, within: 30d}\naction: review", "`at_most` must be at least 1"),
    ("members: {by: device, at_most: 101, within: 30d}\naction: review", "`at_most` must be at most 100"),
    ("members: {by: device, at_most: 4, within: 1mo}\naction: review", "write days: 30d"),
    ("members: {by: device, at_most: 4, within: 401d}\naction: review", "write 400d"),
    ("members: {by: device, at_most: 4, within: 30d}\naction: clip", "`clip` needs a limit of points, and `members`"),
    ("ring: {up_to: 13}\naction: freeze", "`up_to` must be at most 12"),
    ("ring: {members: 5}\naction: freeze", "`members`"),
    ("self_referral: {by: place}\naction: deny", "`by` cannot be `place`"),
    ("self_referral: {}\naction: deny", "lacks `by`"),
    ("senders: {at_most: 5}\naction: freeze", "lacks `within`"),
    ("partner: {quarantine: 7d}\naction: review", "allows everything"),
    ("partner: {at_most: 100, after: 5}\naction: review", "`after` belongs to `times`"),
    ("partner: {times: 1}\naction: review", "`times` must be at least 2"),
    ("partner: {times: 5, unit: mils}\naction: review", "did you mean `miles`?"),
    ("partner: {times: 5, quarantine: 1mo}\naction: review", "write days: 30d"),
    ("partner: {times: 5}\naction: freeze", "`freeze` is for what a member does"),
    ("cohort: {of: earned, times: 5}\naction: review", "lacks `by`"),
    ("cohort: {of: spent, by: tier, times: 5}\naction: review", "`of` cannot be `spent`"),
    ("cohort: {of: earned, by: country, times: 5}\naction: review", "`by` cannot be `country`"),
    ("cohort: {of: earned, by: partner, per: day, times: 5}\naction: review", "write `per: event`"),
    ("cohort: {of: earned, by: tier, times: 5, percentile: p98}\naction: review", "`percentile` cannot be `p98`"),
    ("cohort: {of: earned, by: tier, times: 0}\naction: review", "`times` must be at least 1"),
    ("cohort: {of: earned, by: tier, times: 5, at_least_members: 49}\naction: review", "must be at least 50"),
    ("cohort: {of: earned, by: tier, times: 5, unit: mils}\naction: review", "did you mean `miles`?"),
    ("cohort: {of: earned, by: tier, times: 5}\naction: clip", "`clip` needs a limit of points, and `cohort` has none"),
]


def test_cohort_signals_are_compiled_with_their_percentile_and_what_is_left_out() -> None:
    texts = written(
        "cohort: {of: redeemed, by: tier, per: day, percentile: p99.9, times: 3, unit: miles}\naction: deny"
    )
    fraud = compiled(texts).fraud
    assert fraud is not None
    (signal,) = fraud.signals
    assert (signal.kind, signal.measure, signal.by, signal.unit) == ("cohort", "redeemed", "tier", "miles")
    assert (signal.at_most, signal.per, signal.after, signal.least) == (3, 999, 200, 0)
    assert signal.counter.key == "h:redeemed:miles", "the days that signals against the member's history count, too"
    assert signal.words == "points redeemed on a day, at most 3 times the p99.9 of members of the tier"
    simple = compiled(written("cohort: {of: earned, by: partner, times: 3}\naction: review")).fraud
    assert simple is not None
    assert (simple.signals[0].counter.key, simple.signals[0].per) == ("", 990)
    assert simple.earning_counters == (), "an event by itself needs no state"


@pytest.mark.parametrize(("signal", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_mistakes_are_told_with_place_and_way_out(signal: str, said: str) -> None:
    found = problems(written(signal))

    assert any(said in one for one in found), found
    assert all(one.startswith("fraud.yaml:") and "^" in one for one in found)


def test_how_reviews_go_is_read_and_checked() -> None:
    fraud = program(FRAUD + "review: {timeout: 3d, default: approve, four_eyes_points: 500}\n").fraud
    assert fraud is not None
    assert (fraud.terms.timeout_ms, fraud.terms.approves, fraud.terms.four_eyes_points) == (72 * HOUR_MS, True, 500)
    found = problems({"fraud.yaml": FRAUD + "review: {default: approve}\n"})
    assert "`default` has no effect without a timeout" in "".join(found)
    found = problems({"fraud.yaml": FRAUD + "review: {timeout: 1mo, default: allow}\n"})
    assert "write days: 30d" in "".join(found)
    assert "`default` cannot be `allow`" in "".join(found)


def test_a_second_signal_of_a_name_and_an_unknown_attribute_are_refused() -> None:
    twice = FRAUD.replace("id: many-purchases", "id: one-an-hour")
    assert "there are two signals `one-an-hour`" in "".join(problems({"fraud.yaml": twice}))
    named = FRAUD.replace("{device: device_id}", "{devise: device_id}")
    assert "did you mean `device`?" in "".join(problems({"fraud.yaml": named}))
    assert "lacks `signals`" in "".join(problems({"fraud.yaml": "attributes: {device: d}\n"}))


def test_changes_are_said_in_words() -> None:
    before = bundle({"fraud.yaml": FRAUD})
    texts = {
        "fraud.yaml": FRAUD.replace("within: 1h", "within: 2h").replace("mode: shadow", "mode: live"),
    }

    assert [change.text for change in compare(before, bundle(texts))] == [
        "signal `many-purchases`: the mode changes from shadow to live",
        "signal `one-an-hour`: the window changes from 1 hour to 2 hours",
    ]
    told = [change.text for change in compare(bundle({}), before)]
    assert "the programme: `attributes.device` is new: device_id" in told
    assert any(
        "signal `one-an-hour` is added: velocity: of redemptions, at_most 1, within 1 hour" in one for one in told
    ), told
