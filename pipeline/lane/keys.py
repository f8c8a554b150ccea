"""Where everything of a lane's state stands: keys of store and changelog, and the marker of how far it has come."""

from __future__ import annotations

import struct
from typing import Final, final

# In the changelog and in the store:
MARKER: Final = b"!marker"
ACTIVATIONS: Final = b"!activations"
BASELINES: Final = b"!cohorts"  # + time they take effect (8): cohort baselines (`pipeline.lane.baselines`)
MEMBER: Final = b"m"  # + member id: the packed member
ORDER: Final = b"o"  # + length of the member id (2) + member id + order id: the packed order
QUARANTINED: Final = b"q"  # + member id: why the member stands still (`pipeline.lane.quarantined`)
PARKED: Final = b"p"  # + member id + number (8): timestamp (8), raw record
# In the store alone; what follows from the changelog of ids, from members, or speaks of the store itself:
SEEN: Final = b"i"  # + generation (2) + identity (16): content digest (8), timestamp (8)
DUE: Final = b"d"  # + time (8) + member id: nothing; a hint, the member's own next_due_ms decides
CHANGELOG_POSITION: Final = b"@changelog"
IDS_POSITION: Final = b"@ids"
ORIGIN: Final = b"@origin"  # which log and changelog the store was built from
WRITTEN_AT: Final = b"@written"

GENERATION_MS: Final = 90 * 86_400_000
"""Ids are kept by generations of this length, so that an old one can be dropped as a whole."""
GENERATIONS_MAX: Final = 65_534
SEEN_END: Final = b"j"
NEVER_MS: Final = 2**62
ID_BYTES: Final = 32
"""Identity (16), content digest (8) and timestamp (8): one decided event in the changelog of ids."""

_NUMBER: Final = struct.Struct(">q")
_SHORT: Final = struct.Struct(">H")
_MARKER: Final = struct.Struct(">Bqqqq")
_MARKER_VERSION: Final = 1

pack_number = _NUMBER.pack


def unpack_number(value: bytes) -> int:
    """The number that `pack_number` packed into 8 bytes."""
    number: int = _NUMBER.unpack_from(value)[0]
    return number


def member_key(member_id: str) -> bytes:
    return MEMBER + member_id.encode()


def order_key(member_id: str, order_id: str) -> bytes:
    member = member_id.encode()
    return ORDER + _SHORT.pack(len(member)) + member + order_id.encode()


def parked_key(member_id: str, number: int) -> bytes:
    return PARKED + member_id.encode() + _NUMBER.pack(number)


def baselines_key(effective_at_ms: int) -> bytes:
    return BASELINES + _NUMBER.pack(effective_at_ms)


def quarantined_key(member_id: str) -> bytes:
    return QUARANTINED + member_id.encode()


def due_key(due_ms: int, member_id: str) -> bytes:
    return DUE + _NUMBER.pack(due_ms) + member_id.encode()


def split_due_key(key: bytes) -> tuple[int, str]:
    """(due_ms, member id)."""
    return unpack_number(key[1:9]), key[9:].decode()


def generation(time_ms: int) -> int:
    """Which generation of ids a moment belongs to, from 0 to GENERATIONS_MAX."""
    return min(max(time_ms, 0) // GENERATION_MS, GENERATIONS_MAX)


def seen_prefix(generation_number: int) -> bytes:
    return SEEN + _SHORT.pack(generation_number)


def seen_generation(key: bytes) -> int:
    """The generation that a key of a seen id belongs to."""
    number: int = _SHORT.unpack_from(key, 1)[0]
    return number


@final
class Marker:
    """How far a lane has come: the last record of every transaction of the lane.

    `position` is the next offset of the source; `log_time_ms` the log's clock during an import, 0 when live;
    `last_tick_ms` the time of the last tick seen; `ids_end` how far the changelog of ids reached, at least, before
    this transaction.
    """

    __slots__ = ("ids_end", "last_tick_ms", "log_time_ms", "position")

    def __init__(self, position: int, log_time_ms: int, last_tick_ms: int, ids_end: int) -> None:
        self.position = position
        self.log_time_ms = log_time_ms
        self.last_tick_ms = last_tick_ms
        self.ids_end = ids_end

    def pack(self) -> bytes:
        return _MARKER.pack(_MARKER_VERSION, self.position, self.log_time_ms, self.last_tick_ms, self.ids_end)

    @classmethod
    def unpack(cls, value: bytes) -> Marker:
        """Raises ValueError for bytes that are no marker of a known version."""
        if len(value) != _MARKER.size or value[0] != _MARKER_VERSION:
            raise ValueError(f"marker {value.hex()} is not of version {_MARKER_VERSION}: run a worker that knows it")
        _version, position, log_time_ms, last_tick_ms, ids_end = _MARKER.unpack(value)
        return cls(position, log_time_ms, last_tick_ms, ids_end)

    def __repr__(self) -> str:
        return f"Marker({self.position}, {self.log_time_ms}, {self.last_tick_ms}, {self.ids_end})"
