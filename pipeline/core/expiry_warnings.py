"""Members are told in time of points that will expire: due work of the member's own, once for each date of expiry."""

from bisect import bisect_right
from typing import Final

from pipeline.core import notices
from pipeline.core.expiry import SLIDING_MS, burn_order, first_sliding
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.program import Program
from pipeline.core.wallet import Wallet

PREFIX: Final = "expiring:"
"""Before the unit, this is the warning's name among the member's occasions, whose third number is up to which date of
expiry the member has been told."""
NEVER_TOLD: Final = (0, 0, 0)
ANY_SEQ: Final = 1 << 62
"""Above the number of every lot."""


def schedule(member: Member, program: Program, after_ms: int) -> None:
    """Note when each unit's next warning is due: so long before the first date that was not told of, or at once."""
    for unit, wallet in member.wallets.items():
        name = PREFIX + unit
        due_ms, _, told_ms = member.occasions.get(name, NEVER_TOLD)
        expires_ms = next_expiry(wallet, told_ms)
        coming_ms = max(expires_ms - program.warns_ms, after_ms) if expires_ms else 0
        if coming_ms != due_ms:
            member.occasions[name] = (coming_ms, 0, told_ms)


def warn(posting: Posting, program: Program, name: str, log_time_ms: int) -> None:
    """The warning is due: tell of all that expires by the end of the time that is warned of, and was not told of."""
    member = posting.member
    unit = name[len(PREFIX) :]
    _, _, told_ms = member.occasions[name]
    if not program.warns_ms:
        del member.occasions[name]
        return
    until_ms = posting.occurred_at_ms + program.warns_ms
    points, latest_ms = expiring(member.wallets[unit], told_ms, until_ms)
    member.occasions[name] = (0, 0, latest_ms)
    if points and not log_time_ms:
        notices.of_expiring(posting, program, unit, points)


def next_expiry(wallet: Wallet, told_ms: int) -> int:
    """The first date after `told_ms` on which available points expire, or 0."""
    found = 0
    place = bisect_right(wallet.lots, (told_ms, ANY_SEQ), key=burn_order)
    if place < len(wallet.lots) and 0 < wallet.lots[place].expires_at_ms < SLIDING_MS:
        found = wallet.lots[place].expires_at_ms
    if wallet.slides_until_ms > told_ms and first_sliding(wallet) is not None:
        found = min(found, wallet.slides_until_ms) if found else wallet.slides_until_ms
    return found


def expiring(wallet: Wallet, told_ms: int, until_ms: int) -> tuple[int, int]:
    """(available points that expire after `told_ms` and up to `until_ms`, the last date of theirs or `told_ms`)."""
    points, latest_ms = 0, told_ms
    for lot in wallet.lots:
        expires_ms = wallet.slides_until_ms if lot.expires_at_ms == SLIDING_MS else lot.expires_at_ms
        if told_ms < expires_ms <= until_ms:
            points += lot.points
            latest_ms = max(latest_ms, expires_ms)
    return points, latest_ms
