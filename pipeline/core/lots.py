"""Lots: how points enter a wallet, become available, are burned earliest expiry first, and expire."""

from bisect import bisect_left, insort
from typing import Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.expiry import SLIDING_MS, burn_order, has_passed
from pipeline.core.ledger import EXPIRED, Posting
from pipeline.core.member import Member
from pipeline.core.wallet import Lot, Wallet

NEVER_MS: Final = 1 << 62


def wallet_of(member: Member, unit: str) -> Wallet:
    """The member's wallet of a unit, made when first asked for."""
    wallet = member.wallets.get(unit)
    if wallet is None:
        wallet = Wallet(0, 0, 0, 0, [], [])
        member.wallets[unit] = wallet
    return wallet


def room(wallet: Wallet) -> int:
    """Points that the wallet can still take."""
    return WALLET_MAX - wallet.available - wallet.pending - wallet.held


def issue(
    posting: Posting,
    wallet: Wallet,
    kind: str,
    unit: str,
    points: int,
    debit: str,
    available_at_ms: int,
    expires_at_ms: int,
    rule_id: str,
) -> int:
    """Book a new lot from account `debit`, as leg 0 of `rule_id`; leg 1 repays debt. Returns the lot's seq."""
    seq = posting.member.seq + 1
    lot = Lot(seq, points, available_at_ms, expires_at_ms)
    if available_at_ms:
        wallet.pending += points
        insert_pending(wallet.pending_lots, lot)
        posting.post(kind, unit, points, debit, posting.pending, seq, rule_id, 0)
        return seq
    wallet.available += points
    insert_available(wallet.lots, lot)
    posting.post(kind, unit, points, debit, posting.available, seq, rule_id, 0)
    if wallet.debt:
        repay(posting, wallet, unit, lot, rule_id, 1)
    return seq


def repay(posting: Posting, wallet: Wallet, unit: str, lot: Lot, rule_id: str, leg: int) -> int:
    """Repay debt from a lot that has just become available. Returns the number of entries: 0 or 1."""
    points = min(wallet.debt, lot.points)
    if not points:
        return 0
    wallet.debt -= points
    take(wallet, lot, points)
    posting.post("debt", unit, points, posting.available, posting.debt, lot.seq, rule_id, leg)
    return 1


def release(posting: Posting, wallet: Wallet, unit: str) -> None:
    """The first pending lot becomes available, and repays debt first."""
    lot = wallet.pending_lots.pop(0)
    wallet.pending -= lot.points
    wallet.available += lot.points
    lot.available_at_ms = 0
    insert_available(wallet.lots, lot)
    posting.post("release", unit, lot.points, posting.pending, posting.available, lot.seq, "release", 0)
    repay(posting, wallet, unit, lot, "release", 1)


def expire(posting: Posting, wallet: Wallet, unit: str, lot: Lot, leg: int) -> None:
    """What is left of an available lot leaves the wallet."""
    points = lot.points
    take(wallet, lot, points)
    posting.post("expire", unit, points, posting.available, EXPIRED, lot.seq, "expire", leg)


def take(wallet: Wallet, lot: Lot, points: int) -> None:
    """Remove points from a lot, and the lot when nothing is left."""
    assert 0 < points <= lot.points, f"taking {points} points from {lot!r}"
    if lot.available_at_ms:
        wallet.pending -= points
        assert wallet.pending >= 0, f"pending points below zero: {wallet!r}"
        if points == lot.points:
            del wallet.pending_lots[bisect_left(wallet.pending_lots, release_order(lot), key=release_order)]
    else:
        wallet.available -= points
        assert wallet.available >= 0, f"available points below zero: {wallet!r}"
        if points == lot.points:
            del wallet.lots[bisect_left(wallet.lots, burn_order(lot), key=burn_order)]
    lot.points -= points


def burn(wallet: Wallet, points: int) -> list[tuple[int, int, int]]:
    """Take available points, earliest expiry first, then lowest seq: (lot seq, points, expires_at_ms) of each part."""
    assert 0 < points <= wallet.available, f"burning {points} points of {wallet!r}"
    wallet.available -= points
    parts: list[tuple[int, int, int]] = []
    emptied = 0
    for lot in wallet.lots:
        part = min(points, lot.points)
        parts.append((lot.seq, part, lot.expires_at_ms))
        lot.points -= part
        points -= part
        if not lot.points:
            emptied += 1
        if not points:
            break
    assert not points, f"{points} points more than the lots of {wallet!r} have"
    del wallet.lots[:emptied]
    return parts


def restore(wallet: Wallet, seq: int, points: int, expires_at_ms: int) -> Lot:
    """Points that were held return to their lot, with the expiry they had."""
    wallet.available += points
    returned = Lot(seq, points, 0, expires_at_ms)
    place = bisect_left(wallet.lots, burn_order(returned), key=burn_order)
    if place < len(wallet.lots) and wallet.lots[place].seq == seq:
        wallet.lots[place].points += points
        return wallet.lots[place]
    wallet.lots.insert(place, returned)
    return returned


def give_back(
    posting: Posting,
    unit: str,
    parts: list[tuple[int, int, int]],
    debit: str,
    kind: str,
    rule_id: str,
    legs: int = 0,
) -> int:
    """Parts (lot seq, points, expires_at_ms) return from account `debit` to their lots, as legs of `rule_id`.

    A part whose expiry has passed expires at once; another repays debt first. `legs` are those that the rule has had;
    returns how many it has had then.
    """
    now_ms = posting.member.clock_ms
    wallet = wallet_of(posting.member, unit)
    for seq, points, expires_at_ms in parts:
        lot = restore(wallet, seq, points, expires_at_ms)
        posting.post(kind, unit, points, debit, posting.available, seq, rule_id, legs)
        legs += 1
        if has_passed(wallet, seq, expires_at_ms, now_ms):
            expire(posting, wallet, unit, lot, legs)
            legs += 1
        else:
            legs += repay(posting, wallet, unit, lot, rule_id, legs)
    return legs


def find(lots: list[Lot], seq: int) -> Lot | None:
    """The lot of a number, or None."""
    for lot in lots:
        if lot.seq == seq:
            return lot
    return None


def insert_available(lots: list[Lot], lot: Lot) -> None:
    """Put a lot in its place among available ones: mostly at the end, since later lots expire later."""
    if not lots or burn_order(lots[-1]) < burn_order(lot):
        lots.append(lot)
    else:
        insort(lots, lot, key=burn_order)


def insert_pending(lots: list[Lot], lot: Lot) -> None:
    """Put a lot in its place among pending ones: mostly at the end, since later lots are released later."""
    if not lots or release_order(lots[-1]) < release_order(lot):
        lots.append(lot)
    else:
        insort(lots, lot, key=release_order)


def next_due(member: Member) -> int:
    """When time next changes this member, or 0."""
    next_ms = member.tier_until_ms or NEVER_MS
    if 0 < member.tier_rise_ms < next_ms:
        next_ms = member.tier_rise_ms
    for wallet in member.wallets.values():
        if wallet.pending_lots:
            next_ms = min(next_ms, wallet.pending_lots[0].available_at_ms)
        if wallet.lots and 0 < wallet.lots[0].expires_at_ms < SLIDING_MS:
            next_ms = min(next_ms, wallet.lots[0].expires_at_ms)
        if wallet.slides_until_ms:
            next_ms = min(next_ms, wallet.slides_until_ms)
    for review in member.reviews.values():
        if review.due_ms:
            next_ms = min(next_ms, review.due_ms)
    for hold in member.holds.values():
        if hold.timeout_at_ms:
            next_ms = min(next_ms, hold.timeout_at_ms)
    for at_ms, _, _ in member.occasions.values():
        if at_ms:
            next_ms = min(next_ms, at_ms)
    return 0 if next_ms == NEVER_MS else next_ms


def release_order(lot: Lot) -> tuple[int, int]:
    """Pending lots are released in ascending order of this."""
    return (lot.available_at_ms, lot.seq)
