"""The core of a notification lane: what a record asks to be told, handed to the messages and to the webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from pipeline.core.reasons import UNKNOWN_TYPE
from pipeline.core.records import Notification, WebhookOrder
from pipeline.lane.letters import Letters
from pipeline.lane.ports import Record
from pipeline.lane.table import Outbox, Table
from pipeline.notify.caps import Caps
from pipeline.notify.digests import Digests
from pipeline.notify.hooks import Hooks
from pipeline.notify.mailroom import Mailroom
from pipeline.notify.policy import Policy
from pipeline.notify.waiting import Item, Waiting
from pipeline.wire.codec import Decoder, Encoder, Undecodable

AUTHOR: Final = "accrue"


@final
class Correspondence:
    """One partition's. `topic` is that of notifications, of so many partitions; `policies` raises UnknownProgram."""

    def __init__(
        self,
        table: Table,
        outbox: Outbox,
        policies: Callable[[str], Policy],
        decoder: Decoder,
        encoder: Encoder,
        topic: str,
        partition: int,
        partitions: int,
        dead_letters: str,
    ) -> None:
        waiting = Waiting(table)
        digests = Digests(table, waiting, self._notification, encoder)
        self.mailroom = Mailroom(waiting, digests, Caps(table), policies, self._notification)
        self.hooks = Hooks(table, waiting, policies, self._notification, self._disable_elsewhere)
        self._outbox = outbox
        self._letters = Letters(outbox, encoder, topic, partition, dead_letters)
        self._decoder = decoder
        self._encoder = encoder
        self._topic = topic
        self._others = [other for other in range(partitions) if other != partition]

    def apply(self, record: Record) -> None:
        """Take a notification on, or follow an order; what is neither is put aside."""
        _offset, at_ms, _key, value = record
        if value is None:
            return
        try:
            found = self._decoder.output(value)
            if isinstance(found, WebhookOrder):
                self.hooks.order(found, at_ms)
            else:
                item = Item(0, at_ms, value)
                notification = _as_notification(found)
                self.mailroom.take_on(notification, item)
                self.hooks.take_on(notification, item)
        except Undecodable as error:
            self._letters.put_aside(record, error.reason, error.detail)

    def finish(self) -> None:
        """Nothing stands for several records together here."""

    def _notification(self, value: bytes) -> Notification:
        return _as_notification(self._decoder.output(value))

    def _disable_elsewhere(self, webhook_id: str, why: str, now_ms: int) -> None:
        order = self._encoder.webhook_order(WebhookOrder("disable", webhook_id, b"", AUTHOR, why, now_ms))
        for partition in self._others:
            self._outbox.send(self._topic, None, order, partition)


def _as_notification(found: object) -> Notification:
    if not isinstance(found, Notification):
        raise Undecodable(UNKNOWN_TYPE, f"a {type(found).__name__} is no notification")
    return found
