"""Packed state: small, with the due time readable in place, and refused where it cannot be read."""

import msgspec
import pytest
from core_programs import DAY_MS, Bench, Limit, Period, Tier, Unit, program, rule, table

from pipeline.core.fraud_counts import Counts
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import PAYLOAD_TYPES
from pipeline.wire.state import (
    EVENT_TYPE_CODES,
    UnreadableState,
    pack_member,
    pack_order,
    packed_next_due_ms,
    unpack_member,
    unpack_order,
)

UNIT = Unit("points", "floor", Period(12, 0))


def typical() -> Member:
    """Three purchases under three rules, one redemption open."""
    rules = table(
        rule("base", UNIT, pending=Period(0, 14 * DAY_MS)),
        rule("weekend-double", UNIT, limits=(Limit(500, 0, "month"),), live=True),
        rule("first-purchase", UNIT, fixed=50, first_only=True),
    )
    tiers = (Tier("bronze", 0, 100), Tier("silver", 1_000, 110))
    bench = Bench(program({"transaction_completed": rules}, units=(UNIT,), tiers=tiers))
    bench.enrol(member_id="member-00042")
    for number in range(2):
        bench.later(DAY_MS).buy(f"e{number}", 4_599, "member-00042")
    return bench.member("member-00042")


def test_a_typical_member_takes_less_than_260_bytes() -> None:
    member = typical()

    assert (len(member.wallets["points"].lots), len(member.wallets["points"].pending_lots)) == (3, 2)
    assert len(pack_member(member)) < 260


def test_the_due_time_stands_right_behind_the_version_in_8_bytes() -> None:
    member = typical()

    packed = pack_member(member)

    assert packed[0] == 5
    assert int.from_bytes(packed[1:9], "big") == member.next_due_ms == packed_next_due_ms(packed)
    assert member.next_due_ms > 0


VERSION_1 = bytes.fromhex(
    "010000019bf5067600dc0016ac6d656d6265722d30303034320305c420fc944e25121eda9b4f353761b437d236cc29e3ddb2"
    "5e0514875425a7aa891135cf0000019bb213ca00cf0000019ba7c71200a0a0a0a662726f6e7a6500cd07eacce6009197a670"
    "6f696e7473cc8c5a000099022dcf00000007528ad000013200022dce05265c0098012dce42f2ac00cf0000000757b12c0003"
    "2dce05265c00cf0000000757b12c0090820301010283a46261736500ae7765656b656e642d646f75626c6500ae6669727374"
    "2d7075726368617365ce05265c009194b47765656b656e642d646f75626c652f6d6f6e7468ce3b3922005a02c20000"
)
"""The typical member as version 1 packed it."""


VERSION_2 = bytes.fromhex(
    "020000019bf5067600dc0019ac6d656d6265722d30303034320305c420fc944e25121eda9b4f353761b437d236cc29e3dd"
    "b25e0514875425a7aa891135cf0000019bb213ca00cf0000019ba7c71200a0a0a0a662726f6e7a6500cd07eacce6009199"
    "a6706f696e7473cc8c5a000099022dcf00000007528ad000013200022dce05265c0098012dce42f2ac00cf0000000757b1"
    "2c00032dce05265c00cf0000000757b12c00000090820301010283a46261736500ae7765656b656e642d646f75626c6500"
    "ae66697273742d7075726368617365ce05265c009194b47765656b656e642d646f75626c652f6d6f6e7468ce3b3922005a"
    "02c20000908080"
)
"""The typical member as version 2 packed it."""


@pytest.mark.parametrize("packed", [VERSION_1, VERSION_2], ids=["1", "2"])
def test_members_of_earlier_versions_are_still_read(packed: bytes) -> None:
    assert packed_next_due_ms(packed) == typical().next_due_ms
    old = unpack_member(packed)
    old.last_hash = typical().last_hash  # which covers the programme's hash
    assert old == typical()


def test_every_event_type_has_a_number_of_its_own() -> None:
    assert set(EVENT_TYPE_CODES) == set(PAYLOAD_TYPES)
    assert len(set(EVENT_TYPE_CODES.values())) == len(EVENT_TYPE_CODES)


def test_numbers_of_event_types_never_change() -> None:
    assert list(EVENT_TYPE_CODES.items())[:16] == [
        ("transaction_completed", 1),
        ("transaction_refunded", 2),
        ("member_enrolled", 3),
        ("profile_changed", 4),
        ("onboarding_completed", 5),
        ("subscription_renewed", 6),
        ("referral_accepted", 7),
        ("referral_joined", 8),
        ("emi_payment_succeeded", 9),
        ("redemption_requested", 10),
        ("redemption_cancelled", 11),
        ("fulfillment_outcome", 12),
        ("points_adjusted", 13),
        ("custom_event", 14),
        ("member_quarantined", 15),
        ("quarantine_released", 16),
    ]


def test_a_member_that_version_1_wrote_is_read() -> None:
    packed = pack_member(typical())
    fields = msgspec.msgpack.decode(packed[9:])
    fields[14] = [wallet[:7] for wallet in fields[14]]

    assert unpack_member(b"\x01" + packed[1:9] + msgspec.msgpack.encode(fields[:22])) == typical()


def test_what_fraud_signals_count_is_packed_and_read() -> None:
    member = typical()
    assert unpack_member(pack_member(member)).counts is None
    clock_ms = member.clock_ms
    counts = Counts()
    counts.journals = {"r": [(clock_ms - 5_000, 1), (clock_ms, 2), (clock_ms + 9, 1)], "a": [(7, 1)]}
    counts.periods = {"e/day": (clock_ms - 9, 3, 0, 0), "s/ever": (0, 8, 0, 0), "s/year": (clock_ms, 8, 5, 6)}
    member.counts = counts

    assert unpack_member(pack_member(member)) == member
    assert unpack_member(pack_member(member)).to_tuple()[29] == counts.to_tuple()


def test_an_order_that_version_1_wrote_is_read() -> None:
    packed = b"\x01" + msgspec.msgpack.encode((1_000, "EUR", 7, 400, (("points", 3, 10, 4, 2026),)))

    assert unpack_order(packed) == Order(1_000, "EUR", 7, 400, [("points", 3, 10, 4, 2026)])


def test_a_member_that_version_3_wrote_is_read() -> None:
    packed = pack_member(typical())
    fields = msgspec.msgpack.decode(packed[9:])

    assert unpack_member(b"\x03" + packed[1:9] + msgspec.msgpack.encode(fields[:31])) == typical()


def test_a_member_that_version_4_wrote_is_read() -> None:
    packed = pack_member(typical())
    fields = msgspec.msgpack.decode(packed[9:])

    assert unpack_member(b"\x04" + packed[1:9] + msgspec.msgpack.encode(fields)) == typical()
    fields[31] = [[["r", "budget:b", 5, "base", "custom_event", "points", 5, 5, "", "", "", False]], []]
    assert unpack_member(b"\x04" + packed[1:9] + msgspec.msgpack.encode(fields)).awaited["r"].points == 5


def test_an_order_that_version_2_wrote_is_read() -> None:
    rest = (1, False, (("1", 2, 500, 1),), "points", 5, ((3, 5, 0),), (("base", 10),), (2026, 700), ())
    packed = b"\x02" + msgspec.msgpack.encode((1_000, "EUR", 7, 400, (("points", 3, 10, 4, 2026),), rest))

    order = unpack_order(packed)

    assert order.more().to_tuple() == (*rest, ())
    assert unpack_order(b"\x02" + msgspec.msgpack.encode((1_000, "EUR", 7, 400, (), None))).rest is None


def test_another_version_is_refused_with_the_way_out() -> None:
    member, order = pack_member(Member("m")), pack_order(Order(1, "EUR", 0, 0, []))

    with pytest.raises(
        UnreadableState, match="packed member starts with 07; this pipeline reads versions 1 to 5: use the"
    ):
        unpack_member(b"\x07" + member[1:])
    with pytest.raises(
        UnreadableState, match="packed order starts with 07; this pipeline reads versions 1 to 3: use the"
    ):
        unpack_order(b"\x07" + order[1:])


@pytest.mark.parametrize("length", [0, 1, 8, 9, 20, -1])
def test_cut_bytes_are_refused(length: int) -> None:
    with pytest.raises(UnreadableState):
        unpack_member(pack_member(typical())[:length])


@pytest.mark.parametrize("length", [0, 1, -1])
def test_a_cut_order_is_refused(length: int) -> None:
    with pytest.raises(UnreadableState):
        unpack_order(pack_order(Order(1, "EUR", 0, 0, [("points", 1, 1, 0, 0)]))[:length])
