"""Posts deliveries to webhooks outside any transaction, signed per Standard Webhooks, on a loop of its own."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from typing import Final, final

import aiohttp

from pipeline import clock, logs, metrics
from pipeline.core.records import Notification
from pipeline.notify.hooks import DELIVERED, GONE, RETRIED, Delivery
from pipeline.partners.http_loop import HttpLoop
from pipeline.partners.secrets import SecretMissing, secret_text
from pipeline.partners.signing import BadSecret, signed_headers
from pipeline.wire.times import time_text

UNDER_WAY_MAX: Final = 32
"""Deliveries to a webhook that a worker has under way at a time."""
CLOSE_SECONDS: Final = 5.0
SECOND_MS: Final = 1_000
GONE_STATUS: Final = 410
SUCCESS: Final = range(200, 300)

Delivered = Callable[[Delivery, str, str], None]
"""Told once of every delivery, on another thread: what became of it (DELIVERED, RETRIED, GONE), and why."""

log = logs.logger("accrue.webhooks")


@final
class Courier:
    """Shared by the lanes of a worker. A delivery whose end gets lost with the process is made again."""

    def __init__(self, now_ms: Callable[[], int] = clock.now_ms, environment: Mapping[str, str] = os.environ) -> None:
        self._now_ms = now_ms
        self._environment = environment
        self._lock = threading.Lock()
        self._under_way: dict[str, int] = {}
        self._http = HttpLoop("webhooks")

    def free(self, webhook_id: str) -> int:
        """How many more deliveries to a webhook may be begun now."""
        with self._lock:
            return UNDER_WAY_MAX - self._under_way.get(webhook_id, 0)

    def submit(self, deliveries: list[Delivery], delivered: Delivered) -> None:
        """Make these deliveries. Any thread."""
        for delivery in deliveries:
            webhook_id = delivery.webhook.webhook_id
            with self._lock:
                self._under_way[webhook_id] = self._under_way.get(webhook_id, 0) + 1
        self._http.start([self._work(delivery, delivered) for delivery in deliveries])

    def close(self) -> None:
        """Deliveries under way are waited for, a few seconds."""
        if not self._http.close(CLOSE_SECONDS):
            log.warning("deliveries to webhooks are left under way; they are made again")

    async def _work(self, delivery: Delivery, delivered: Delivered) -> None:
        webhook_id = delivery.webhook.webhook_id
        started_ms = self._now_ms()
        outcome, why = RETRIED, "a defect"
        try:
            outcome, why = await deliver(self._http.session(), delivery, started_ms, self._environment)
        except Exception:
            log.exception("a delivery ended in a defect; it is made again", webhook=webhook_id)
        finally:
            with self._lock:
                self._under_way[webhook_id] -= 1
            delivered(delivery, outcome, why)
        metrics.webhook_seconds.labels(webhook_id).observe(max(self._now_ms() - started_ms, 0) / SECOND_MS)


async def deliver(
    session: aiohttp.ClientSession, delivery: Delivery, now_ms: int, environment: Mapping[str, str]
) -> tuple[str, str]:
    """Post a delivery once: (DELIVERED, RETRIED or GONE; why, for people to read)."""
    webhook, notification = delivery.webhook, delivery.notification
    body = payload(notification)
    try:
        secret = secret_text(webhook.signing, environment)
        headers = signed_headers(secret, notification.notification_id, now_ms // SECOND_MS, body)
    except (SecretMissing, BadSecret) as error:
        return RETRIED, str(error)
    headers["Content-Type"] = "application/json"
    timeout = aiohttp.ClientTimeout(total=webhook.timeout_ms / SECOND_MS)
    try:
        async with session.post(
            webhook.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            status = answer.status
    except TimeoutError:
        return RETRIED, f"no answer within {webhook.timeout_ms} ms"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return RETRIED, str(error) or type(error).__name__
    if status in SUCCESS:
        return DELIVERED, ""
    return (GONE if status == GONE_STATUS else RETRIED), f"HTTP {status}"


def payload(notification: Notification) -> bytes:
    """What is posted: `type`, `timestamp` and `data`, as Standard Webhooks proposes. The same for the same one."""
    data = {
        "notification_id": notification.notification_id,
        "member_id": notification.member_id,
        "unit": notification.unit,
        "points": notification.points,
        "balance": notification.balance,
        "tier": notification.tier,
        "previous_tier": notification.previous_tier,
        "reward_id": notification.reward_id,
        "redemption_id": notification.redemption_id,
        "reason": notification.reason,
        "event_id": notification.event_id,
        "program_hash": notification.program_hash,
    }
    told = {"type": notification.kind, "timestamp": time_text(notification.occurred_at_ms), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
