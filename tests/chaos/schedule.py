"""What happens when: every fault of a run with its moment, all drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from pipeline.failpoints import POINTS

MEAN_S: Final = 5.0
"""Between two kills of a worker, on average."""
FIRST_AT: Final = 0.04
LAST_AT: Final = 0.96
"""Faults come between these shares of the load."""

WORKER_KILL: Final = "worker kill -9"
ZOMBIE: Final = "worker stopped past its session, then continued"
REBALANCE: Final = "rebalance (a worker joins or leaves)"
BROKER_KILL: Final = "broker kill -9"
BROKER_RESTART: Final = "broker restart in order"
REGISTRY_DOWN: Final = "registry down"
REDIS_DOWN: Final = "Redis kill -9"
REDIS_FLUSHED: Final = "Redis FLUSHALL"
POSTGRES_DOWN: Final = "PostgreSQL kill -9"
STORE_FLIPPED: Final = "RocksDB file, one bit flipped"
STORE_TRUNCATED: Final = "RocksDB file truncated"
STORE_REMOVED: Final = "RocksDB file removed"
DISK_FULL: Final = "disk full (file size limit)"
CLOCK_HOUR_AHEAD: Final = "clock an hour ahead"
CLOCK_HOUR_BEHIND: Final = "clock an hour behind"
CLOCK_DAY_AHEAD: Final = "clock a day ahead"
CLOCK_DAY_BEHIND: Final = "clock a day behind"
SINK_FAILPOINT: Final = "failpoint sink.write"
WORKER_FAILPOINTS: Final = tuple(f"failpoint {point}" for point in POINTS if point != "sink.write")
PROGRAM: Final = "program activated"
SCHEMA: Final = "schema evolved"

TRACKS: Final[dict[str, tuple[str, ...]]] = {
    "kills": (WORKER_KILL,),
    "zombies": (ZOMBIE,),
    "storms": (REBALANCE,),
    "servers": (BROKER_KILL, BROKER_RESTART, REGISTRY_DOWN, REDIS_DOWN, REDIS_FLUSHED, POSTGRES_DOWN),
    "disks": (STORE_FLIPPED, STORE_TRUNCATED, STORE_REMOVED, DISK_FULL),
    "clocks": (CLOCK_HOUR_AHEAD, CLOCK_HOUR_BEHIND, CLOCK_DAY_AHEAD, CLOCK_DAY_BEHIND),
    "sinks": (SINK_FAILPOINT,),
    "failpoints": WORKER_FAILPOINTS,
    "changes": (PROGRAM, SCHEMA),
}
"""Faults of one track come one after the other, those of different tracks at the same time."""

SHARES: Final[dict[str, tuple[int, int]]] = {
    WORKER_KILL: (1, 1),
    ZOMBIE: (1, 5),
    REBALANCE: (1, 3),
    BROKER_KILL: (1, 30),
    BROKER_RESTART: (1, 30),
}
"""How many of a kind there are for each kill of a worker; of every other kind one in 25.

A few of each kind meet nothing to bite; there are so many that 300 kills leave ten of every kind that did."""
OTHERS: Final = (1, 25)


class Fault(NamedTuple):
    """One fault: so many seconds after the load has begun."""

    at_s: float
    kind: str
    number: int


@dataclass(frozen=True)
class Schedule:
    """A whole run; `counts` says how often each kind is due."""

    seed: int
    load_s: float
    counts: dict[str, int]
    tracks: dict[str, list[Fault]]


def count_of(kind: str, kills: int) -> int:
    """How often a kind comes in a run of so many kills: at least once, rebalances in pairs of joining and leaving."""
    share, of = SHARES.get(kind, OTHERS)
    count = max(1, -(-kills * share // of))
    return count + count % 2 if kind == REBALANCE else count


def schedule(seed: int, kills: int, mean_s: float = MEAN_S) -> Schedule:
    """The faults of a run; the same for the same seed. Raises ValueError for less than one kill."""
    if kills < 1:
        raise ValueError(f"kills is {kills}: give 1 or more")
    load_s = kills * mean_s
    counts = {kind: count_of(kind, kills) for kinds in TRACKS.values() for kind in kinds}
    tracks = {name: _track(seed, kinds, counts, load_s) for name, kinds in TRACKS.items()}
    return Schedule(seed, load_s, counts, tracks)


def _track(seed: int, kinds: tuple[str, ...], counts: dict[str, int], load_s: float) -> list[Fault]:
    faults: list[Fault] = []
    for kind in kinds:
        draw = Random(f"{seed}/{kind}")
        # A rebalance's pair, joining and leaving, is one piece of work.
        pieces = counts[kind] // 2 if kind == REBALANCE else counts[kind]
        faults += [
            Fault(draw.uniform(FIRST_AT, LAST_AT) * load_s, kind, number)
            for number in range(pieces)
        ]  # fmt: skip
    return sorted(faults)
