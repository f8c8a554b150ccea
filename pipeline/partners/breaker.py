"""The circuit breaker of a partner: closed, open, half-open, as a table over what came of its calls."""

from __future__ import annotations

from typing import Final, final

import msgspec

from pipeline.program.partners import BreakerPolicy

CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half_open"
STATES: Final = (CLOSED, OPEN, HALF_OPEN)

ANSWERED: Final = "answered"
FAILED: Final = "failed"
LOST: Final = "lost"
"""What came of a call: an answer below 500; a timeout, a 5xx or no connection; nobody knows, for the worker is gone."""

TRANSITIONS: Final = {
    (CLOSED, ANSWERED): CLOSED,  # and forgets the failures in a row
    (CLOSED, FAILED): OPEN,  # at the last failure in a row that is borne; closed before
    (CLOSED, LOST): CLOSED,
    (OPEN, ANSWERED): OPEN,  # of a call made before: the pause is kept
    (OPEN, FAILED): OPEN,
    (OPEN, LOST): OPEN,
    (HALF_OPEN, ANSWERED): CLOSED,
    (HALF_OPEN, FAILED): OPEN,  # for another pause
    (HALF_OPEN, LOST): HALF_OPEN,
}
"""By what came of a call. Time alone turns open into half-open, at the end of the pause."""


@final
class Breaker(msgspec.Struct, array_like=True):
    """`failures` in a row while closed, `until_ms` the end of the pause while open, `probing` calls while half-open."""

    state: str = CLOSED
    failures: int = 0
    until_ms: int = 0
    probing: int = 0

    def room(self, policy: BreakerPolicy, now_ms: int, most: int) -> int:
        """How many of `most` calls may be made now."""
        if self.state == OPEN and now_ms >= self.until_ms:
            self.state = HALF_OPEN
            self.probing = 0
        if self.state == OPEN:
            return 0
        return most if self.state == CLOSED else min(most, max(policy.probes - self.probing, 0))

    def called(self) -> None:
        """A call is on its way."""
        if self.state == HALF_OPEN:
            self.probing += 1

    def ended(self, how: str, policy: BreakerPolicy, at_ms: int) -> None:
        """A call has ended in one of the three ways."""
        if self.state == HALF_OPEN:
            self.probing = max(self.probing - 1, 0)
        if self.state == CLOSED and how != LOST:
            self.failures = self.failures + 1 if how == FAILED else 0
            if self.failures < policy.failures:
                return
        following = TRANSITIONS[self.state, how]
        if following == OPEN and self.state != OPEN:
            self.until_ms = at_ms + policy.pause_ms
        if following != self.state:
            self.failures = self.probing = 0
        self.state = following
