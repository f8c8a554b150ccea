"""Messages that wait for their channel, in the lane's table: taken on from notifications, planned when due, settled."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, final

import msgspec

from pipeline.core.records import Notification
from pipeline.lane.ports import Record
from pipeline.lane.table import Outbox, Table
from pipeline.notify.policy import Policy
from pipeline.program.notifications import CHANNELS, IN_APP, Message
from pipeline.wire.codec import Decoder, Undecodable

WAITS_MS: Final = tuple(
    1_000 * seconds
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # fmt: skip
"""Pauses between attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. After the last one it is given up."""
LEASE_MS: Final = 120_000
"""So long a message under way is left alone; then whoever took it is gone, and it is tried again."""
_DUE: Final = struct.Struct(">Q")
_QUEUE: Final = b"q"


@final
class Item(msgspec.Struct, array_like=True, frozen=True):
    """A message that waits: so many attempts were begun; `value` is the notification as it was read."""

    attempts: int
    recorded_at_ms: int
    value: bytes


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
    """The core of one partition's lane. `policies` raises UnknownProgram; `plan` and `settle` are for `perform`."""

    def __init__(self, table: Table, outbox: Outbox, policies: Callable[[str], Policy], decoder: Decoder) -> None:
        self._table = table
        self._outbox = outbox
        self._policies = policies
        self._decoder = decoder

    def apply(self, record: Record) -> None:
        """Take a notification on, once for each channel that tells of it."""
        offset, at_ms, _key, value = record
        if value is None:
            return
        try:
            notification = self._notification(value)
        except Undecodable as error:
            self._outbox.refuse(offset, "undecodable", str(error))
            return
        terms = self._policies(notification.program_hash).terms
        for message in [] if terms is None else terms.of_kind(notification.kind):
            item = Item(0, at_ms, value)
            self._table.put(_key_of(message.channel, at_ms, notification.notification_id), msgspec.msgpack.encode(item))

    def finish(self) -> None:
        """Nothing stands for several records together here."""

    def plan(self, now_ms: int, free: Callable[[str], int]) -> list[Job]:
        """The messages that are due, as many of each channel as are `free`; each is left alone for a while."""
        jobs: list[Job] = []
        for channel in CHANNELS:
            wanted = free(channel)
            found = [] if wanted <= 0 else self._due(channel, now_ms, wanted)
            for key, item in found:
                job = self._take(channel, key, item, now_ms)
                if job is not None:
                    jobs.append(job)
        return jobs

    def settle(self, key: bytes, now_ms: int, *, again: bool) -> bool:
        """What became of a job: done with, or to be tried again. False if it was the last attempt and failed."""
        value = self._table.get(key)
        if value is None:
            return True  # it was taken up anew, and settled, after its lane had been opened again
        self._table.delete(key)
        if not again:
            return True
        item = msgspec.msgpack.decode(value, type=Item)
        if item.attempts > len(WAITS_MS):
            return False
        channel, notification_id = _parts_of(key)
        self._table.put(_key_of(channel, now_ms + WAITS_MS[item.attempts - 1], notification_id), value)
        return True

    def _due(self, channel: str, now_ms: int, limit: int) -> list[tuple[bytes, Item]]:
        found: list[tuple[bytes, Item]] = []
        for key, value in self._table.scan(_prefix(channel), _prefix(channel) + _DUE.pack(now_ms + 1)):
            found.append((key, msgspec.msgpack.decode(value, type=Item)))
            if len(found) >= limit:
                break
        return found

    def _take(self, channel: str, key: bytes, item: Item, now_ms: int) -> Job | None:
        """Move a due message on: past the quiet time, or under way."""
        notification = self._notification(item.value)
        policy = self._policies(notification.program_hash)
        self._table.delete(key)
        quiet_until_ms = 0 if channel == IN_APP else policy.quiet_until_ms(now_ms)
        if quiet_until_ms:
            later = _key_of(channel, quiet_until_ms, notification.notification_id)
            self._table.put(later, msgspec.msgpack.encode(item))
            return None
        assert policy.terms is not None, "a message waits, so the programme has some"
        (message,) = [one for one in policy.terms.of_kind(notification.kind) if one.channel == channel]
        until_ms = now_ms + LEASE_MS
        taken = _key_of(channel, until_ms, notification.notification_id)
        self._table.put(taken, msgspec.msgpack.encode(Item(item.attempts + 1, item.recorded_at_ms, item.value)))
        return Job(taken, channel, notification, message, policy, until_ms)

    def _notification(self, value: bytes) -> Notification:
        found = self._decoder.output(value)
        if not isinstance(found, Notification):
            raise Undecodable("wrong_type", f"a {type(found).__name__} is no notification")
        return found


def _prefix(channel: str) -> bytes:
    return b"".join((_QUEUE, channel.encode(), b"|"))


def _key_of(channel: str, due_ms: int, notification_id: str) -> bytes:
    return b"".join((_prefix(channel), _DUE.pack(due_ms), notification_id.encode()))


def _parts_of(key: bytes) -> tuple[str, str]:
    """(channel, notification id)"""
    channel, _, rest = key[len(_QUEUE) :].partition(b"|")
    return channel.decode(), rest[_DUE.size :].decode()
