"""Expiry: when points cease to be, by a date of their own or with the whole unit when nothing is earned for long."""

from bisect import bisect_left
from typing import Final

from pipeline.core.calendar import Calendar
from pipeline.core.member import Member
from pipeline.core.program import Period, Unit
from pipeline.core.wallet import Lot, Wallet

SLIDING_MS: Final = (1 << 62) - 1
"""`expires_at_ms` of a lot that expires when its wallet's `slides_until_ms` says so. Such lots burn after those with a
date and before those that never expire."""


def date_after(calendar: Calendar, lasts: Period, from_ms: int) -> int:
    """When points that are available from `from_ms` expire, or 0 for never."""
    if lasts.months or lasts.ms:
        at_ms = calendar.add(from_ms, lasts.months, lasts.ms)
    elif lasts.end_of:
        at_ms = from_ms
    else:
        return 0
    return calendar.window_end(lasts.end_of, at_ms) if lasts.end_of else at_ms


def of_unit(calendar: Calendar, unit: Unit, wallet: Wallet, from_ms: int) -> int:
    """What a lot of the unit that is available from `from_ms` has as `expires_at_ms`; prolongs the others where the
    unit slides."""
    if unit.sliding:
        prolong(calendar, unit, wallet, from_ms)
        return SLIDING_MS
    return date_after(calendar, unit.expires, from_ms)


def prolong(calendar: Calendar, unit: Unit, wallet: Wallet, from_ms: int) -> None:
    """Activity at `from_ms`: all sliding points of the wallet live for the unit's period from then; never shorter than
    they already do."""
    until_ms = calendar.add(from_ms, unit.expires.months, unit.expires.ms)
    wallet.slides_until_ms = max(wallet.slides_until_ms, until_ms)


def lapse(member: Member, wallet: Wallet) -> None:
    """The wallet's sliding points have expired; those on hold expire when they return."""
    wallet.slides_until_ms = 0
    wallet.lapsed_seq = member.seq


def has_passed(wallet: Wallet, seq: int, expires_at_ms: int, now_ms: int) -> bool:
    """Whether points of a lot that return at `now_ms`, from a hold or an order, have expired meanwhile."""
    if expires_at_ms == SLIDING_MS:
        return seq <= wallet.lapsed_seq
    return 0 < expires_at_ms <= now_ms


def first_sliding(wallet: Wallet) -> Lot | None:
    """The first available lot that slides, or None."""
    place = bisect_left(wallet.lots, (SLIDING_MS, 0), key=burn_order)
    if place < len(wallet.lots) and wallet.lots[place].expires_at_ms == SLIDING_MS:
        return wallet.lots[place]
    return None


def burn_order(lot: Lot) -> tuple[int, int]:
    """Available lots burn and expire in ascending order of this."""
    return (lot.expires_at_ms or SLIDING_MS + 1, lot.seq)
