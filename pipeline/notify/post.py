"""Sends messages outside any transaction, on threads of each channel's own, so that none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, final

import redis

from pipeline import clock, logs, metrics
from pipeline.lane.context import LaneContext
from pipeline.lane.programs import ProgramParts
from pipeline.notify.courier import Courier
from pipeline.notify.failure import NotSent
from pipeline.notify.feed import Contact, Feeds
from pipeline.notify.mail import letter
from pipeline.notify.mail import send as send_mail
from pipeline.notify.mailroom import GIVEN_UP, POSTPONED, RETRIED, SENT, SKIPPED, Job, Result
from pipeline.notify.policy import policy_of, shown, values_of
from pipeline.notify.push import send as send_push
from pipeline.notify.push import services_of
from pipeline.program.notifications import CHANNELS, EMAIL, IN_APP, PUSH

NOTIFICATIONS: Final = "notifications"
CHANGELOG: Final = "notification-changelog"
THREADS: Final = 8
JOBS_MAX: Final = 64
"""Messages of a channel that a worker has under way at a time."""
SPARE_MS: Final = 60_000
"""A message is not begun so shortly before another worker may take it up."""

Done = Callable[[Job, Result], None]
"""Told once of every job, on any thread, what became of it."""

log = logs.logger("accrue.notifications")


@final
class Post:
    """Made once by a worker; its lanes may be of any partition."""

    def __init__(self, context: LaneContext) -> None:
        settings = context.settings
        self.context = context
        self.notifications = context.topic(NOTIFICATIONS)
        self.changelog = context.topic(CHANGELOG)
        self.programs = ProgramParts(context.program_reader, context.topic("programs"), policy_of)
        self.courier = Courier()
        self._smtp_url = settings.smtp_url
        self._services = services_of(settings.push_services)
        self._feeds = Feeds(settings.redis_url, settings.app_id, settings.topic_prefix) if settings.redis_url else None
        self._lock = threading.Lock()
        self._under_way = dict.fromkeys(CHANNELS, 0)
        self._threads = {name: ThreadPoolExecutor(THREADS, f"notify-{name}") for name in CHANNELS}

    def free(self, channel: str) -> int:
        """How many more messages of a channel may be begun now."""
        with self._lock:
            return JOBS_MAX - self._under_way[channel]

    def submit(self, jobs: list[Job], done: Done) -> None:
        """Send these messages; those that were not begun before the worker ends are tried again by the next."""
        for job in jobs:
            with self._lock:
                self._under_way[job.channel] += 1
            self._threads[job.channel].submit(self._work, job, done)

    def close(self) -> None:
        """Messages under way are waited for, others are left to be tried again."""
        for threads in self._threads.values():
            threads.shutdown(wait=True, cancel_futures=True)
        self.courier.close()
        self.programs.close()
        if self._feeds is not None:
            self._feeds.close()

    def _work(self, job: Job, done: Done) -> None:
        try:
            result = self._result(job)
        except Exception:
            log.exception("a message ended in a defect; it is tried again", channel=job.channel)
            result = Result(RETRIED, "a defect")
        finally:
            with self._lock:
                self._under_way[job.channel] -= 1
        metrics.notification_messages.labels(job.channel, result.outcome).inc()
        if result.why:
            fields = {"channel": job.channel, "notification_id": job.notification.notification_id, "why": result.why}
            log.warning(f"a message was {result.outcome.replace('_', ' ')}", **fields)
        done(job, result)

    def _result(self, job: Job) -> Result:
        now_ms = clock.now_ms()
        if now_ms > job.until_ms - SPARE_MS:
            return Result(RETRIED, "it waited too long for a thread")
        if self._feeds is None:
            return Result(RETRIED, "ACCRUE_REDIS_URL is not set: feeds and contacts are there")
        try:
            contact = self._feeds.contact(job.notification.member_id)
            held_back = not_now(job, contact, now_ms)
            if held_back is not None:
                return held_back
            self._deliver(self._feeds, contact, job)
        except NotSent as error:
            return Result(GIVEN_UP if error.final else RETRIED, str(error))
        except redis.RedisError as error:
            return Result(RETRIED, f"Redis: {error}")
        return Result(SENT)

    def _deliver(self, feeds: Feeds, contact: Contact, job: Job) -> None:
        """Raises NotSent or redis.RedisError."""
        notification = job.notification
        text = shown(job.message, contact.language, values_of(notification, job.policy, job.count))
        if job.channel == IN_APP:
            feeds.put(
                notification.member_id, notification.notification_id, notification.occurred_at_ms, text.title,
                text.body, notification.kind,
            )  # fmt: skip
            return
        if job.channel == PUSH:
            send_push(self._services, contact.push, text.title, text.body)
            return
        assert job.channel == EMAIL, f"there is no channel {job.channel}"
        assert job.policy.terms is not None, "the message is from there"
        mail = letter(
            job.policy.terms.sender, contact.email, notification.notification_id, text.title, text.body,
            notification.recorded_at_ms,
        )  # fmt: skip
        send_mail(self._smtp_url, mail)


def not_now(job: Job, contact: Contact, now_ms: int) -> Result | None:
    """SKIPPED where the member is not to have the message, POSTPONED where not at this hour, else None."""
    if not contact.wants(job.channel, job.message.consent):
        return Result(SKIPPED)
    quiet_until_ms = 0 if job.channel == IN_APP else job.policy.quiet_until_ms(now_ms, contact.zone)
    return Result(POSTPONED, until_ms=quiet_until_ms) if quiet_until_ms else None
