"""What packed members look like, of this version and of earlier ones, and how an earlier one is brought up to date."""

from typing import Final

import msgspec

from pipeline.core.awaited import AwaitedReview, AwaitedTuple, HoldDrawn, HoldPooled
from pipeline.core.fraud_packing import PackedCounts
from pipeline.core.fraud_review import ReviewTuple
from pipeline.core.member import Occasion, Referral
from pipeline.core.milestones import Progress
from pipeline.core.wallet import HoldTerms, HoldTuple, WindowTuple

PackedLots = list[int | None]
PackedWallet1 = tuple[str, int, int, int, int, PackedLots, PackedLots]
PackedWallet = tuple[str, int, int, int, int, PackedLots, PackedLots, int, int]
PackedPools4 = tuple[tuple[AwaitedTuple, ...], tuple[HoldPooled, ...]]
PackedPools = tuple[
    tuple[AwaitedTuple, ...], tuple[HoldPooled, ...], tuple[AwaitedReview, ...], str, tuple[HoldDrawn, ...]
]
NO_POOLS: Final[PackedPools] = ((), (), (), "", ())
PackedMember1 = tuple[
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
    list[PackedWallet1],
    tuple[HoldTuple, ...],
    dict[int, int],
    dict[str, int],
    list[WindowTuple],
    bool,
    int,
    int,
]
"""A packed member of version 1: what came later has its default."""
PackedMember2 = tuple[
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
    list[PackedWallet],
    tuple[HoldTuple, ...],
    dict[int, int],
    dict[str, int],
    list[WindowTuple],
    bool,
    int,
    int,
    tuple[HoldTerms, ...],
    dict[str, list[int]],
    dict[str, Progress],
]
"""A packed member of version 2."""
PackedMember3 = tuple[
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
    list[PackedWallet],
    tuple[HoldTuple, ...],
    dict[int, int],
    dict[str, int],
    list[WindowTuple],
    bool,
    int,
    int,
    tuple[HoldTerms, ...],
    dict[str, list[int]],
    dict[str, Progress],
    dict[int, int],
    int,
    dict[str, Occasion],
    PackedCounts | None,
    Referral | None,
    tuple[ReviewTuple, ...],
]
"""A packed member of version 3: without what it has asked of pools."""
PackedMember4 = tuple[
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
    list[PackedWallet],
    tuple[HoldTuple, ...],
    dict[int, int],
    dict[str, int],
    list[WindowTuple],
    bool,
    int,
    int,
    tuple[HoldTerms, ...],
    dict[str, list[int]],
    dict[str, Progress],
    dict[int, int],
    int,
    dict[str, Occasion],
    PackedCounts | None,
    Referral | None,
    tuple[ReviewTuple, ...],
    PackedPools4 | None,
]
"""A packed member of version 4: without the awards that are reviewed when they are granted, and households."""
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
    list[PackedWallet],
    tuple[HoldTuple, ...],
    dict[int, int],
    dict[str, int],
    list[WindowTuple],
    bool,
    int,
    int,
    tuple[HoldTerms, ...],
    dict[str, list[int]],
    dict[str, Progress],
    dict[int, int],
    int,
    dict[str, Occasion],
    PackedCounts | None,
    Referral | None,
    tuple[ReviewTuple, ...],
    PackedPools | None,
]
"""`Member.to_tuple` without `next_due_ms`; counters as maps, those of events by the type's number; times of awards and
windows as ms before the member's clock; buckets of rolling limits as one list of numbers, three each; lots as
`pack_lots` and `pack_pending_lots` write them, what fraud signals count as `pack_counts` does."""

_member1_decoder: Final = msgspec.msgpack.Decoder(PackedMember1)
_member2_decoder: Final = msgspec.msgpack.Decoder(PackedMember2)
_member3_decoder: Final = msgspec.msgpack.Decoder(PackedMember3)
_member4_decoder: Final = msgspec.msgpack.Decoder(PackedMember4)


def upgraded(version: int, body: memoryview) -> PackedMember:
    """What a packed member of an earlier version says, as this version has it. Raises msgspec.DecodeError."""
    if version == 4:
        fourth = _member4_decoder.decode(body)
        return (*fourth[:31], None if fourth[31] is None else (*fourth[31], (), "", ()))
    if version == 3:
        return (*_member3_decoder.decode(body), None)
    if version == 2:
        return (*_member2_decoder.decode(body), {}, 0, {}, None, None, (), None)
    old = _member1_decoder.decode(body)
    wallets = [(*wallet, 0, 0) for wallet in old[14]]
    return (*old[:14], wallets, *old[15:], (), {}, {}, {}, 0, {}, None, None, (), None)
