"""Lots: how points enter a wallet, become available, are burned earliest expiry first, and expire."""

from bisect import bisect_left
from typing import Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.ledger import EXPIRED, Posting
from pipeline.core.member import Member
from pipeline.core.wallet import Lot, Wallet

NEVER_MS: Final = 1 << 62


def wallet_of(member: Member, unit: str) -> Wallet:
    """The member's wallet of a unit, made when first asked for."""
    wallet = member.wallets.get(unit)
    if wallet is None:
        wallet = Wallet(0, 0, 0, 0, [])
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
    member = posting.member
    seq = member.seq + 1
    wallet.lots.append(Lot(seq, points, available_at_ms, expires_at_ms))
    if available_at_ms:
        wallet.pending += points
        posting.post(kind, unit, points, debit, posting.pending, seq, rule_id, 0)
        bring_forward(member, available_at_ms)
        return seq
    wallet.available += points
    posting.post(kind, unit, points, debit, posting.available, seq, rule_id, 0)
    if wallet.debt:
        repay(posting, wallet, unit, wallet.lots[-1], rule_id, 1)
    if expires_at_ms and wallet.available:
        bring_forward(member, expires_at_ms)
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


def release(posting: Posting, wallet: Wallet, unit: str, lot: Lot) -> None:
    """A pending lot becomes available, and repays debt first."""
    wallet.pending -= lot.points
    wallet.available += lot.points
    lot.available_at_ms = 0
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
    else:
        wallet.available -= points
        assert wallet.available >= 0, f"available points below zero: {wallet!r}"
    lot.points -= points
    if not lot.points:
        del wallet.lots[bisect_left(wallet.lots, lot.seq, key=seq_of)]


def burn(wallet: Wallet, points: int) -> list[tuple[int, int, int]]:
    """Take available points, earliest expiry first, then lowest seq: (lot seq, points, expires_at_ms) of each part."""
    parts: list[tuple[int, int, int]] = []
    for lot in sorted([lot for lot in wallet.lots if not lot.available_at_ms], key=burn_order):
        part = min(points, lot.points)
        parts.append((lot.seq, part, lot.expires_at_ms))
        take(wallet, lot, part)
        points -= part
        if not points:
            break
    assert not points, f"{points} points more than there were to burn"
    return parts


def restore(wallet: Wallet, seq: int, points: int, expires_at_ms: int) -> Lot:
    """Points that were held return to their lot, with the expiry they had."""
    wallet.available += points
    lot = find(wallet, seq)
    if lot is None:
        lot = Lot(seq, points, 0, expires_at_ms)
        wallet.lots.insert(bisect_left(wallet.lots, seq, key=seq_of), lot)
    else:
        lot.points += points
    return lot


def find(wallet: Wallet, seq: int) -> Lot | None:
    """The lot with points left, or None."""
    place = bisect_left(wallet.lots, seq, key=seq_of)
    if place < len(wallet.lots) and wallet.lots[place].seq == seq:
        return wallet.lots[place]
    return None


def next_due(member: Member) -> int:
    """When time next changes this member, or 0."""
    next_ms = member.tier_until_ms
    for wallet in member.wallets.values():
        for lot in wallet.lots:
            due_ms = lot.available_at_ms or lot.expires_at_ms
            if due_ms and (not next_ms or due_ms < next_ms):
                next_ms = due_ms
    return next_ms


def bring_forward(member: Member, due_ms: int) -> None:
    """Note that something falls due at `due_ms`."""
    if not member.next_due_ms or due_ms < member.next_due_ms:
        member.next_due_ms = due_ms


def seq_of(lot: Lot) -> int:
    """Lots of a wallet ascend by this."""
    return lot.seq


def burn_order(lot: Lot) -> tuple[int, int]:
    """Lots burn in ascending order of this."""
    return (lot.expires_at_ms or NEVER_MS, lot.seq)
