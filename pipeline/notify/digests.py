"""What is gathered of a member's notifications until the hour of a digest, which then is one message of them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

import msgspec

from pipeline.core.records import Notification
from pipeline.lane.table import Table
from pipeline.notify.policy import Policy
from pipeline.notify.waiting import Item, Waiting
from pipeline.program.notifications import Message
from pipeline.wire.codec import Encoder

_GATHERED: Final = b"g"


@final
class Gathered(msgspec.Struct, array_like=True, frozen=True):
    """So many notifications with so many points together; `value` is the newest as it was read, the id the first's."""

    notification_id: str
    count: int
    points: int
    value: bytes


@final
class Digests:
    """The digests of one partition's lane. An item of a digest that is still open has no count, and its value is where
    it is gathered."""

    def __init__(self, table: Table, waiting: Waiting, read: Callable[[bytes], Notification], encoder: Encoder) -> None:
        self._table = table
        self._waiting = waiting
        self._read = read
        self._encoder = encoder

    def gather(self, message: Message, notification: Notification, item: Item, policy: Policy) -> None:
        """Add to the digest that the member is to get next; one that is not begun is due at the message's hour."""
        key = _key_of(message, notification)
        found = self._table.get(key)
        if found is None:
            due_ms = policy.next_ms(message.digest, item.recorded_at_ms)
            opened = Item(0, item.recorded_at_ms, key, 0)
            self._waiting.put(message.channel, due_ms, notification.notification_id, opened)
            gathered = Gathered(notification.notification_id, 1, notification.points, item.value)
        else:
            before = msgspec.msgpack.decode(found, type=Gathered)
            gathered = Gathered(
                before.notification_id, before.count + 1, before.points + notification.points, item.value
            )
        self._table.put(key, msgspec.msgpack.encode(gathered))

    def closed(self, item: Item) -> Item:
        """The item of the one message that the digest is: what comes from now on is for the next one."""
        found = self._table.get(item.value)
        assert found is not None, f"a digest that waits is gathered at {item.value!r}"
        self._table.delete(item.value)
        gathered = msgspec.msgpack.decode(found, type=Gathered)
        newest = self._read(gathered.value)
        newest.notification_id = gathered.notification_id
        newest.points = gathered.points
        return Item(item.attempts, item.recorded_at_ms, self._encoder.notification(newest), gathered.count)


def _key_of(message: Message, notification: Notification) -> bytes:
    parts = (message.channel, message.message_id, notification.unit, notification.member_id)
    return _GATHERED + "\0".join(parts).encode()
