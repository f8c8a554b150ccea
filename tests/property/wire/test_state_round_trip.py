"""Packed members and orders come back as they were, whatever they hold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.member import Member
from pipeline.core.order import Order, Rest
from pipeline.core.payloads import PAYLOAD_TYPES
from pipeline.core.wallet import Hold, Lot, Wallet, Window
from pipeline.wire.state import pack_member, pack_order, packed_next_due_ms, unpack_member, unpack_order

times = st.integers(0, 2**62)
points = st.integers(0, 2**53 - 1)
texts = st.text(max_size=20)
available_lots = st.builds(Lot, st.integers(1, 2**40), points, st.just(0), times)
pending_lots = st.builds(Lot, st.integers(1, 2**40), points, st.integers(1, 2**62), times)
wallets = st.builds(
    Wallet,
    points,
    points,
    points,
    points,
    st.lists(available_lots, max_size=4),
    st.lists(pending_lots, max_size=4),
    times,
    points,
)
parts = st.lists(st.tuples(st.integers(1, 2**40), points, times), max_size=3)
holds = st.builds(Hold, texts, texts, texts, st.integers(1, 10**6), texts, points, parts, st.booleans(), times)
windows = st.builds(Window, times, points, st.integers(0, 2**40))


@st.composite
def members(draw: st.DrawFn) -> Member:
    member = Member(draw(texts))
    member.version = draw(points)
    member.seq = draw(points)
    member.last_hash = draw(st.binary(min_size=32, max_size=32))
    member.clock_ms = draw(times)
    member.next_due_ms = draw(times)
    member.enrolled_at_ms = draw(times)
    member.country = draw(texts)
    member.segment = draw(texts)
    member.birth_date = draw(texts)
    member.tier = draw(texts)
    member.tier_until_ms = draw(times)
    member.qualifying_year = draw(st.integers(0, 9_999))
    member.qualifying_points = draw(points)
    member.qualifying_previous = draw(points)
    member.wallets = draw(st.dictionaries(texts, wallets, max_size=3))
    member.holds = draw(st.dictionaries(texts, holds, max_size=3))
    member.event_counts = draw(st.dictionaries(st.sampled_from(sorted(PAYLOAD_TYPES)), points, max_size=4))
    member.awarded_at_ms = draw(st.dictionaries(texts, times, max_size=4))
    member.windows = draw(st.dictionaries(texts, windows, max_size=4))
    member.quarantined = draw(st.booleans())
    member.parked = draw(points)
    member.parked_from = draw(points)
    buckets = st.lists(st.tuples(points, points, points), max_size=3)
    member.rolling = draw(st.dictionaries(texts, buckets, max_size=3))
    member.progress = draw(st.dictionaries(texts, st.tuples(points, points), max_size=3))
    return member


@settings(deadline=None)
@given(members())
def test_a_member_comes_back_as_it_was(member: Member) -> None:
    packed = pack_member(member)
    back = unpack_member(packed)

    assert back == member
    assert back.to_tuple() == member.to_tuple()
    assert packed_next_due_ms(packed) == member.next_due_ms
    assert pack_member(back) == packed


@settings(deadline=None)
@given(members())
def test_a_member_and_its_tuple_share_nothing_that_changes(member: Member) -> None:
    values = member.to_tuple()
    twin = Member.from_tuple(values)
    for wallet in twin.wallets.values():
        wallet.available += 1
        wallet.lots.append(Lot(1, 1, 0, 0))
        wallet.pending_lots.append(Lot(1, 1, 1, 0))
        wallet.lots[0].points += 1
    for hold in twin.holds.values():
        hold.parts.append((1, 1, 1))
        hold.cancelling = not hold.cancelling
    for window in twin.windows.values():
        window.points += 1
    for buckets in twin.rolling.values():
        buckets.append((1, 1, 1))
    twin.event_counts["x"] = twin.awarded_at_ms["x"] = 1

    assert member.to_tuple() == values
    assert Member.from_tuple(values) == member


order_lots = st.lists(st.tuples(texts, st.integers(1, 2**40), points, points, st.integers(0, 9_999)), max_size=4)


def tuples(*items: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[tuple[object, ...], ...]]:
    return st.lists(st.tuples(*items), max_size=3).map(tuple)


rests = st.builds(
    Rest,
    points,
    st.booleans(),
    tuples(texts, points, st.integers(-(2**40), 2**40), points),
    texts,
    points,
    tuples(points, points, times),
    tuples(texts, points),
    st.tuples(points, points),
    tuples(texts, texts, times, points, texts, tuples(texts, points)),
)


@settings(deadline=None)
@given(st.builds(Order, points, texts, times, points, order_lots, st.none() | rests))
def test_an_order_comes_back_as_it_was(order: Order) -> None:
    assert unpack_order(pack_order(order)) == order
