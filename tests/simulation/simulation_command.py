"""`python -m tests.simulation`: many seeds, on several processes; one that fails ends it and says how to replay it."""

from __future__ import annotations

import argparse
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b

from invariants import check
from world import World

CHUNK = 20
"""Seeds that a process takes at once."""


class Outcome:
    """What one seed did: its world's counters, or why it failed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.failure = ""
        world = World(seed)
        try:
            world.run()
            world.drain()
            check(world)
        except Exception as error:  # noqa: BLE001 - reported with its seed, whatever it is
            self.failure = f"{error}\n{traceback.format_exc(limit=-6)}"
        self.records = world.log.records
        self.crashes = world.faults.crashes
        self.bites = world.bites
        self.digest = world.digest()


def simulate(seeds: Sequence[int]) -> list[Outcome]:
    """The outcomes of these seeds, in order."""
    return [Outcome(seed) for seed in seeds]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if every seed holds, 1 if one does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    total = Total()
    with outcomes(range(options.first, options.first + options.seeds), options.jobs) as found:
        for outcome in found:
            if outcome.failure:
                print(f"seed {outcome.seed} fails: {outcome.failure}", file=sys.stderr)
                replay = f"python -m tests.simulation --first {outcome.seed} --seeds 1"
                print(f"replay exactly this one with:\n  {replay}", file=sys.stderr)
                return 1
            total.add(outcome)
    print(total.report(time.perf_counter() - started, options.jobs))
    return 0


@contextmanager
def outcomes(seeds: range, jobs: int) -> Iterator[Iterator[Outcome]]:
    """The seeds' outcomes in order, as they come; what is not begun when the block ends is dropped."""
    chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
    if jobs <= 1:
        yield (Outcome(seed) for seed in seeds)
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        yield (outcome for chunk in pool.map(simulate, chunks) for outcome in chunk)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Total:
    """Counters of many seeds."""

    def __init__(self) -> None:
        self.seeds = 0
        self.records = 0
        self.records_min = sys.maxsize
        self.crashes = 0
        self.crashes_min = sys.maxsize
        self.bites: Counter[str] = Counter()
        self._digest = blake2b(digest_size=16)

    def add(self, outcome: Outcome) -> None:
        """One more seed that holds."""
        self.seeds += 1
        self.records += outcome.records
        self.records_min = min(self.records_min, outcome.records)
        self.crashes += outcome.crashes
        self.crashes_min = min(self.crashes_min, outcome.crashes)
        self.bites += outcome.bites
        self._digest.update(outcome.digest.encode())

    def report(self, seconds: float, jobs: int) -> str:
        """What was done and how fast, each fault with how often it did bite, and the digest of all traces."""
        lines = [f"{times:>9,}  {kind}" for kind, times in sorted(self.bites.items())]
        lines.append(
            f"{self.seeds} seeds hold: {self.records:,} records (at least {self.records_min} a seed), "
            f"{self.crashes:,} crashes (at least {self.crashes_min} a seed)"
        )
        rate = self.seeds / seconds
        lines.append(
            f"{rate:.1f} seeds/s on {jobs} process{'es' if jobs > 1 else ''}, {60 * rate:.0f} a minute; "
            f"{self.seeds / cpu_seconds():.1f} per second of CPU"
        )
        lines.append(f"trace digest {self._digest.hexdigest()}")
        return "\n".join(lines)


def cpu_seconds() -> float:
    """What this process and those it has waited for have used: says more than the clock where others are at work."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
