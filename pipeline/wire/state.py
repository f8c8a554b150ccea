"""Packed members and orders: what RocksDB and the changelog hold.

A packed member is a version byte, `next_due_ms` as 8 bytes big-endian, and MessagePack of the rest of
`Member.to_tuple`, with event types as numbers. A packed order is a version byte and MessagePack of `Order.to_tuple`.
"""

from struct import Struct
from typing import Final

import msgspec

from pipeline.core.member import Member, Order, OrderTuple
from pipeline.core.wallet import HoldTuple, WalletTuple, WindowTuple

MEMBER_VERSION: Final = 1
ORDER_VERSION: Final = 1
HEADER: Final = Struct(">BQ")
ORDER_HEADER: Final = bytes([ORDER_VERSION])

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
}
"""Event type to its number in packed members. A number is never given to another type."""

EVENT_TYPES: Final[dict[int, str]] = {code: name for name, code in EVENT_TYPE_CODES.items()}

PackedMember = tuple[
    str,
    int,
    int,
    bytes,
    int,
    int,
    str,
    str,
    str,
    str,
    int,
    int,
    int,
    int,
    tuple[WalletTuple, ...],
    tuple[HoldTuple, ...],
    dict[int, int],
    dict[str, int],
    tuple[WindowTuple, ...],
    bool,
    int,
    int,
]
"""`Member.to_tuple` without `next_due_ms`, and with the counters as maps, those of events by the type's number."""

_encoder: Final = msgspec.msgpack.Encoder()
_member_decoder: Final = msgspec.msgpack.Decoder(PackedMember)
_order_decoder: Final = msgspec.msgpack.Decoder(OrderTuple)


class UnreadableState(Exception):
    """Packed state that this version of the pipeline cannot read: the store is to be wiped and rebuilt, or the pipeline
    upgraded."""


def pack_member(member: Member) -> bytes:
    """The member as bytes. Raises KeyError for a counted event type without a number."""
    values = member.to_tuple()
    counts = {EVENT_TYPE_CODES[name]: count for name, count in member.event_counts.items()}
    body = (*values[1:17], counts, member.awarded_at_ms, *values[19:])
    return HEADER.pack(MEMBER_VERSION, values[0]) + _encoder.encode(body)


def unpack_member(packed: bytes) -> Member:
    """The member that was packed. Raises UnreadableState."""
    next_due_ms = packed_next_due_ms(packed)
    try:
        body = _member_decoder.decode(memoryview(packed)[HEADER.size :])
        counts = tuple([(EVENT_TYPES[code], count) for code, count in body[16].items()])
    except (msgspec.DecodeError, KeyError) as error:
        raise UnreadableState(
            f"packed member of {len(packed)} bytes: {error}; wipe the store and restore it"
        ) from error
    return Member.from_tuple((next_due_ms, *body[:16], counts, tuple(body[17].items()), *body[18:]))


def packed_next_due_ms(packed: bytes) -> int:
    """When time next changes a packed member, or 0. Raises UnreadableState."""
    if len(packed) < HEADER.size or packed[0] != MEMBER_VERSION:
        raise UnreadableState(
            f"packed member starts with {packed[:1].hex() or 'nothing'}; this pipeline reads version {MEMBER_VERSION}: "
            f"use the version that wrote it, or wipe the store and restore it"
        )
    next_due_ms: int = HEADER.unpack_from(packed)[1]
    return next_due_ms


def pack_order(order: Order) -> bytes:
    """The order as bytes."""
    return ORDER_HEADER + _encoder.encode(order.to_tuple())


def unpack_order(packed: bytes) -> Order:
    """The order that was packed. Raises UnreadableState."""
    if packed[:1] != ORDER_HEADER:
        raise UnreadableState(
            f"packed order starts with {packed[:1].hex() or 'nothing'}; this pipeline reads version {ORDER_VERSION}: "
            f"use the version that wrote it, or wipe the store and restore it"
        )
    try:
        amount_minor, currency, occurred_at_ms, refunded_minor, lots = _order_decoder.decode(memoryview(packed)[1:])
    except msgspec.DecodeError as error:
        raise UnreadableState(f"packed order of {len(packed)} bytes: {error}; wipe the store and restore it") from error
    return Order(amount_minor, currency, occurred_at_ms, refunded_minor, list(lots))
