"""The notification lane of one partition: taken on exactly once, sent after the commit, settled by what came of it."""

from __future__ import annotations

import queue
from typing import final

from pipeline import logs, metrics
from pipeline.lane.runner import Opener, OpenLane, SystemClock
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane
from pipeline.lane.table_opener import CoreLane
from pipeline.notify.mailroom import Job, Mailroom
from pipeline.notify.post import Post

log = logs.logger("accrue.notifications")


@final
class NotificationWork:
    """What a lane of notifications does; used by its thread, results come in from others. What is lost of them with the
    lane, its leases bring back."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._mailroom: Mailroom | None = None
        self._results: queue.SimpleQueue[tuple[Job, bool]] = queue.SimpleQueue()

    def new_mailroom(self, table: Table, outbox: Outbox) -> Mailroom:
        self._mailroom = Mailroom(table, outbox, self._post.programs.part, self._post.context.decoder)
        return self._mailroom

    def work_off(self, lane: TableLane, now_ms: int) -> None:
        """Settle what has ended, plan what is due, commit both, then have it sent. Raises LaneFailed."""
        ended: list[tuple[Job, bool]] = []
        while not self._results.empty():
            ended.append(self._results.get())
        jobs: list[Job] = []
        given_up: list[Job] = []

        def work() -> None:
            assert self._mailroom is not None, "the lane is open"
            for job, again in ended:
                if not self._mailroom.settle(job.key, now_ms, again=again):
                    given_up.append(job)
            jobs.extend(self._mailroom.plan(now_ms, self._post.free))

        lane.perform(work)
        for job in given_up:
            metrics.notification_messages.labels(job.channel, "given_up").inc()
            log.error("a message was given up after its last attempt", **_named(job))
        self._post.submit(jobs, self._ended)

    def _ended(self, job: Job, again: bool) -> None:
        self._results.put((job, again))


def _named(job: Job) -> dict[str, str]:
    return {"channel": job.channel, "notification_id": job.notification.notification_id}


def notification_opener(post: Post) -> Opener:
    """Opens the lanes that bring members their messages."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        work = NotificationWork(post)
        return CoreLane(
            post.context, post.notifications, post.changelog, partition, clock, work.new_mailroom, work.work_off,
            at_once=True,
        )  # fmt: skip

    return open_lane
