"""Referrals: what the referrer accepted is told to the referred member, as an event of their own."""

from pipeline.core.events import Event
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.payloads import ReferralAccepted, ReferralJoined


def announce(posting: Posting, event: Event, payload: ReferralAccepted, log_time_ms: int) -> None:
    """Derive `referral_joined` for the referred member; it keeps the cause's `occurred_at`."""
    posting.out.derived(
        Event(
            posting.derived_id("referral_joined", 0),
            payload.referred_member_id,
            event.occurred_at_ms,
            SOURCE,
            event.traceparent,
            {},
            ReferralJoined(payload.referral_id, posting.member.member_id),
            event.recorded_at_ms,
        ),
        log_time_ms,
    )
