"""Scrutiny of partners: points that members earn with a partner wait until its pool says that they are not too many.

They are issued into the member's review account, as what waits for a verdict is; but nobody is told of a review unless
the signal is set off. The review's id stands in what the member has asked, in place of a redemption's.
"""

from typing import Final

from pipeline.core.awaited import Awaited
from pipeline.core.calendar import Calendar
from pipeline.core.events import Event
from pipeline.core.fraud_across import NO_OTHERS, send
from pipeline.core.fraud_habits import hashed
from pipeline.core.fraud_program import FraudProgram, Signal
from pipeline.core.fraud_traits import partner_of
from pipeline.core.ledger import Posting
from pipeline.core.pool_ids import NOTE, PARTNER, TAKE

NAME_MAX: Final = 100


def ask(
    posting: Posting,
    event: Event,
    fraud: FraudProgram,
    calendar: Calendar,
    points: dict[str, int],
    may_wait: bool,
    log_time_ms: int,
) -> str:
    """Tell the partner's pools of points by unit, and ask whether they may be given. Returns the id of the review in
    which they have to wait, or ""."""
    partner = partner_of(fraud, event)
    if not partner:
        return ""
    review_id = ""
    for signal in fraud.partners:
        amount = points.get(signal.unit, 0)
        if not amount:
            continue
        pool_id = f"{PARTNER}{signal.signal_id}:{name_of(partner)}"
        terms = terms_of(signal, calendar, posting.occurred_at_ms)
        if not (signal.live and may_wait):
            send(posting, event, signal, pool_id, NOTE, amount, terms, NO_OTHERS, log_time_ms)
            continue
        review_id = posting.derived_id("partner", 0)
        request_id = send(posting, event, signal, pool_id, TAKE, amount, terms, NO_OTHERS, log_time_ms)
        posting.member.awaited[request_id] = Awaited(
            pool_id, amount, signal.signal_id, "", signal.unit, 0, 0, "", "", review_id
        )
    return review_id


def terms_of(signal: Signal, calendar: Calendar, at_ms: int) -> list[int]:
    """What the pool needs to know of the signal, as `pool_partners` says."""
    return [calendar.window_start("day", at_ms), signal.per, signal.least, signal.after, signal.length_ms]


def name_of(partner: str) -> str:
    """The partner as its pool is called: a hash of what would not do as a name."""
    if len(partner) <= NAME_MAX and partner.isprintable() and ":" not in partner:
        return partner
    return f"{hashed(partner):012x}"
