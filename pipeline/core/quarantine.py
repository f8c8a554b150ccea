"""Quarantine: a member whose record could not be decided stands still, its records parked in order, until released.

On replay a member stands still at the same records as before, whatever the core can decide by then: the log's
`member_quarantined` records say which, and `quarantine_key` is how the engine is told.
"""

from typing import Final

from pipeline.core.events import Event
from pipeline.core.ids import cause_prefix, derived_id
from pipeline.core.ledger import SOURCE
from pipeline.core.payloads import MemberQuarantined

ERROR_MAX: Final = 500

QuarantineKey = tuple[str, str, str, str]
"""(member id, source and id of the event that failed, id of the release at which it failed or "")."""


def quarantine_key(event: Event) -> QuarantineKey:
    """What a `member_quarantined` event of the log says failed. Raises ValueError for an event of another type."""
    payload = event.payload
    if not isinstance(payload, MemberQuarantined):
        raise ValueError(f"event {event.event_id} is of type {event.type_name}; give member_quarantined events only")
    return (event.member_id, payload.quarantined_source, payload.quarantined_event_id, payload.released_by)


def quarantined_event(
    key: QuarantineKey,
    occurred_at_ms: int,
    recorded_at_ms: int,
    traceparent: str,
    offset: int,
    error: BaseException | None,
) -> Event:
    """The event that tells of a quarantine; its id is derived from what failed. `error` None means it was forced by a
    replay."""
    member_id, source, event_id, released_by = key
    text = "as before" if error is None else f"{type(error).__name__}: {error}"
    return Event(
        derived_id(cause_prefix(member_id, source, event_id), f"member_quarantined:{released_by}", 0),
        member_id,
        occurred_at_ms,
        SOURCE,
        traceparent,
        {},
        MemberQuarantined(event_id, source, offset, text[:ERROR_MAX], released_by),
        recorded_at_ms,
    )
