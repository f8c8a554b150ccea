"""What a sink needs of the wire: a record's bytes become a value, or are told to be unreadable."""

from __future__ import annotations

from collections.abc import Callable


class UnreadableError(Exception):
    """A record that no schema makes a value of; it is rejected, the sink goes on."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


Decode = Callable[[bytes], object]
"""Bytes -> value class of `pipeline.core.records`. Raises UnreadableError; AwayError while the registry is away."""
