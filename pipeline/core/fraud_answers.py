"""What the pools of signals across members answer: a redemption goes on and points are given, or the signal acts."""

from typing import Final

from pipeline.core import fraud_verdicts, reasons, redemptions
from pipeline.core.awaited import Awaited
from pipeline.core.events import Event
from pipeline.core.fraud_across import asking, stop_asking
from pipeline.core.fraud_holding import of_redemption, open_review, withdraw
from pipeline.core.fraud_program import Signal
from pipeline.core.fraud_stage import Screening
from pipeline.core.ledger import Posting
from pipeline.core.payloads import PoolAnswered
from pipeline.core.pool_ids import PARTNER, signal_of
from pipeline.core.ports import State
from pipeline.core.program import Program
from pipeline.core.records import Evidence
from pipeline.core.wallet import Hold

OTHERS: Final = "others"
"""Names the fact that lists the other members that were counted."""


def settle(
    posting: Posting,
    event: Event,
    payload: PoolAnswered,
    one: Awaited | None,
    program: Program,
    state: State,
    log_time_ms: int,
) -> str:
    """Take the answer to what `one` asked, or to what was told without asking. Returns a note on what it does."""
    member = posting.member
    redemption_id = "" if one is None or one.void else one.redemption_id
    if payload.pool_id.startswith(PARTNER):
        return settle_points(posting, event, payload, redemption_id, program, state)
    hold = member.holds[redemption_id] if redemption_id else None
    signal = signal_in(program, payload.pool_id)
    note = ""
    if signal is not None and payload.granted < payload.desired:
        note = set_off(posting, event, payload, signal, redemption_id, hold, program)
    if hold is not None and redemption_id in member.holds and not redemptions.judged(member, redemption_id):
        redemptions.approve(posting, event.traceparent, redemption_id, hold, program, log_time_ms)
    return note


def signal_in(program: Program, pool_id: str) -> Signal | None:
    """The signal whose pool answers; None in a replay under another programme."""
    fraud = program.fraud
    signal_id = signal_of(pool_id)
    if fraud is not None:
        for signal in (*fraud.across, *fraud.partners):
            if signal.signal_id == signal_id:
                return signal
    return None


def set_off(
    posting: Posting,
    event: Event,
    payload: PoolAnswered,
    signal: Signal,
    redemption_id: str,
    hold: Hold | None,
    program: Program,
) -> str:
    """Alert, and do what the signal says to the redemption, if one waits. Returns a note on what became of it."""
    assert program.fraud is not None
    facts = [Evidence(OTHERS, ", ".join(payload.others))]
    if redemption_id:
        facts.append(Evidence("redemption_id", redemption_id))
    points = 0 if hold is None else hold.points
    screening = judged(posting, event, payload, signal, points, facts, program)
    note = ""
    if hold is not None:
        if screening.denied_by or screening.frozen_by:
            withdraw(posting, redemption_id)
            redemptions.void(posting, redemption_id, hold, program)
            note = reasons.DENIED_BY_SIGNAL
        elif screening.reviewed_by:
            screening.opened = of_redemption(posting.member, redemption_id)
            if not screening.opened:
                screening.review_redemption(redemption_id, hold.points)
    screening.finish("")
    return note


def judged(
    posting: Posting,
    event: Event,
    payload: PoolAnswered,
    signal: Signal,
    points: int,
    facts: list[Evidence],
    program: Program,
) -> Screening:
    """What the signal says of an answer that sets it off, with so many points at stake."""
    assert program.fraud is not None
    screening = Screening(posting, event, event.type_name, program, program.fraud)
    shared = payload.pool_id.split(":")[-1]
    screening.set_off(signal, payload.value, payload.limit, shared, "", points, 0, facts)
    return screening


def settle_points(
    posting: Posting, event: Event, payload: PoolAnswered, review_id: str, program: Program, state: State
) -> str:
    """Give the points that were earned with a partner, unless its signal is set off. Returns a note on what became of
    them."""
    member = posting.member
    review = member.reviews.get(review_id) if review_id else None
    signal = signal_in(program, payload.pool_id)
    note = ""
    if signal is not None and payload.granted < payload.desired:
        points = 0 if review is None else sum([part.points for part in review.held])
        screening = judged(posting, event, payload, signal, points, [], program)
        if review is not None and screening.denied_by:
            stop_asking(member, review_id)
            fraud_verdicts.claw_back(posting, review)
            del member.reviews[review_id]
            note = reasons.DENIED_BY_SIGNAL
        elif review is not None and screening.reviewed_by:
            stop_asking(member, review_id)
            opened = screening.new_review(points)
            opened.order_id, opened.at_ms, opened.held = review.order_id, review.at_ms, review.held
            open_review(posting, review_id, opened)
            screening.opened = review_id
            review = None
        screening.finish("")
    if review is not None and review_id in member.reviews and not asking(member, review_id):
        del member.reviews[review_id]
        fraud_verdicts.release(posting, review, program, state)
    return note
