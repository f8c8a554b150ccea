"""What a published programme says of messages and webhooks, and how a notification reads in a member's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.core.records import Notification
from pipeline.program import Bundle
from pipeline.program.compiler import definition_of
from pipeline.program.notifications import Message, NotificationTerms, text_in
from pipeline.program.templates import Value, render
from pipeline.program.webhooks import Webhook
from pipeline.program.zones import load_zone

KEPT: Final = 64
MINUTES_OF_HOUR: Final = 60
SECOND_MS: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@final
@dataclass(frozen=True, slots=True)
class Policy:
    """`terms` is None for a programme that tells members nothing; `webhooks` are by id."""

    program_id: str
    zone: ZoneInfo
    terms: NotificationTerms | None
    webhooks: Mapping[str, Webhook]

    def local(self, at_ms: int) -> datetime:
        """That time in the programme's zone."""
        return _local(at_ms, self.zone)

    def most(self, channel: str) -> int:
        """How many messages a member gets by a channel in a day, 0 without limit."""
        return 0 if self.terms is None else dict(self.terms.most_per_day).get(channel, 0)

    def next_ms(self, minute: int, after_ms: int) -> int:
        """When it is next this minute of the programme's day."""
        return _next_ms(minute, after_ms, self.zone)

    def quiet_until_ms(self, now_ms: int, zone: str = "") -> int:
        """When the quiet time that it is now ends, or 0 if it is none: by that zone, or the programme's without one."""
        if self.terms is None or self.terms.quiet[0] == self.terms.quiet[1]:
            return 0
        start, end = self.terms.quiet
        own = zone_of(zone) or self.zone
        now = _local(now_ms, own)
        minute = now.hour * MINUTES_OF_HOUR + now.minute
        quiet = start <= minute < end if start < end else minute >= start or minute < end
        return _next_ms(end, now_ms, own) if quiet else 0


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the member reads it; `title` is one line."""

    title: str
    body: str


@lru_cache(maxsize=KEPT)
def policy_of(bundle: Bundle) -> Policy:
    """Raises ProgramRefused or BundleRefused."""
    definition = definition_of(bundle)
    zone = load_zone(bundle.zone, bundle.zone_data)
    return Policy(definition.settings.program_id, zone, definition.notifications, definition.webhooks)


def zone_of(name: str) -> ZoneInfo | None:
    """None for what is no zone's name."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def values_of(notification: Notification, policy: Policy, count: int = 1) -> dict[str, Value]:
    """What templates can show of so many notifications together; those of another kind are empty."""
    return {
        "count": count,
        "member": notification.member_id,
        "program": policy.program_id,
        "occurred": policy.local(notification.occurred_at_ms),
        "points": notification.points,
        "unit": notification.unit,
        "balance": notification.balance,
        "tier": notification.tier,
        "previous_tier": notification.previous_tier,
        "reward": notification.reward_id,
        "redemption": notification.redemption_id,
        "reason": notification.reason,
    }


def shown(message: Message, language: str, values: dict[str, Value]) -> Shown:
    """The message in a language, or in the programme's first one."""
    text = text_in(message, language)
    return Shown(" ".join(render(text.title, values).split()), render(text.body, values).strip())


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def _next_ms(minute: int, after_ms: int, zone: ZoneInfo) -> int:
    """When it is next this minute of the day in a zone, after a time."""
    day = _local(after_ms, zone).date()
    while True:
        then = datetime(day.year, day.month, day.day, *divmod(minute, MINUTES_OF_HOUR), tzinfo=zone)
        at_ms = int(then.timestamp()) * SECOND_MS
        if at_ms > after_ms:
            return at_ms
        day += timedelta(days=1)
