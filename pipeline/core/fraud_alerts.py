"""Fraud alerts: what a signal measured, beside how the member stood at that moment."""

from typing import Final

from pipeline.core.events import Event
from pipeline.core.fraud_program import Signal
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.program import Program
from pipeline.core.records import Evidence, FraudAlert, Moment

HISTORY_MAX: Final = 20
"""So many of the latest moments that a signal had counted stand in its alert."""

LIVE: Final = "live"
SHADOW: Final = "shadow"


def alert_of(
    posting: Posting,
    event: Event,
    type_name: str,
    program: Program,
    signal: Signal,
    value: int,
    limit: int,
    by: str,
    key: str,
    points: int,
) -> FraudAlert:
    """The alert of a signal that an event set off; `by` is the device, partner or place, `key` that of what was
    counted."""
    member = posting.member
    return FraudAlert(
        posting.derived_id(f"fraud:{signal.signal_id}", 0),
        member.member_id,
        signal.signal_id,
        signal.kind,
        signal.action,
        LIVE if signal.live else SHADOW,
        event.event_id,
        event.source,
        type_name,
        signal.words,
        value,
        limit,
        by,
        signal.unit,
        points,
        evidence_of(member, signal.unit or program.default_unit.unit_id),
        history_of(member, key),
        "",
        posting.program_hash,
        posting.occurred_at_ms,
        posting.recorded_at_ms,
        event.traceparent,
    )


def evidence_of(member: Member, unit: str) -> list[Evidence]:
    """The member as it stands."""
    facts = [
        Evidence("enrolled_at_ms", str(member.enrolled_at_ms)),
        Evidence("tier", member.tier),
        Evidence("purchases", str(member.event_counts.get("transaction_completed", 0))),
        Evidence("redemptions", str(member.event_counts.get("redemption_requested", 0))),
        Evidence("refunds", str(member.event_counts.get("transaction_refunded", 0))),
    ]
    wallet = member.wallets.get(unit)
    if wallet is not None:
        facts.append(Evidence("available", str(wallet.available)))
        facts.append(Evidence("pending", str(wallet.pending)))
        facts.append(Evidence("held", str(wallet.held)))
    return facts


def history_of(member: Member, key: str) -> list[Moment]:
    """The latest of what was counted under the key."""
    counts = member.counts
    if counts is None:
        return []
    period = counts.periods.get(key)
    if period is not None:
        windows = [Moment(period[2], period[3])] if period[2] else []
        return [*windows, Moment(period[0], period[1])]
    return [Moment(at_ms, amount) for at_ms, amount in counts.journals.get(key, [])[-HISTORY_MAX:]]
