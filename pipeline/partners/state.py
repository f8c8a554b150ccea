"""Where the state of a fulfilment lane stands in its table: fulfilments, what is due when, partners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

import msgspec

from pipeline.lane import keys
from pipeline.lane.table import Table
from pipeline.partners.breaker import Breaker
from pipeline.partners.fulfilment import IN_FLIGHT, REVIEW, Fulfilment

OPEN: Final = b"f"  # + id: a fulfilment whose outcome is still to come
DONE: Final = b"z"  # + id: one that has its outcome; late callbacks and repeated commands are known by it
DONE_AT: Final = b"y"  # + time (8) + id: nothing; by when the former are forgotten
DUE: Final = b"d"  # + partner + 00 + time (8) + id: nothing; calls to make
DEADLINE: Final = b"l"  # + time (8) + id: nothing; calls on their way, by when their result must be here
REVIEWED: Final = b"v"  # + partner + 00 + id: nothing; what people have to look at
PARTNER: Final = b"p"  # + partner: its state
PROGRAM: Final = b"g"  # the programme of the newest command

KEPT_MS: Final = 400 * 86_400_000
"""What is done is remembered for longer than a command stays on its topic, so none is ever carried out again."""


@final
class PartnerState(msgspec.Struct, array_like=True):
    """A partner as one lane knows it. `counts` of fulfilments by state; those that are done are counted for ever."""

    breaker: Breaker = msgspec.field(default_factory=Breaker)
    paused: bool = False
    paused_why: str = ""
    contradictions: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)


_fulfilment: Final = msgspec.msgpack.Decoder(Fulfilment)
_partner: Final = msgspec.msgpack.Decoder(PartnerState)
pack: Final = msgspec.msgpack.encode


def read_fulfilment(value: bytes) -> Fulfilment:
    """A fulfilment as its key holds it."""
    return _fulfilment.decode(value)


def read_partner(value: bytes) -> PartnerState:
    """A partner's state as its key holds it."""
    return _partner.decode(value)


@final
class State:
    """Fulfilments and partners over a table, with their indexes. What is read is kept only by `save`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._partners: dict[str, PartnerState] = {}

    # ---- fulfilments

    def fulfilment(self, fulfillment_id: str) -> Fulfilment | None:
        """Open or done, None where it was never heard of, or is forgotten."""
        key = fulfillment_id.encode()
        value = self._table.get(OPEN + key) or self._table.get(DONE + key)
        return None if value is None else read_fulfilment(value)

    def save(self, f: Fulfilment, before: Fulfilment | None) -> None:
        """Keep it; `before` is what it was when it was read, None for a new one."""
        table, key = self._table, f.fulfillment_id.encode()
        if before is not None and (index := _index_key(before)) is not None:
            table.delete(index)
        if f.open:
            table.put(OPEN + key, pack(f))
        else:
            table.delete(OPEN + key)
            table.put(DONE + key, pack(f))
            table.put(DONE_AT + keys.pack_number(f.gone_ms) + key, b"")
        if (index := _index_key(f)) is not None:
            table.put(index, b"")
        self._count(before, -1)
        self._count(f, 1)

    def due(self, provider: str, now_ms: int) -> Iterator[str]:
        """Ids of what is due at a partner, earliest first."""
        start = _of(DUE, provider)
        for key, _ in self._table.scan(start, start + keys.pack_number(now_ms + 1)):
            yield key[len(start) + 8 :].decode()

    def waiting(self, provider: str) -> Iterator[str]:
        """Ids of everything that waits for a call to a partner, due or not."""
        start = _of(DUE, provider)
        for key, _ in self._table.scan(start, start + b"\xff"):
            yield key[len(start) + 8 :].decode()

    def reviewed(self, provider: str) -> Iterator[str]:
        """Ids of what people have to look at."""
        start = _of(REVIEWED, provider)
        for key, _ in self._table.scan(start, start + b"\xff"):
            yield key[len(start) :].decode()

    def overdue_calls(self, now_ms: int) -> Iterator[str]:
        """Ids of those whose call should have ended long ago."""
        for key, _ in self._table.scan(DEADLINE, DEADLINE + keys.pack_number(now_ms + 1)):
            yield key[9:].decode()

    def forget(self, now_ms: int, most: int) -> None:
        """Let go of what was done with long ago."""
        gone = self._table.scan(DONE_AT, DONE_AT + keys.pack_number(max(now_ms - KEPT_MS, 0)))
        for key in [key for (key, _), _number in zip(gone, range(most), strict=False)]:
            self._table.delete(key)
            self._table.delete(DONE + key[9:])

    # ---- partners

    def partner(self, provider: str) -> PartnerState:
        """As it stands; a new one where nothing was heard of it."""
        found = self._partners.get(provider)
        if found is None:
            value = self._table.get(PARTNER + provider.encode())
            found = self._partners[provider] = PartnerState() if value is None else read_partner(value)
        return found

    def save_partner(self, provider: str) -> None:
        """Keep what was changed of it."""
        self._table.put(PARTNER + provider.encode(), pack(self.partner(provider)))

    def partners(self) -> list[str]:
        """All of whom something was heard."""
        return [key[1:].decode() for key, _ in self._table.scan(PARTNER, PARTNER + b"\xff")]

    # ---- the programme

    @property
    def program(self) -> str:
        """The hash of the newest command's programme, empty before the first."""
        return (self._table.get(PROGRAM) or b"").decode()

    @program.setter
    def program(self, program_hash: str) -> None:
        self._table.put(PROGRAM, program_hash.encode())

    def _count(self, f: Fulfilment | None, by: int) -> None:
        if f is None:
            return
        counts = self.partner(f.provider).counts
        counts[f.state] = counts.get(f.state, 0) + by
        if not counts[f.state]:
            del counts[f.state]
        self.save_partner(f.provider)


def _of(kind: bytes, provider: str) -> bytes:
    return kind + provider.encode() + b"\0"


def _index_key(f: Fulfilment) -> bytes | None:
    """Where a fulfilment stands among what is to be done; None for one that is done."""
    key = f.fulfillment_id.encode()
    if f.state in IN_FLIGHT:
        return DEADLINE + keys.pack_number(f.due_ms) + key
    if f.state == REVIEW:
        return _of(REVIEWED, f.provider) + key
    return _of(DUE, f.provider) + keys.pack_number(f.due_ms) + key if f.open else None
