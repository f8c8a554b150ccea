"""Reviewers' verdicts, appended to the log like any event."""

from __future__ import annotations

import time
import uuid
from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import ReviewDecided
from pipeline.lane.context import connect
from pipeline.settings import Settings
from pipeline.wire.partitioner import partition_of

SOURCE: Final = "accrue-cli"


def send_verdict(settings: Settings, member_id: str, review_id: str, verdict: str, reviewer: str, reason: str) -> Event:
    """Append the verdict, approve or reject, to the log; the lane carries it out when it comes to it.

    Raises what `connect` raises.
    """
    context = connect(settings)
    key = member_id.encode()
    try:
        now_ms = time.time_ns() // 1_000_000
        payload = ReviewDecided(review_id, verdict, reviewer, reason)
        event = Event(f"verdict-{uuid.uuid4().hex}", member_id, now_ms, SOURCE, "", {}, payload, now_ms)
        context.appender.append([(partition_of(key, context.partitions), key, context.encoder.event(event), now_ms)])
    finally:
        context.close()
    return event
