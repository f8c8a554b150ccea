"""What goes wrong with the local servers, in words that name the server, the value and the remedy."""

from __future__ import annotations


class DevstackError(Exception):
    """The local stack refused: the message says what, with which value, and what to do about it."""


class ServerError(DevstackError):
    """A server did not start, did not become ready or did not end; carries the tail of its log."""


class ChecksumError(DevstackError):
    """A fetched file is not the one that the lock file names."""

    def __init__(self, coordinate: str, expected: str, found: str) -> None:
        self.coordinate = coordinate
        self.expected = expected
        self.found = found
        super().__init__(
            f"{coordinate}: the fetched file has SHA-256 {found}, but jars.lock expects {expected}; "
            "nothing of it was kept. Check the repository that it came from, then run the command again."
        )
