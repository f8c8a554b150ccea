"""Members' feeds and contacts in Redis: what is new in the app, and where and how a member wants to be reached."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, cast, final

import redis

from pipeline.program.notifications import EMAIL, PUSH

FEED_MAX: Final = 100
"""Messages kept of each member, the newest."""
CALL_SECONDS: Final = 5.0
PLAIN: Final = ("email", "push", "language", "zone")
"""What is one text of a contact."""

_PUT: Final = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local old = redis.call('ZRANGE', KEYS[1], 0, -(tonumber(ARGV[4]) + 1))
for _, id in ipairs(old) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('SREM', KEYS[3], id)
end
return 1
"""
"""Of a message that was put before nothing changes; one that is older than all that are kept is not kept either."""
_READ: Final = """
local marked = 0
for _, id in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], id) == 1 then marked = marked + redis.call('SADD', KEYS[2], id) end
end
return marked
"""


@final
@dataclass(frozen=True, slots=True)
class Contact:
    """How a member can be reached; `off` are channels that the member does not want, `push` is SERVICE:ADDRESS.

    `zone` is where the member's nights are, such as Europe/Berlin; `consents` what the member has agreed to.
    """

    email: str = ""
    language: str = ""
    off: frozenset[str] = frozenset()
    push: str = ""
    zone: str = ""
    consents: frozenset[str] = frozenset()

    def wants(self, channel: str, consent: str) -> bool:
        """Whether there is an address, where the channel needs one, and the member has agreed and not declined."""
        address = {EMAIL: self.email, PUSH: self.push}.get(channel, channel)
        return bool(address) and channel not in self.off and (not consent or consent in self.consents)


@final
class Feeds:
    """All keys lie under `<app id>:<topic prefix>`. Every method raises redis.RedisError where Redis is away."""

    def __init__(self, url: str, app_id: str, topic_prefix: str) -> None:
        self._prefix = f"{app_id}:{topic_prefix}"
        self._client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS,
            client_name="accrue-notifications",
        )  # fmt: skip
        self._put = self._client.register_script(_PUT)
        self._read = self._client.register_script(_READ)

    def put(self, member_id: str, notification_id: str, at_ms: int, title: str, body: str, kind: str) -> None:
        """A message for the member's feed; the same id again changes nothing."""
        text = json.dumps({"kind": kind, "title": title, "body": body, "at_ms": at_ms}, ensure_ascii=False)
        self._put(self._keys(member_id), [notification_id, str(at_ms), text, str(FEED_MAX)])

    def feed(self, member_id: str) -> list[dict[str, Any]]:
        """The messages, newest first: id, kind, title, body, at_ms, read."""
        order, items, read = self._keys(member_id)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.zrevrange(order, 0, -1)
        pipeline.hgetall(items)
        pipeline.smembers(read)
        ids, texts, seen = pipeline.execute()
        return [{"id": one, **json.loads(texts[one]), "read": one in seen} for one in ids]

    def mark_read(self, member_id: str, notification_ids: list[str]) -> int:
        """How many of these were in the feed and unread."""
        _, items, read = self._keys(member_id)
        return int(cast("int", self._read([items, read], list(notification_ids))))

    def contact(self, member_id: str) -> Contact:
        """An unknown member has an empty one."""
        fields = _now(self._client.hgetall(self._contact(member_id)))
        plain = {name: fields.get(name, "") for name in PLAIN}
        return Contact(**plain, off=_parts(fields.get("off", "")), consents=_parts(fields.get("consents", "")))

    def set_contact(self, member_id: str, contact: Contact) -> None:
        """Replace the member's contact; an empty one is forgotten."""
        fields: dict[str, str] = {name: getattr(contact, name) for name in PLAIN}
        fields |= {"off": ",".join(sorted(contact.off)), "consents": ",".join(sorted(contact.consents))}
        kept = {name: value for name, value in fields.items() if value}
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._contact(member_id))
            if kept:
                pipeline.hset(self._contact(member_id), mapping=kept)
            pipeline.execute()

    def close(self) -> None:
        self._client.close()

    def _contact(self, member_id: str) -> str:
        return f"{self._prefix}contact:{member_id}"

    def _keys(self, member_id: str) -> list[str]:
        """Order of the feed, its messages, ids of those that were read."""
        return [f"{self._prefix}feed:{part}:{member_id}" for part in ("order", "items", "read")]


def _parts(text: str) -> frozenset[str]:
    return frozenset(part for part in text.split(",") if part)


def _now(found: Awaitable[dict[str, str]] | dict[str, str]) -> dict[str, str]:
    """redis-py types its answers for both of its clients; this one answers at once."""
    return cast("dict[str, str]", found)
