"""Messages to members that wait for their channel: taken on from notifications, planned when due, settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

import msgspec

from pipeline.core.records import Notification
from pipeline.notify.policy import Policy
from pipeline.notify.waiting import Item, Waiting
from pipeline.program.notifications import CHANNELS, IN_APP, Message

WAITS_MS: Final = tuple(
    1_000 * seconds
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # fmt: skip
"""Pauses between attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. After the last one it is given up."""


@final
class Job(msgspec.Struct, frozen=True):
    """A message to be sent before `until_ms`; `key` is where it waits meanwhile."""

    key: bytes
    channel: str
    notification: Notification
    message: Message
    policy: Policy
    until_ms: int


@final
class Mailroom:
    """The messages of one partition's lane. `policies` raises UnknownProgram, and `read` makes of an item's value what
    it was; `plan` and `settle` are for `perform`."""

    def __init__(
        self, waiting: Waiting, policies: Callable[[str], Policy], read: Callable[[bytes], Notification]
    ) -> None:
        self._waiting = waiting
        self._policies = policies
        self._read = read

    def take_on(self, notification: Notification, item: Item) -> None:
        """One message of it for each channel that tells of it."""
        terms = self._policies(notification.program_hash).terms
        for message in [] if terms is None else terms.of_kind(notification.kind):
            self._waiting.put(message.channel, item.recorded_at_ms, notification.notification_id, item)

    def plan(self, now_ms: int, free: Callable[[str], int]) -> list[Job]:
        """The messages that are due, as many of each channel as are `free`; each is left alone for a while."""
        jobs: list[Job] = []
        for channel in CHANNELS:
            for key, item in self._waiting.due(channel, now_ms, free(channel)):
                job = self._take(channel, key, item, now_ms)
                if job is not None:
                    jobs.append(job)
        return jobs

    def settle(self, key: bytes, now_ms: int, *, again: bool) -> bool:
        """What became of a job: done with, or to be tried again. False if it was the last attempt and failed."""
        return self._waiting.settle(key, now_ms, WAITS_MS, again=again)

    def _take(self, channel: str, key: bytes, item: Item, now_ms: int) -> Job | None:
        """Move a due message on: past the quiet time, or under way."""
        notification = self._read(item.value)
        policy = self._policies(notification.program_hash)
        quiet_until_ms = 0 if channel == IN_APP else policy.quiet_until_ms(now_ms)
        if quiet_until_ms:
            self._waiting.postpone(key, item, quiet_until_ms)
            return None
        assert policy.terms is not None, "a message waits, so the programme has some"
        (message,) = [one for one in policy.terms.of_kind(notification.kind) if one.channel == channel]
        taken, until_ms = self._waiting.take(key, item, now_ms)
        return Job(taken, channel, notification, message, policy, until_ms)
