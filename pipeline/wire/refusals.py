"""What is raised where bytes cannot become a value, or a value bytes.

Not compiled: an exception of compiled code that has attributes of its own never gives back what they held.
"""

from __future__ import annotations


class Undecodable(Exception):
    """Bytes that are none of our records. `reason` is one of this module's constants, `detail` says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Unencodable(Exception):
    """A value that its schema cannot hold; the message names field and value."""
