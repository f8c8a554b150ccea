"""Messages to members that wait for their channel: taken on from notifications, planned when due, settled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, final

import msgspec

from pipeline.core.records import Notification
from pipeline.notify.caps import Caps
from pipeline.notify.digests import Digests
from pipeline.notify.policy import Policy
from pipeline.notify.waiting import Item, Waiting
from pipeline.program.notifications import CHANNELS, NO_DIGEST, Message

WAITS_MS: Final = tuple(
    1_000 * seconds
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # fmt: skip
"""Pauses between attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. After the last one it is given up."""
OLD: Final = timedelta(days=2)
"""Counts of days so long ago are of no programme's zone today's."""

SENT: Final = "sent"
RETRIED: Final = "retried"
SKIPPED: Final = "skipped"
GIVEN_UP: Final = "given_up"
POSTPONED: Final = "postponed"
LIMITED: Final = "limited"


@final
class Job(msgspec.Struct, frozen=True):
    """A message of `count` notifications, to be sent before `until_ms`; `key` is where it waits meanwhile, and it was
    taken at `taken_ms`."""

    key: bytes
    channel: str
    notification: Notification
    message: Message
    policy: Policy
    until_ms: int
    taken_ms: int
    count: int


@final
class Result(msgspec.Struct, frozen=True):
    """What became of a job: SENT, RETRIED, SKIPPED, GIVEN_UP, or POSTPONED until `until_ms`; `why` is for people."""

    outcome: str
    why: str = ""
    until_ms: int = 0


@final
class Mailroom:
    """The messages of one partition's lane. `policies` raises UnknownProgram, and `read` makes of an item's value what
    it was; `plan` and `settle` are for `perform`."""

    def __init__(
        self,
        waiting: Waiting,
        digests: Digests,
        caps: Caps,
        policies: Callable[[str], Policy],
        read: Callable[[bytes], Notification],
    ) -> None:
        self._waiting = waiting
        self._digests = digests
        self._caps = caps
        self._policies = policies
        self._read = read

    def take_on(self, notification: Notification, item: Item) -> None:
        """One message of it for each channel that tells of it, at once or as part of a digest."""
        policy = self._policies(notification.program_hash)
        for message in [] if policy.terms is None else policy.terms.of_kind(notification.kind):
            if message.digest == NO_DIGEST:
                self._waiting.put(message.channel, item.recorded_at_ms, notification.notification_id, item)
            else:
                self._digests.gather(message, notification, item, policy)

    def plan(self, now_ms: int, free: Callable[[str], int]) -> tuple[list[Job], dict[str, int]]:
        """(the messages that are due, as many of each channel as are `free`, each left alone for a while; how many were
        dropped by channel, for the member had had enough)."""
        jobs: list[Job] = []
        limited: dict[str, int] = {}
        for channel in CHANNELS:
            for key, item in self._waiting.due(channel, now_ms, free(channel)):
                job = self._take(channel, key, item, now_ms)
                if job is None:
                    limited[channel] = limited.get(channel, 0) + 1
                else:
                    jobs.append(job)
        return jobs, limited

    def settle(self, job: Job, result: Result, now_ms: int) -> bool:
        """What became of a job. False if it was to be tried again, and that was the last attempt."""
        policy = job.policy
        if result.outcome != SENT and policy.most(job.channel):
            day = policy.local(job.taken_ms).date()
            self._caps.give_back(day, job.channel, job.notification.member_id)
        if result.outcome == POSTPONED:
            self._waiting.put_back(job.key, result.until_ms)
            return True
        return self._waiting.settle(job.key, now_ms, WAITS_MS, again=result.outcome == RETRIED)

    def _take(self, channel: str, key: bytes, item: Item, now_ms: int) -> Job | None:
        """Have a due message under way, or dropped."""
        if not item.count:
            item = self._digests.closed(item)
        notification = self._read(item.value)
        policy = self._policies(notification.program_hash)
        assert policy.terms is not None, "a message waits, so the programme has some"
        day = policy.local(now_ms).date()
        if policy.most(channel):
            self._caps.forget(day - OLD)
        if not self._caps.take(day, channel, notification.member_id, policy.most(channel)):
            self._waiting.forget(key)
            return None
        (message,) = [one for one in policy.terms.of_kind(notification.kind) if one.channel == channel]
        taken, until_ms = self._waiting.take(key, item, now_ms)
        return Job(taken, channel, notification, message, policy, until_ms, now_ms, item.count)
