"""Deliveries to downstream teams that wait: taken on from notifications, planned when due, settled; orders of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, final

import msgspec

from pipeline.core.records import Notification, WebhookOrder
from pipeline.lane.table import Table
from pipeline.notify.policy import Policy
from pipeline.notify.waiting import Item, Waiting
from pipeline.program.webhooks import Webhook

ROUTE: Final = "webhook:"
"""Before the webhook's id, this is the route by which its deliveries wait."""
DROPPED_MAX: Final = 1_000
"""Of what waits for a webhook that is disabled, so much is dropped at a time."""
STATE: Final = b"s"
_PROGRAMS: Final = b"p"

DELIVERED: Final = "delivered"
RETRIED: Final = "retried"
GONE: Final = "gone"
GIVEN_UP: Final = "given_up"
DROPPED: Final = "dropped"


@final
class HookState(msgspec.Struct, array_like=True, frozen=True):
    """How a webhook stands in one lane: disabled since then, or 0, and why; so many deliveries were given up."""

    disabled_at_ms: int = 0
    why: str = ""
    given_up: int = 0


@final
class Delivery(msgspec.Struct, frozen=True):
    """A notification to be posted to a webhook; `key` is where it waits meanwhile."""

    key: bytes
    webhook: Webhook
    notification: Notification


@final
class Hooks:
    """The webhooks of one partition's lane; all it remembers is in the table. `policies` raises UnknownProgram.

    What counts is what the newest programme says of a webhook, also for what waits since an older one: an endpoint that
    has moved is told there. `disable_elsewhere` has the lanes of other partitions told.
    """

    def __init__(
        self,
        table: Table,
        waiting: Waiting,
        policies: Callable[[str], Policy],
        read: Callable[[bytes], Notification],
        disable_elsewhere: Callable[[str, str, int], None],
    ) -> None:
        self._table = table
        self._waiting = waiting
        self._policies = policies
        self._read = read
        self._disable_elsewhere = disable_elsewhere
        self._programs: list[str] | None = None

    # ---- records

    def take_on(self, notification: Notification, item: Item) -> None:
        """A delivery for each webhook that is told of it; nothing for one that is disabled."""
        self._learn(notification.program_hash)
        for webhook in self._webhooks().values():
            if notification.kind in webhook.kinds:
                self._queue(webhook, notification, item, item.recorded_at_ms + webhook.retries_ms[0])

    def order(self, order: WebhookOrder, at_ms: int) -> None:
        """Do what was ordered. Raises Undecodable for the replay of what is no notification."""
        state = self._state(order.webhook_id)
        if order.order == "disable" and not state.disabled_at_ms:
            self._keep(order.webhook_id, HookState(at_ms, order.reason, state.given_up))
        elif order.order == "enable":
            self._keep(order.webhook_id, HookState())
        elif order.order == "replay":
            notification = self._read(order.notification)
            webhook = self._webhooks().get(order.webhook_id)
            if webhook is not None:
                self._queue(webhook, notification, Item(0, at_ms, order.notification), at_ms)

    # ---- time

    def plan(self, now_ms: int, free: Callable[[str], int]) -> tuple[list[Delivery], dict[str, int]]:
        """(what is due, as much of each webhook as is `free`; how much was dropped, by webhook)."""
        deliveries: list[Delivery] = []
        dropped: dict[str, int] = {}
        webhooks = self._webhooks()
        for webhook_id, state in list(self._known()):
            route = ROUTE + webhook_id
            webhook = webhooks.get(webhook_id)
            if webhook is None or state.disabled_at_ms:
                number = self._waiting.drop(route, DROPPED_MAX)
                if number:
                    dropped[webhook_id] = number
                continue
            for key, item in self._waiting.due(route, now_ms, free(webhook_id)):
                taken, _ = self._waiting.take(key, item, now_ms)
                deliveries.append(Delivery(taken, webhook, self._read(item.value)))
        return deliveries, dropped

    def settle(self, delivery: Delivery, outcome: str, why: str, now_ms: int) -> str:
        """What became of a delivery: DELIVERED, RETRIED or GONE as it was told, or GIVEN_UP after the last attempt."""
        webhook = delivery.webhook
        waits_ms = webhook.retries_ms[1:]
        going_on = self._waiting.settle(delivery.key, now_ms, waits_ms, again=outcome == RETRIED)
        state = self._state(webhook.webhook_id)
        if outcome == GONE and not state.disabled_at_ms:
            self._keep(webhook.webhook_id, HookState(now_ms, why, state.given_up))
            self._disable_elsewhere(webhook.webhook_id, why, now_ms)
        if going_on:
            return outcome
        self._keep(webhook.webhook_id, HookState(state.disabled_at_ms, state.why, state.given_up + 1))
        return GIVEN_UP

    # ---- inner

    def _queue(self, webhook: Webhook, notification: Notification, item: Item, due_ms: int) -> None:
        if self._table.get(_state_key(webhook.webhook_id)) is None:
            self._keep(webhook.webhook_id, HookState())
        if not self._state(webhook.webhook_id).disabled_at_ms:
            self._waiting.put(ROUTE + webhook.webhook_id, due_ms, notification.notification_id, item)

    def _known(self) -> Iterator[tuple[str, HookState]]:
        for key, value in self._table.scan(STATE, STATE + b"\xff"):
            yield key[len(STATE) :].decode(), read_state(value)

    def _state(self, webhook_id: str) -> HookState:
        value = self._table.get(_state_key(webhook_id))
        return HookState() if value is None else read_state(value)

    def _keep(self, webhook_id: str, state: HookState) -> None:
        self._table.put(_state_key(webhook_id), msgspec.msgpack.encode(state))

    def _webhooks(self) -> Mapping[str, Webhook]:
        programs = self._seen()
        return self._policies(programs[-1]).webhooks if programs else {}

    def _learn(self, program_hash: str) -> None:
        """A programme that is met for the first time is the newest: a late event brings back one that was met."""
        seen = self._seen()
        if program_hash not in seen:
            self._policies(program_hash)  # what follows must find it
            seen.append(program_hash)
            self._table.put(_PROGRAMS, msgspec.msgpack.encode(seen))

    def _seen(self) -> list[str]:
        if self._programs is None:
            value = self._table.get(_PROGRAMS)
            self._programs = [] if value is None else msgspec.msgpack.decode(value, type=list[str])
        return self._programs


def read_state(value: bytes) -> HookState:
    """A webhook's state, as it stands in the table behind `STATE` and the webhook's id."""
    return msgspec.msgpack.decode(value, type=HookState)


def _state_key(webhook_id: str) -> bytes:
    return STATE + webhook_id.encode()
