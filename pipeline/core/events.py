"""The event as the core sees it: the common header, its payload, and where and when the log recorded it."""

from hashlib import blake2b
from typing import final

from pipeline.core.payloads import TYPE_NAMES, Payload


@final
class Event:
    """One business event or derived record of a member.

    `occurred_at_ms` is what the source says; `recorded_at_ms` is the timestamp of the log record, the log's own time.
    """

    __slots__ = (
        "_identity",
        "attributes",
        "event_id",
        "member_id",
        "occurred_at_ms",
        "payload",
        "recorded_at_ms",
        "source",
        "traceparent",
    )

    def __init__(
        self,
        event_id: str,
        member_id: str,
        occurred_at_ms: int,
        source: str,
        traceparent: str,
        attributes: dict[str, str],
        payload: Payload,
        recorded_at_ms: int,
    ) -> None:
        self.event_id = event_id
        self.member_id = member_id
        self.occurred_at_ms = occurred_at_ms
        self.source = source
        self.traceparent = traceparent
        self.attributes = attributes
        self.payload = payload
        self.recorded_at_ms = recorded_at_ms
        self._identity = b""

    @property
    def type_name(self) -> str:
        """Type as rules and JSON name it, such as `transaction_completed`."""
        return TYPE_NAMES[type(self.payload)]

    def identity(self) -> bytes:
        """16 bytes that tell events apart: hash of member, source and event id. Computed once."""
        if not self._identity:
            text = f"{len(self.member_id)}:{self.member_id}{len(self.source)}:{self.source}{self.event_id}"
            self._identity = blake2b(text.encode(), digest_size=16).digest()
        return self._identity

    def content_digest(self) -> bytes:
        """8 bytes over the canonical content; trace context and the log's time are not content."""
        text = f"{self.type_name};{self.occurred_at_ms};{self.payload.content()}"
        if self.attributes:
            text += repr(sorted(self.attributes.items()))
        return blake2b(text.encode(), digest_size=8).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(self.identity())

    def __repr__(self) -> str:
        return (
            f"Event({self.event_id!r}, {self.member_id!r}, {self.occurred_at_ms}, {self.source!r}, "
            f"{self.traceparent!r}, {self.attributes!r}, {self.payload!r}, recorded_at_ms={self.recorded_at_ms})"
        )
