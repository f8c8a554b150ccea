"""Referrals: what the referrer accepted is told to the referred member, as an event of their own; and what the referred
member then buys to the referrer, once, where the programme says what makes a referral count."""

from pipeline.core.events import Event
from pipeline.core.fraud_self_referral import marks_of
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.payloads import ReferralAccepted, ReferralJoined, ReferralQualified, TransactionCompleted
from pipeline.core.program import Program


def announce(posting: Posting, event: Event, payload: ReferralAccepted, program: Program, log_time_ms: int) -> None:
    """Derive `referral_joined` for the referred member; it keeps the cause's `occurred_at`."""
    counts, fraud = posting.member.counts, program.fraud
    marks = None if fraud is None else marks_of(fraud, event, {} if counts is None else counts.notes)
    posting.out.derived(
        Event(
            posting.derived_id("referral_joined", 0),
            payload.referred_member_id,
            event.occurred_at_ms,
            SOURCE,
            event.traceparent,
            {},
            ReferralJoined(payload.referral_id, posting.member.member_id, marks),
            event.recorded_at_ms,
        ),
        log_time_ms,
    )


def join(posting: Posting, payload: ReferralJoined, program: Program) -> None:
    """Remember by whom the member joined, where that has to qualify; the first referral counts."""
    if program.referrals is not None and posting.member.referral is None:
        posting.member.referral = (payload.referral_id, payload.referrer_member_id, posting.occurred_at_ms)


def qualify(posting: Posting, event: Event, payload: TransactionCompleted, program: Program, log_time_ms: int) -> None:
    """Tell the referrer, once, of a purchase that makes the referral count; later ones, or none in time, settle it."""
    member, terms = posting.member, program.referrals
    if terms is None or member.referral is None:
        return
    referral_id, referrer, joined_ms = member.referral
    if not referrer or event.occurred_at_ms < joined_ms:
        return
    in_time = not terms.within_ms or event.occurred_at_ms <= joined_ms + terms.within_ms
    money_minor = payload.amount_minor - payload.points_paid_minor
    if program.conversion is not None:
        money_minor = program.conversion.base_minor(payload.currency, money_minor, event.occurred_at_ms)
    if in_time and money_minor < terms.minimum_minor:
        return
    member.referral = (referral_id, "", joined_ms)
    if not in_time:
        return
    posting.out.derived(
        Event(
            posting.derived_id("referral_qualified", 0),
            referrer,
            event.occurred_at_ms,
            SOURCE,
            event.traceparent,
            {},
            ReferralQualified(referral_id, member.member_id),
            event.recorded_at_ms,
        ),
        log_time_ms,
    )
