"""What people ask of a member, appended to the log like any event."""

from __future__ import annotations

import time
import uuid
from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import Payload
from pipeline.lane.context import LaneContext
from pipeline.wire.partitioner import partition_of

SOURCE: Final = "accrue-cli"


def append_asked(context: LaneContext, member_id: str, kind: str, payload: Payload) -> Event:
    """Append `payload` as an event of now with an id of its own that begins with `kind`. Raises LaneFailed."""
    key = member_id.encode()
    now_ms = time.time_ns() // 1_000_000
    event = Event(f"{kind}-{uuid.uuid4().hex}", member_id, now_ms, SOURCE, "", {}, payload, now_ms)
    context.appender.append([(partition_of(key, context.partitions), key, context.encoder.event(event), now_ms)])
    return event
