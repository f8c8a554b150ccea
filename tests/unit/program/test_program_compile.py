"""Bundles: canonical, named by their hash, refused where they cannot be decided by; and what is compiled from them."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from program_texts import RULES, SETTINGS, bundle, compiled, rule

from pipeline.core.program import SEMANTICS
from pipeline.program import Bundle, BundleRefused, ProgramRefused, compile_bundle

DAY_MS = 86_400_000


def test_a_bundle_survives_its_bytes_and_is_named_by_them() -> None:
    original = bundle({})

    again = Bundle.from_bytes(original.canonical())

    assert again == original
    assert again.hash == original.hash and len(original.hash) == 64
    assert compile_bundle(again) is compile_bundle(original)


def test_every_part_of_a_bundle_counts_for_its_hash() -> None:
    original = bundle({})
    others = [
        bundle({"rules.yaml": RULES + "# a remark\n"}),
        replace(original, semantics=SEMANTICS + 1),
        replace(original, tzdata="1999a"),
        replace(original, zone="UTC"),
        replace(original, zone_data=original.zone_data + b"\n"),
    ]

    assert len({original.hash, *(other.hash for other in others)}) == len(others) + 1


def test_a_bundle_for_other_semantics_is_refused_with_the_way_out() -> None:
    with pytest.raises(BundleRefused) as raised:
        compile_bundle(replace(bundle({}), semantics=SEMANTICS + 1))

    assert f"semantics {SEMANTICS + 1}, this version has {SEMANTICS}" in str(raised.value)
    assert "publish the programme again" in str(raised.value)


def test_a_bundle_decides_by_the_calendar_it_brings() -> None:
    tokyo = bundle({"program.yaml": SETTINGS.replace("Europe/Berlin", "Asia/Tokyo")}, "Asia/Tokyo").zone_data
    moved = replace(bundle({}), tzdata="2031c", zone_data=tokyo)

    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert noon.astimezone(compile_bundle(bundle({})).zone).hour == 14
    assert noon.astimezone(compile_bundle(moved).zone).hour == 21
    assert compile_bundle(moved).zone.key == "Europe/Berlin"


def test_a_bundle_with_a_damaged_calendar_or_mistakes_is_refused() -> None:
    whole = bundle({}).zone_data
    for damaged in (b"", b"TZif2", whole[:-1], whole[:-20] + b"\n", whole.replace(b"TZif", b"TZiX")):
        with pytest.raises(BundleRefused, match=r"zone rules .* are damaged"):
            compile_bundle(replace(bundle({}), zone_data=damaged))
    with pytest.raises(BundleRefused, match="the bundle brings UTC"):
        compile_bundle(replace(bundle({}), zone="UTC"))
    with pytest.raises(ProgramRefused, match="unknown key `rule`"):
        compile_bundle(bundle({"rules.yaml": "rule: []\n"}))


GOOD = json.loads(bundle({}).canonical())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b"{}",
        json.dumps({**GOOD, "more": 1}).encode(),
        json.dumps({**GOOD, "files": ["program.yaml"]}).encode(),
        json.dumps({**GOOD, "files": {"program.yaml": 5}}).encode(),
        json.dumps({**GOOD, "files": {"program.yaml": "\ud800"}}).encode(),
        json.dumps({**GOOD, "semantics": True}).encode(),
        json.dumps({**GOOD, "zone_data": "*"}).encode(),
        json.dumps({**GOOD, "zone_data": "é"}).encode(),
        json.dumps(GOOD, indent=1).encode(),
        bundle({}).canonical() + b"\n",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_bytes_that_are_no_canonical_bundle_are_refused(data: bytes) -> None:
    with pytest.raises(BundleRefused, match="not a bundle"):
        Bundle.from_bytes(data)


def test_rules_compile_to_exact_numbers_and_dates() -> None:
    program = compiled(
        rule(
            "on: transaction_completed\n"
            "when: event.amount_minor > 0\n"
            "unless_rewarded_within: {window: 36 hours, by: any}\n"
            "first_only: true\n"
            "limit:\n"
            "  - per_member: {points: 2000, every: month}\n"
            "  - per_member: {count: 3, every: ever}\n"
            "award: {points: {per: 100, of: event.amount_minor, rate: 0.250}, unit: miles, pending: 2w, expires: 1y}\n"
            "tier_multiplies: true\n"
            "mode: shadow"
        )
    )
    it, plain = program.rules["transaction_completed"].rules

    assert (it.rule_id, it.unit.unit_id, it.fixed_points, it.per) == ("it", "miles", 0, 100)
    assert (it.rate_numerator, it.rate_denominator) == (25, 100)
    assert (it.cooldown_ms, it.cooldown_any, it.first_only) == (36 * 3_600_000, True, True)
    assert [(limit.points, limit.count, limit.every) for limit in it.limits] == [(2000, 0, "month"), (0, 3, "ever")]
    assert (it.pending.months, it.pending.ms) == (0, 14 * DAY_MS)
    assert it.expires is not None
    assert (it.expires.months, it.expires.ms) == (12, 0)
    assert (it.live, it.tier_multiplies, it.qualifies) == (False, True, False)
    assert (plain.unit.unit_id, plain.rate_numerator, plain.rate_denominator, plain.expires) == ("points", 1, 1, None)
    assert (plain.live, plain.qualifies, plain.limits, plain.pending.ms) == (True, True, (), 0)


def test_a_programme_compiles_to_what_its_files_say() -> None:
    program = compiled(
        {
            "program.yaml": SETTINGS + "refunds: {clawback: unlimited}\n",
            "rewards.yaml": "rewards:\n"
            "  - {id: coffee, price: 50, limit: {per_member: {count: 1, every: day}}}\n"
            "  - {id: flight, price: 9000, unit: miles, provider: external, tiers: [silver, platinum]}\n",
        }
    )

    assert (program.program_id, program.zone.key, program.enrolment) == ("corner-shop", "Europe/Berlin", "required")
    assert (program.clawback, program.currencies) == ("unlimited", frozenset({"USD", "EUR"}))
    assert [(unit.unit_id, unit.rounding, unit.expires.months) for unit in program.units.values()] == [
        ("points", "floor", 12),
        ("miles", "half_up", 0),
    ]
    assert [(tier.tier_id, tier.threshold, tier.earn_percent) for tier in program.tiers] == [
        ("bronze", 0, 100),
        ("silver", 500, 100),
        ("platinum", 5000, 150),
    ]
    assert program.qualification_unit == "points"
    coffee, flight = program.rewards["coffee"], program.rewards["flight"]
    assert (coffee.price, coffee.provider, coffee.tiers, coffee.unit.unit_id) == (50, "house", (), "points")
    assert [(limit.count, limit.every) for limit in coffee.limits] == [(1, "day")]
    assert (flight.provider, flight.tiers, flight.unit.unit_id) == ("external", ("silver", "platinum"), "miles")


def test_points_that_never_expire_by_rule_override_the_unit() -> None:
    program = compiled(rule("on: transaction_completed\naward: {points: 5, expires: never}"))

    expires = program.rules["transaction_completed"].rules[0].expires
    assert expires is not None
    assert (expires.months, expires.ms) == (0, 0)


def test_the_qualification_unit_can_be_named() -> None:
    files = {
        "tiers.yaml": "qualification: {unit: miles}\ntiers: [{id: base, threshold: 0}, {id: top, threshold: 9}]\n",
        **rule("on: transaction_completed\naward: {points: 5, unit: miles}\nqualifies: true"),
        "rules.yaml": RULES.replace("    qualifies: true\n", ""),
    }

    assert compiled(files).qualification_unit == "miles"
