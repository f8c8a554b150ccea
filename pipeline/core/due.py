"""Due work: what the passing of time does to a member, in order of its time, then kind, then lot."""

from typing import Final

from pipeline.core import expiry, expiry_warnings, fraud_verdicts, lots, notices, occasions, redemptions, tiers
from pipeline.core.activations import Activations
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.member import Member
from pipeline.core.ports import Outputs, State
from pipeline.core.program import Program

RELEASE: Final = 0
EXPIRE: Final = 1
REVIEW: Final = 2
LAPSE: Final = 3
TIMEOUT: Final = 4
RISE: Final = 5
OCCASION: Final = 6
VERDICT: Final = 7

Due = tuple[int, int, int, str]
"""(due time in ms, kind, lot seq or 0, unit, redemption id, occasion, review id or ""): due work is done in
ascending order."""


def apply_due(
    member: Member,
    until_ms: int,
    recorded_at_ms: int,
    activations: Activations,
    out: Outputs,
    state: State,
    log_time_ms: int = 0,
) -> None:
    """Do what fell due up to and including `until_ms`, each under the program and with the date of its own due time.

    It takes the member's clock along: what an import's answers from pools, which may stand behind a later tick, give
    back to a lot that has expired, expires with them.

    `log_time_ms` stamps what it derives for the log, 0 for now.

    A tier is reviewed as often as its validity ends: once for every quiet year. Raises UnknownProgram.
    """
    due = first_due(member)
    while due is not None and due[0] <= until_ms:
        due_ms, kind, seq, unit = due
        member.clock_ms = max(member.clock_ms, due_ms)
        program = activations.at(due_ms)
        assert program is not None, f"member {member.member_id} has work due at {due_ms}, before any program"
        if kind == LAPSE:
            expiry.lapse(member, member.wallets[unit])
            due = first_due(member)
            continue
        if kind == REVIEW:
            cause = f"due:tier:{due_ms}"
        elif kind == RISE:
            cause = f"due:rise:{due_ms}"
        elif kind == OCCASION:
            cause = f"due:{unit}:{due_ms}"
        elif kind == VERDICT:
            cause = f"due:review:{unit}"
        elif kind == TIMEOUT:
            cause = f"due:timeout:{member.holds[unit].fulfillment_id}"
        else:
            cause = f"due:release:{seq}" if kind == RELEASE else f"due:expire:{seq}"
        posting = Posting(member, out, program.program_hash, cause, SOURCE, due_ms, recorded_at_ms)
        tier = member.tier
        if kind == REVIEW:
            tiers.review(posting, program)
        elif kind == RISE:
            tiers.rise(posting, program)
        elif kind == OCCASION:
            if unit.startswith(expiry_warnings.PREFIX):
                expiry_warnings.warn(posting, program, unit, log_time_ms)
            else:
                occasions.keep(posting, program, unit, log_time_ms)
        elif kind == VERDICT:
            fraud_verdicts.time_out(posting, unit, program, state, log_time_ms)
        elif kind == TIMEOUT:
            redemptions.time_out(posting, unit, program)
        elif kind == RELEASE:
            lots.release(posting, member.wallets[unit], unit)
        else:
            expire(posting, program, unit, seq, log_time_ms)
        if program.notifies and member.tier != tier and not log_time_ms:
            notices.of_tier(posting, program, tier, "")
        if program.occasions:
            occasions.schedule(member, program, due_ms, changed=False)
        if program.warns_ms:
            expiry_warnings.schedule(member, program, due_ms)
        due = first_due(member)
    member.next_due_ms = lots.next_due(member)


def expire(posting: Posting, program: Program, unit: str, seq: int, log_time_ms: int) -> None:
    """Expire the lot `seq`, the first one with a date or the first one that slides, and have the member told."""
    wallet = posting.member.wallets[unit]
    lot = wallet.lots[0]
    if lot.seq != seq:
        sliding = expiry.first_sliding(wallet)
        assert sliding is not None and sliding.seq == seq, f"lot {seq} is due and not in {wallet!r}"
        lot = sliding
    points = lot.points
    lots.expire(posting, wallet, unit, lot, 0)
    if program.notifies and not log_time_ms:
        notices.of_expiry(posting, program, unit, points)


def first_due(member: Member) -> Due | None:
    """The due work that comes first, or None: lots stand in the order of their dates."""
    first: Due | None = (member.tier_until_ms, REVIEW, 0, "") if member.tier_until_ms else None
    if member.tier_rise_ms:
        due = (member.tier_rise_ms, RISE, 0, "")
        if first is None or due < first:
            first = due
    for unit, wallet in member.wallets.items():
        if wallet.pending_lots:
            lot = wallet.pending_lots[0]
            due = (lot.available_at_ms, RELEASE, lot.seq, unit)
            if first is None or due < first:
                first = due
        if wallet.slides_until_ms:
            sliding = expiry.first_sliding(wallet)
            until_ms = wallet.slides_until_ms
            due = (until_ms, LAPSE, 0, unit) if sliding is None else (until_ms, EXPIRE, sliding.seq, unit)
            if first is None or due < first:
                first = due
        if wallet.lots and 0 < wallet.lots[0].expires_at_ms < expiry.SLIDING_MS:
            lot = wallet.lots[0]
            due = (lot.expires_at_ms, EXPIRE, lot.seq, unit)
            if first is None or due < first:
                first = due
    for review_id, review in member.reviews.items():
        if review.due_ms:
            due = (review.due_ms, VERDICT, 0, review_id)
            if first is None or due < first:
                first = due
    for redemption_id, hold in member.holds.items():
        if hold.timeout_at_ms:
            due = (hold.timeout_at_ms, TIMEOUT, 0, redemption_id)
            if first is None or due < first:
                first = due
    for occasion, (at_ms, _, _) in member.occasions.items():
        if at_ms:
            due = (at_ms, OCCASION, 0, occasion)
            if first is None or due < first:
                first = due
    return first
