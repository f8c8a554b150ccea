"""Due work: what the passing of time does to a member, in order of its time, then kind, then lot."""

from typing import Final

from pipeline.core import lots, tiers
from pipeline.core.activations import Activations
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.member import Member
from pipeline.core.ports import Outputs

RELEASE: Final = 0
EXPIRE: Final = 1
REVIEW: Final = 2


def apply_due(member: Member, until_ms: int, recorded_at_ms: int, activations: Activations, out: Outputs) -> None:
    """Do what fell due up to and including `until_ms`, each under the program and with the date of its own due time.

    Raises UnknownProgram.
    """
    for due_ms, kind, seq, unit in due_lots(member, until_ms):
        review_tier(member, due_ms - 1, recorded_at_ms, activations, out)
        wallet = member.wallets[unit]
        lot = lots.find(wallet, seq)
        if lot is None:
            continue
        name = "release" if kind == RELEASE else "expire"
        program = activations.at(due_ms)
        assert program is not None, f"lot {seq} of member {member.member_id} is due at {due_ms}, before any program"
        posting = Posting(member, out, program.program_hash, f"due:{name}:{seq}", SOURCE, due_ms, recorded_at_ms)
        if kind == RELEASE:
            lots.release(posting, wallet, unit, lot)
        else:
            lots.expire(posting, wallet, unit, lot, 0)
    review_tier(member, until_ms, recorded_at_ms, activations, out)
    member.next_due_ms = lots.next_due(member)


def review_tier(member: Member, until_ms: int, recorded_at_ms: int, activations: Activations, out: Outputs) -> None:
    """Review the tier as often as its validity ends up to `until_ms`: once for every quiet year, down to the first
    tier."""
    while 0 < member.tier_until_ms <= until_ms:
        due_ms = member.tier_until_ms
        program = activations.at(due_ms)
        assert program is not None, f"tier of member {member.member_id} is due at {due_ms}, before any program"
        posting = Posting(member, out, program.program_hash, f"due:tier:{due_ms}", SOURCE, due_ms, recorded_at_ms)
        tiers.review(posting, program)


def due_lots(member: Member, until_ms: int) -> list[tuple[int, int, int, str]]:
    """(due time, RELEASE or EXPIRE, lot seq, unit) up to `until_ms`, in order."""
    due: list[tuple[int, int, int, str]] = []
    for unit, wallet in member.wallets.items():
        for lot in wallet.lots:
            if 0 < lot.available_at_ms <= until_ms:
                due.append((lot.available_at_ms, RELEASE, lot.seq, unit))
            if 0 < lot.expires_at_ms <= until_ms:
                due.append((lot.expires_at_ms, EXPIRE, lot.seq, unit))
    due.sort()
    return due
