"""The Redis target: one hash per member, newer versions only, offsets beside them in the same atomic script."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

import msgspec
import redis

from pipeline import logs
from pipeline.core.records import MemberBalance
from pipeline.sinks.target import AwayError, Batch, OffsetsMovedError, Position, TopicPartition

CALL_S: Final = 10.0
DELETE_KEYS: Final = 500
TOPICS: Final = ("member-balances",)
"""Topics that the Redis sink reads, by their names in topics.yaml."""

_LUA: Final = resources.files("pipeline.sinks").joinpath("redis_apply.lua").read_text("utf-8")
_OFFSETS_MOVED: Final = -1


class Keys:
    """Names of what the sink keeps in Redis, all under one prefix: `<app id>:<topic prefix>`."""

    def __init__(self, app_id: str, topic_prefix: str) -> None:
        self.prefix = f"{app_id}:{topic_prefix}"
        self.offsets = f"{self.prefix}sink:offsets"
        self.rejects = f"{self.prefix}sink:rejects"

    def member(self, member_id: str) -> str:
        """The member's hash."""
        return f"{self.prefix}member:{member_id}"

    def members_pattern(self) -> str:
        """What SCAN finds every member's hash by; characters that mean something in a pattern are escaped."""
        escaped = "".join(f"\\{c}" if c in "*?[]\\^-" else c for c in self.prefix)
        return f"{escaped}member:*"


class RedisTarget:
    """The latest state of every member in one Redis database. Belongs to one thread.

    Hash of a member: member_id, version, seq, tier, tier_until_ms (0: never), quarantined (0 or 1), updated_at_ms,
    last_hash (hex digits), and per unit `<unit>:available`, `<unit>:pending`, `<unit>:held`, `<unit>:debt`.
    """

    name: Final = "redis"
    record_types: Final[frozenset[type]] = frozenset({MemberBalance})
    takes_tombstones: Final = True

    def __init__(self, url: str, keys: Keys) -> None:
        self._keys = keys
        self._client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=CALL_S, socket_connect_timeout=CALL_S, client_name="accrue-sink"
        )
        self._script = self._client.register_script(_LUA)
        self._log = logs.logger("accrue.sink").bind(sink=self.name)

    def open(self) -> None:
        """As `Target.open`."""
        with _translated():
            self._client.ping()

    def positions(self) -> dict[TopicPartition, Position]:
        """As `Target.positions`; empty after FLUSHALL, so that the loop begins anew."""
        with _translated():
            fields: dict[str, str] = self._client.hgetall(self._keys.offsets)  # type: ignore[assignment]
        found: dict[TopicPartition, Position] = {}
        for name, value in fields.items():
            topic, _, partition = name.rpartition(":")
            if partition.isdigit():
                found[topic, int(partition)] = Position(int(value), fields.get(_topic_id_field(topic), ""))
        return found

    def begin(self, partition: TopicPartition, position: Position) -> None:
        """As `Target.begin`."""
        with _translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(self._keys.offsets, _topic_id_field(partition[0]), position.topic_id)
            pipeline.hsetnx(self._keys.offsets, _offset_field(partition), str(position.next_offset))
            pipeline.execute()

    def start_anew(self, reason: str) -> None:
        """Delete all that the sink keeps: the log that it came from is gone."""
        self._log.warning("sink starts anew", reason=reason)
        self.wipe()

    def wipe(self) -> int:
        """Delete the sink's keys and no other; returns how many members were deleted.

        Offsets go first, so that breaking off leaves a target that is filled from the beginning; and again at the end,
        so that a sink which ran meanwhile notices and writes once more what was deleted behind it.
        """
        deleted = 0
        with _translated():
            self._client.delete(self._keys.offsets, self._keys.rejects)
            chunk: list[str] = []
            for key in self._client.scan_iter(match=self._keys.members_pattern(), count=DELETE_KEYS):
                chunk.append(key)
                if len(chunk) == DELETE_KEYS:
                    deleted += int(self._client.unlink(*chunk))  # type: ignore[arg-type]
                    chunk = []
            if chunk:
                deleted += int(self._client.unlink(*chunk))  # type: ignore[arg-type]
            self._client.delete(self._keys.offsets, self._keys.rejects)
        return deleted

    def write(self, batch: Batch) -> int:
        """As `Target.write`: one script, one round trip; of several states of a member only the latest is sent."""
        states: dict[str, bytes] = {}
        versions: dict[str, int] = {}
        erased: set[str] = set()
        for record in batch.records:
            balance = record.value
            if balance is None:
                member_id = record.key.decode("utf-8", "replace")
                states[member_id] = b""
                versions.pop(member_id, None)
                erased.add(member_id)
                continue
            assert isinstance(balance, MemberBalance)
            if balance.version > versions.get(balance.member_id, -1):
                versions[balance.member_id] = balance.version
                states[balance.member_id] = _packed(balance, replace=balance.member_id in erased)
        args: list[str | int | bytes] = [len(batch.moves), len(batch.rejects)]
        for partition, (expected, next_offset) in batch.moves.items():
            args += [_offset_field(partition), str(expected), str(next_offset)]
        for reject in batch.rejects:
            text = json.dumps({"reason": reject.reason, "detail": reject.detail, "value": reject.value.hex()})
            args += [f"{reject.topic}:{reject.partition}:{reject.offset}", text]
        args += states.values()
        keys = [self._keys.offsets, self._keys.rejects, *map(self._keys.member, states)]
        with _translated():
            changed = int(self._script(keys, args))
        if changed == _OFFSETS_MOVED:
            raise OffsetsMovedError(f"{self._keys.offsets} does not hold what was written there")
        return changed

    def close(self) -> None:
        """As `Target.close`."""
        with contextlib.suppress(redis.RedisError):  # what cannot be said goodbye to is gone already
            self._client.close()


def read_member(client: redis.Redis, keys: Keys, member_id: str) -> dict[str, Any] | None:
    """A member as the sink wrote it: its fields with numbers as numbers, and `wallets` by unit; None if there is none.

    `client` must decode responses. Raises redis.RedisError.
    """
    fields: dict[str, str] = client.hgetall(keys.member(member_id))  # type: ignore[assignment]
    return member_of(member_id, fields) if fields else None


def member_of(member_id: str, fields: dict[str, str]) -> dict[str, Any]:
    """As `read_member`, from the fields of the member's hash."""
    wallets: dict[str, dict[str, int]] = {}
    member: dict[str, Any] = {"member_id": member_id, "wallets": wallets}
    for name, value in fields.items():
        unit, _, account = name.rpartition(":")
        if unit:
            wallets.setdefault(unit, {})[account] = int(value)
        elif name in ("version", "seq", "tier_until_ms", "updated_at_ms"):
            member[name] = int(value)
        elif name == "quarantined":
            member[name] = value == "1"
        else:
            member[name] = value
    return member


def _packed(balance: MemberBalance, *, replace: bool) -> bytes:
    """[version, 1 to replace any version, field, value, ...]. Other numbers travel as text: Lua's have 53 bits."""
    fields: list[int | str] = [
        balance.version,
        int(replace),
        *("member_id", balance.member_id),
        *("version", str(balance.version)),
        *("seq", str(balance.seq)),
        *("tier", balance.tier),
        *("tier_until_ms", str(balance.tier_until_ms)),
        *("quarantined", "1" if balance.quarantined else "0"),
        *("updated_at_ms", str(balance.updated_at_ms)),
        *("last_hash", balance.last_hash.hex()),
    ]
    for wallet in balance.wallets:
        fields += [f"{wallet.unit}:available", str(wallet.available), f"{wallet.unit}:pending", str(wallet.pending)]
        fields += [f"{wallet.unit}:held", str(wallet.held), f"{wallet.unit}:debt", str(wallet.debt)]
        if wallet.review:
            fields += [f"{wallet.unit}:review", str(wallet.review)]
    return msgspec.msgpack.encode(fields)


def _offset_field(partition: TopicPartition) -> str:
    return f"{partition[0]}:{partition[1]}"


def _topic_id_field(topic: str) -> str:
    return f"{topic}:topic_id"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Every refusal of Redis may pass: it is gone, loading, full, or read-only for the length of a failover."""
    try:
        yield
    except redis.RedisError as error:
        raise AwayError(f"Redis: {' '.join(str(error).split())}") from error
