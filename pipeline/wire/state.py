"""Packed members and orders: what RocksDB and the changelog hold.

A packed member is a version byte, `next_due_ms` as 8 bytes big-endian, and MessagePack of a `PackedMember`. A packed
order is a version byte and MessagePack of `Order.to_tuple`.
"""

from struct import Struct
from typing import Final

import msgspec

from pipeline.core.awaited import awaited_reviews, awaited_tuple, holds_drawn, holds_pooled
from pipeline.core.fraud_packing import pack_counts, unpack_counts
from pipeline.core.member import Member
from pipeline.core.order import Order, OrderLine, OrderLot, OrderTuple, Part, Use, Waiting
from pipeline.core.rolling import Bucket
from pipeline.core.wallet import Lot, LotTuple, hold_terms, hold_tuple
from pipeline.wire.state_versions import NO_POOLS, PackedLots, PackedMember, PackedPools, upgraded

MEMBER_VERSION: Final = 5
MEMBER_VERSIONS: Final = (1, 2, 3, 4, 5)
"""Versions of packed members that can be read; the last is written."""
ORDER_VERSION: Final = 3
HEADER: Final = Struct(">BQ")
ORDER_HEADER: Final = bytes([ORDER_VERSION])
FIRST_ORDER_HEADER: Final = bytes([1])
"""Orders as version 1 wrote them: without what only some orders have."""
SECOND_ORDER_HEADER: Final = bytes([2])
"""Orders as version 2 wrote them: without grants."""

EVENT_TYPE_CODES: Final[dict[str, int]] = {
    "transaction_completed": 1,
    "transaction_refunded": 2,
    "member_enrolled": 3,
    "profile_changed": 4,
    "onboarding_completed": 5,
    "subscription_renewed": 6,
    "referral_accepted": 7,
    "referral_joined": 8,
    "emi_payment_succeeded": 9,
    "redemption_requested": 10,
    "redemption_cancelled": 11,
    "fulfillment_outcome": 12,
    "points_adjusted": 13,
    "custom_event": 14,
    "member_quarantined": 15,
    "quarantine_released": 16,
    "transaction_cancelled": 20,
    "redemption_confirmed": 21,
    "review_decided": 60,
    "birthday_reached": 40,
    "anniversary_reached": 41,
    "transfer_requested": 42,
    "transfer_received": 43,
    "transfer_returned": 44,
    "referral_qualified": 45,
    "pool_answered": 22,
    "household_joined": 70,
    "household_left": 71,
    "points_pooled": 72,
}
"""Event type to its number in packed members. A number is never given to another type."""

EVENT_TYPES: Final[dict[int, str]] = {code: name for name, code in EVENT_TYPE_CODES.items()}

SecondRestTuple = tuple[
    int, bool, tuple[OrderLine, ...], str, int, tuple[Part, ...], tuple[Use, ...], tuple[int, int], tuple[Waiting, ...]
]
SecondOrderTuple = tuple[int, str, int, int, tuple[OrderLot, ...], SecondRestTuple | None]

_encoder: Final = msgspec.msgpack.Encoder()
_member_decoder: Final = msgspec.msgpack.Decoder(PackedMember)
_second_order_decoder: Final = msgspec.msgpack.Decoder(SecondOrderTuple)
_order_decoder: Final = msgspec.msgpack.Decoder(OrderTuple)
_first_order_decoder: Final = msgspec.msgpack.Decoder(tuple[int, str, int, int, tuple[OrderLot, ...]])


class UnreadableState(Exception):
    """Packed state that this version cannot read: wipe and rebuild the store, or upgrade the pipeline."""


def pack_member(member: Member) -> bytes:
    """The member as bytes. Raises KeyError for a counted event type without a number."""
    clock_ms = member.clock_ms
    wallets = [
        (
            unit,
            one.available,
            one.pending,
            one.held,
            one.debt,
            pack_lots(one.lots, clock_ms),
            pack_pending_lots(one.pending_lots, clock_ms),
            one.slides_until_ms,
            one.lapsed_seq,
        )
        for unit, one in member.wallets.items()
    ]
    body = (
        member.member_id,
        member.version,
        member.seq,
        member.last_hash,
        clock_ms,
        member.enrolled_at_ms,
        member.country,
        member.segment,
        member.birth_date,
        member.tier,
        member.tier_until_ms,
        member.qualifying_year,
        member.qualifying_points,
        member.qualifying_previous,
        wallets,
        [hold_tuple(redemption_id, hold) for redemption_id, hold in member.holds.items()],
        {EVENT_TYPE_CODES[name]: count for name, count in member.event_counts.items()},
        {rule_id: clock_ms - at_ms for rule_id, at_ms in member.awarded_at_ms.items()},
        [(key, clock_ms - one.start_ms, one.points, one.count) for key, one in member.windows.items()],
        member.quarantined,
        member.parked,
        member.parked_from,
        hold_terms(member.holds),
        {key: [number for bucket in buckets for number in bucket] for key, buckets in member.rolling.items()},
        member.progress,
        member.qualifying_periods,
        member.tier_rise_ms,
        member.occasions,
        None if member.counts is None else pack_counts(member.counts, clock_ms),
        member.referral,
        [review.to_tuple(review_id) for review_id, review in member.reviews.items()],
        pools_of(member),
    )
    return HEADER.pack(MEMBER_VERSION, member.next_due_ms) + _encoder.encode(body)


def pools_of(member: Member) -> PackedPools | None:
    """What the member has asked of pools and holds of them, and the household; most have nothing."""
    awaited = tuple([awaited_tuple(request_id, one) for request_id, one in member.awaited.items()])
    pooled = holds_pooled(member.holds) if member.holds else ()
    drawn = holds_drawn(member.holds) if member.holds else ()
    if not (awaited or pooled or drawn or member.household):
        return None
    return (awaited, pooled, awaited_reviews(member.awaited), member.household, drawn)


def unpack_member(packed: bytes) -> Member:
    """The member that was packed. Raises UnreadableState."""
    next_due_ms = packed_next_due_ms(packed)
    try:
        body = (
            _member_decoder.decode(memoryview(packed)[HEADER.size :])
            if packed[0] == MEMBER_VERSION
            else upgraded(packed[0], memoryview(packed)[HEADER.size :])
        )
        clock_ms = body[4]
        wallets = tuple(
            [
                (*wallet[:5], unpack_lots(wallet[5], clock_ms), unpack_pending_lots(wallet[6], clock_ms), *wallet[7:])
                for wallet in body[14]
            ]
        )
        rolling = tuple([(key, unpack_buckets(numbers)) for key, numbers in body[23].items()])
        signals = None if body[28] is None else unpack_counts(body[28], clock_ms)
        counts = tuple([(EVENT_TYPES[code], count) for code, count in body[16].items()])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableState(
            f"packed member of {len(packed)} bytes: {error}; wipe the store and restore it"
        ) from error
    awarded = tuple([(rule_id, clock_ms - before_ms) for rule_id, before_ms in body[17].items()])
    windows = tuple([(key, clock_ms - before_ms, points, count) for key, before_ms, points, count in body[18]])
    return Member.from_tuple(
        (
            next_due_ms,
            *body[:14],
            wallets,
            body[15],
            counts,
            awarded,
            windows,
            *body[19:23],
            rolling,
            tuple(body[24].items()),
            tuple(body[25].items()),
            body[26],
            tuple(body[27].items()),
            signals,
            body[29],
            body[30],
            *(NO_POOLS if body[31] is None else body[31]),
        )
    )


def unpack_buckets(numbers: list[int]) -> tuple[Bucket, ...]:
    """Buckets of a rolling limit. Raises ValueError for numbers that are not three each."""
    fields = iter(numbers)
    return tuple(zip(fields, fields, fields, strict=True))


def pack_lots(lots: list[Lot], clock_ms: int) -> PackedLots:
    """Available lots, three numbers each: seq and expiry less those of the lot before it, and points between them.

    The first expiry is less the clock; a lot that never expires has nil there, and the next one skips it.
    """
    packed: PackedLots = []
    seq, expires_at_ms = 0, clock_ms
    for lot in lots:
        packed.append(lot.seq - seq)
        packed.append(lot.points)
        seq = lot.seq
        if lot.expires_at_ms:
            packed.append(lot.expires_at_ms - expires_at_ms)
            expires_at_ms = lot.expires_at_ms
        else:
            packed.append(None)
    return packed


def unpack_lots(packed: PackedLots, clock_ms: int) -> tuple[LotTuple, ...]:
    """The available lots that were packed. Raises ValueError or TypeError for a list that is none."""
    lots: list[LotTuple] = []
    seq, expires_at_ms = 0, clock_ms
    fields = iter(packed)
    for seq_step, points, expires_step in zip(fields, fields, fields, strict=True):
        if seq_step is None or points is None:
            raise TypeError("a lot without seq or points")
        seq += seq_step
        if expires_step is None:
            lots.append((seq, points, 0, 0))
        else:
            expires_at_ms += expires_step
            lots.append((seq, points, 0, expires_at_ms))
    return tuple(lots)


def pack_pending_lots(lots: list[Lot], clock_ms: int) -> PackedLots:
    """Pending lots, four numbers each: seq, points, availability and expiry; the last counts from availability, or is
    nil.

    Seq and availability are less those of the lot before it, the first availability less the clock.
    """
    packed: PackedLots = []
    seq, available_at_ms = 0, clock_ms
    for lot in lots:
        packed.append(lot.seq - seq)
        packed.append(lot.points)
        packed.append(lot.available_at_ms - available_at_ms)
        packed.append(lot.expires_at_ms - lot.available_at_ms if lot.expires_at_ms else None)
        seq, available_at_ms = lot.seq, lot.available_at_ms
    return packed


def unpack_pending_lots(packed: PackedLots, clock_ms: int) -> tuple[LotTuple, ...]:
    """The pending lots that were packed. Raises ValueError or TypeError for a list that is none."""
    lots: list[LotTuple] = []
    seq, available_at_ms = 0, clock_ms
    fields = iter(packed)
    for seq_step, points, available_step, lasting_ms in zip(fields, fields, fields, fields, strict=True):
        if seq_step is None or points is None or available_step is None:
            raise TypeError("a pending lot without seq, points or availability")
        seq += seq_step
        available_at_ms += available_step
        lots.append((seq, points, available_at_ms, 0 if lasting_ms is None else available_at_ms + lasting_ms))
    return tuple(lots)


def packed_next_due_ms(packed: bytes) -> int:
    """When time next changes a packed member, or 0. Raises UnreadableState."""
    if len(packed) < HEADER.size or packed[0] not in MEMBER_VERSIONS:
        raise UnreadableState(
            f"packed member starts with {packed[:1].hex() or 'nothing'}; this pipeline reads versions 1 to "
            f"{MEMBER_VERSION}: use the version that wrote it, or wipe the store and restore it"
        )
    next_due_ms: int = HEADER.unpack_from(packed)[1]
    return next_due_ms


def pack_order(order: Order) -> bytes:
    """The order as bytes."""
    return ORDER_HEADER + _encoder.encode(order.to_tuple())


def unpack_order(packed: bytes) -> Order:
    """The order that was packed. Raises UnreadableState."""
    if packed[:1] not in (ORDER_HEADER, SECOND_ORDER_HEADER, FIRST_ORDER_HEADER):
        raise UnreadableState(
            f"packed order starts with {packed[:1].hex() or 'nothing'}; "
            f"this pipeline reads versions 1 to {ORDER_VERSION}: use the version "
            f"that wrote it, or wipe the store and restore it"
        )
    try:
        body = memoryview(packed)[1:]
        if packed[:1] == FIRST_ORDER_HEADER:
            return Order.from_tuple((*_first_order_decoder.decode(body), None))
        if packed[:1] == SECOND_ORDER_HEADER:
            second = _second_order_decoder.decode(body)
            rest = second[5]
            return Order.from_tuple((*second[:5], None if rest is None else (*rest, ())))
        return Order.from_tuple(_order_decoder.decode(body))
    except msgspec.DecodeError as error:
        raise UnreadableState(f"packed order of {len(packed)} bytes: {error}; wipe the store and restore it") from error
