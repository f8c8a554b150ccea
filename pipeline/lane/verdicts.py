"""Reviewers' verdicts, appended to the log like any event."""

from __future__ import annotations

from pipeline.core.events import Event
from pipeline.core.payloads import ReviewDecided
from pipeline.lane.asked import append_asked
from pipeline.lane.context import connect
from pipeline.settings import Settings


def send_verdict(settings: Settings, member_id: str, review_id: str, verdict: str, reviewer: str, reason: str) -> Event:
    """Append the verdict, approve or reject, to the log; the lane carries it out when it comes to it.

    Raises what `connect` raises.
    """
    context = connect(settings)
    try:
        return append_asked(context, member_id, "verdict", ReviewDecided(review_id, verdict, reviewer, reason))
    finally:
        context.close()
