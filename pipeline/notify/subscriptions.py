"""How webhooks stand, read from the changelog of the lanes; and what operators order of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

import msgspec

from pipeline import clock
from pipeline.core.records import Notification, WebhookOrder
from pipeline.lane.appender import Append, LogAppender
from pipeline.lane.context import connect
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import Record
from pipeline.lane.published import published
from pipeline.notify.hooks import ROUTE, STATE, read_state
from pipeline.notify.policy import policy_of
from pipeline.notify.post import CHANGELOG, NOTIFICATIONS
from pipeline.notify.waiting import QUEUE, waits_of
from pipeline.program import Bundle, BundleRefused, ProgramRefused
from pipeline.program.webhooks import Webhook
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.topics import TOPICS_FILE, Topics

APPENDED_MAX: Final = 500


class NotToBeOrdered(Exception):
    """The order has no object; the message says how it stands."""


@final
class Standing(msgspec.Struct):
    """A webhook over all lanes. `disabled_at_ms` is the first time at which one was told that it is gone, 0 for none;
    `first_due_ms` is of what waits, 0 for none."""

    webhook_id: str
    url: str = ""
    kinds: tuple[str, ...] = ()
    disabled_at_ms: int = 0
    why: str = ""
    waiting: int = 0
    first_due_ms: int = 0
    given_up: int = 0


def standings(settings: Settings) -> list[Standing]:
    """By webhook how it stands, as of what is committed now. Raises what `connect` raises, and LaneFailed."""
    found = {one.webhook_id: Standing(one.webhook_id, one.url, one.kinds) for one in newest_webhooks(settings).values()}
    context = connect(settings)
    reader = KafkaReader(settings)
    topic = context.topic(CHANGELOG)
    try:
        for partition in range(context.partitions):
            state: dict[bytes, bytes] = {}
            for _offset, _at_ms, key, value in _records(reader, topic, partition):
                if key is not None and value is not None:
                    state[key] = value
                elif key is not None:
                    state.pop(key, None)
            for key, value in state.items():
                _add(found, key, value)
    finally:
        reader.close()
        context.close()
    return [found[webhook_id] for webhook_id in sorted(found)]


def newest_webhooks(settings: Settings) -> dict[str, Webhook]:
    """Every webhook that was ever published, as the newest programme that names it says. Raises LaneFailed."""
    found: dict[str, Webhook] = {}
    for program in published(settings, Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)):
        try:
            found |= policy_of(Bundle.from_bytes(program.content)).webhooks
        except (BundleRefused, ProgramRefused):
            continue  # of another version of the pipeline
    return found


def switch(settings: Settings, webhook_id: str, order: str, author: str, reason: str) -> None:
    """Have all lanes `enable` or `disable` a webhook.

    Raises NotToBeOrdered for one that no programme names, what `connect` raises, and LaneFailed.
    """
    _named(settings, webhook_id)
    context = connect(settings)
    appender = LogAppender(settings, context.topic(NOTIFICATIONS))
    try:
        value = context.encoder.webhook_order(WebhookOrder(order, webhook_id, b"", author, reason, clock.now_ms()))
        appender.append([(partition, None, value, 0) for partition in range(context.partitions)])
    finally:
        appender.close()
        context.close()


def replay(
    settings: Settings, webhook_id: str, since_ms: int, until_ms: int, notification_id: str, author: str, reason: str
) -> int:
    """Have a webhook sent once more what was recorded from `since_ms` to before `until_ms` of what it is told of, or
    only `notification_id` of it. Returns how many notifications that are.

    Raises NotToBeOrdered for a webhook that is disabled or that no programme names, what `connect` raises, LaneFailed.
    """
    webhook = _named(settings, webhook_id)
    (standing,) = [one for one in standings(settings) if one.webhook_id == webhook_id]
    if standing.disabled_at_ms:
        raise NotToBeOrdered(f"{webhook_id} is disabled: `accrue webhooks enable {webhook_id}` first")
    context = connect(settings)
    topic = context.topic(NOTIFICATIONS)
    appender = LogAppender(settings, topic)
    reader = KafkaReader(settings)
    number = 0
    try:
        for partition in range(context.partitions):
            orders: list[Append] = []
            for record in _records(reader, topic, partition):
                _offset, at_ms, key, value = record
                if value is None or not since_ms <= at_ms < until_ms:
                    continue
                notification = _told(context.decoder, value)
                if notification is None or notification.kind not in webhook.kinds:
                    continue
                if notification_id in ("", notification.notification_id):
                    order = WebhookOrder("replay", webhook_id, value, author, reason, clock.now_ms())
                    orders.append((partition, key, context.encoder.webhook_order(order), 0))
            for first in range(0, len(orders), APPENDED_MAX):
                appender.append(orders[first : first + APPENDED_MAX])
            number += len(orders)
    finally:
        reader.close()
        appender.close()
        context.close()
    return number


def _named(settings: Settings, webhook_id: str) -> Webhook:
    known = newest_webhooks(settings)
    if webhook_id not in known:
        raise NotToBeOrdered(
            f"no published programme has a webhook {webhook_id!r}: choose from {', '.join(sorted(known)) or 'none'}"
        )
    return known[webhook_id]


def _records(reader: KafkaReader, topic: str, partition: int) -> Iterator[Record]:
    for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
        yield from chunk


def _told(decoder: Decoder, value: bytes) -> Notification | None:
    """The notification that a record is, or None where it is none."""
    try:
        found = decoder.output(value)
    except Undecodable:
        return None  # the lane has refused and counted it
    return found if isinstance(found, Notification) else None


def _add(found: dict[str, Standing], key: bytes, value: bytes) -> None:
    if key[:1] == STATE:
        state = read_state(value)
        standing = _of(found, key[len(STATE) :].decode())
        since = [ms for ms in (standing.disabled_at_ms, state.disabled_at_ms) if ms]
        standing.disabled_at_ms = min(since, default=0)
        standing.why = standing.why or state.why
        standing.given_up += state.given_up
    elif key[:1] == QUEUE:
        route, due_ms = waits_of(key)
        if route.startswith(ROUTE):
            standing = _of(found, route.removeprefix(ROUTE))
            standing.waiting += 1
            standing.first_due_ms = min(standing.first_due_ms or due_ms, due_ms)


def _of(found: dict[str, Standing], webhook_id: str) -> Standing:
    return found.setdefault(webhook_id, Standing(webhook_id))
