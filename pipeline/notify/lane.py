"""The notification lane of one partition: taken on exactly once, sent after the commit, settled by what came of it."""

from __future__ import annotations

import queue
from typing import final

from pipeline import logs, metrics
from pipeline.lane.runner import Opener, OpenLane, SystemClock
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane
from pipeline.lane.table_opener import CoreLane
from pipeline.notify.correspondence import Correspondence
from pipeline.notify.hooks import DELIVERED, DROPPED, GIVEN_UP, GONE, Delivery
from pipeline.notify.mailroom import LIMITED, Job, Result
from pipeline.notify.post import Post

log = logs.logger("accrue.notifications")


@final
class NotificationWork:
    """What a lane of notifications does; used by its thread, results come in from others. What is lost of them with the
    lane, its leases bring back."""

    def __init__(self, post: Post, partition: int) -> None:
        self._post = post
        self._partition = partition
        self._core: Correspondence | None = None
        self._sent: queue.SimpleQueue[tuple[Job, Result]] = queue.SimpleQueue()
        self._delivered: queue.SimpleQueue[tuple[Delivery, str, str]] = queue.SimpleQueue()

    def new_core(self, table: Table, outbox: Outbox) -> Correspondence:
        context = self._post.context
        self._core = Correspondence(
            table, outbox, self._post.programs.part, context.decoder, context.encoder, self._post.notifications,
            self._partition, context.partitions, context.topics.dead_letters,
        )  # fmt: skip
        return self._core

    def work_off(self, lane: TableLane, now_ms: int) -> None:
        """Settle what has ended, plan what is due, commit both, then have it sent. Raises LaneFailed."""
        self._work_off_messages(lane, now_ms)
        self._work_off_webhooks(lane, now_ms)

    def _work_off_messages(self, lane: TableLane, now_ms: int) -> None:
        ended: list[tuple[Job, Result]] = []
        while not self._sent.empty():
            ended.append(self._sent.get())
        jobs: list[Job] = []
        given_up: list[Job] = []
        limited: dict[str, int] = {}

        def work() -> None:
            assert self._core is not None, "the lane is open"
            mailroom = self._core.mailroom
            given_up.extend(job for job, result in ended if not mailroom.settle(job, result, now_ms))
            planned, dropped = mailroom.plan(now_ms, self._post.free)
            jobs.extend(planned)
            limited.update(dropped)

        lane.perform(work)
        for job in given_up:
            metrics.notification_messages.labels(job.channel, "given_up").inc()
            log.error("a message was given up after its last attempt", **_named(job))
        for channel, number in limited.items():
            metrics.notification_messages.labels(channel, LIMITED).inc(number)
        self._post.submit(jobs, lambda *ended: self._sent.put(ended))

    def _work_off_webhooks(self, lane: TableLane, now_ms: int) -> None:
        ended: list[tuple[Delivery, str, str]] = []
        while not self._delivered.empty():
            ended.append(self._delivered.get())
        settled: list[tuple[Delivery, str, str]] = []
        deliveries: list[Delivery] = []
        dropped: dict[str, int] = {}

        def work() -> None:
            assert self._core is not None, "the lane is open"
            hooks = self._core.hooks
            for delivery, outcome, why in ended:
                settled.append((delivery, hooks.settle(delivery, outcome, why, now_ms), why))
            planned, lost = hooks.plan(now_ms, self._post.courier.free)
            deliveries.extend(planned)
            dropped.update(lost)

        lane.perform(work)
        for delivery, outcome, why in settled:
            _tell(delivery, outcome, why)
        for webhook_id, number in dropped.items():
            metrics.webhook_deliveries.labels(webhook_id, DROPPED).inc(number)
        self._post.courier.submit(deliveries, lambda *result: self._delivered.put(result))


def _tell(delivery: Delivery, outcome: str, why: str) -> None:
    webhook_id = delivery.webhook.webhook_id
    metrics.webhook_deliveries.labels(webhook_id, outcome).inc()
    if outcome == DELIVERED:
        return
    say = log.error if outcome in (GONE, GIVEN_UP) else log.warning
    text = f"a webhook is gone: `accrue webhooks enable {webhook_id}` has it sent to again"
    if outcome != GONE:
        text = f"a delivery to a webhook was {outcome.replace('_', ' ')}"
    say(text, webhook=webhook_id, notification_id=delivery.notification.notification_id, why=why)


def _named(job: Job) -> dict[str, str]:
    return {"channel": job.channel, "notification_id": job.notification.notification_id}


def notification_opener(post: Post) -> Opener:
    """Opens the lanes that bring members their messages, and downstream teams their deliveries."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        work = NotificationWork(post, partition)
        return CoreLane(
            post.context, post.notifications, post.changelog, partition, clock, work.new_core, work.work_off,
            at_once=True,
        )  # fmt: skip

    return open_lane
