"""`make bench-restore`: how fast a lane restores from an empty disk, beside a bare `consume(10000)` of the same bytes.

    python -m bench.restore          a million members in one partition, with their orders, due times and decided ids

Both read both changelogs from the beginning to the end, in turn, in one process. Exits 1 if a restored store lacks
something, and 0 whether or not the target is met.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, TopicPartition

from bench import report
from bench.changelog_load import Written, member_id, write_changelogs
from bench.intervals import interval_of_median
from bench.world import SERVERS, World, world
from pipeline.devstack.stack import LocalStack
from pipeline.lane import keys
from pipeline.lane.changelog import Changelog, Progress
from pipeline.lane.kafka import new_consumer
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import Record
from pipeline.lane.store import RocksStore

CHUNK: Final = 10_000
POLL_S: Final = 0.02
PATIENCE_S: Final = 60.0
TARGET: Final = 0.5
IDS: Final = "member-ids-changelog"
STATE: Final = "member-changelog"


class Pair(NamedTuple):
    """One bare reading and one restore, right after the other, in seconds: as a whole, and of the state alone."""

    bare_s: float
    restore_s: float
    bare_state_s: float
    restore_state_s: float


def main() -> int:
    """Write the changelogs, measure, report; the exit code."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="accrue-restore-"))
    try:
        with (
            LocalStack.up(directory / "stack", only=SERVERS, temporary=True) as stack,
            world(stack, f"restore-{int(time.time())}", directory, history=True) as fresh,
        ):
            written = write_changelogs(fresh, options.members, 1)
            gc.disable()  # as a worker has it
            bare(fresh, STATE)  # the broker's first reading of anything is slower
            pairs = [_pair(fresh, directory, written, number) for number in range(options.runs)]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(json.dumps(_as_json(written, pairs), indent=2) if options.json else text(written, pairs))
    if options.write:
        report.write_figures(options.write, "restore", f"{report.machine()}.\n\n{text(written, pairs)}")
    return 0


def _pair(fresh: World, directory: Path, written: Written, number: int) -> Pair:
    """Either first in turn."""
    if number % 2:
        restored = restore(fresh, directory / "store", written)
        ids_s, state_s = bare(fresh, IDS), bare(fresh, STATE)
    else:
        ids_s, state_s = bare(fresh, IDS), bare(fresh, STATE)
        restored = restore(fresh, directory / "store", written)
    pair = Pair(ids_s + state_s, restored[0], state_s, restored[1])
    print(f"run {number + 1}: bare {pair.bare_s:.2f} s, restore {pair.restore_s:.2f} s", file=sys.stderr, flush=True)
    return pair


def bare(fresh: World, name: str) -> float:
    """Seconds to consume a changelog as a restore's reader is configured to, doing nothing with the records."""
    place = TopicPartition(fresh.topics.name(name), 0, 0)
    consumer = new_consumer(fresh.settings, "bare", {"enable.partition.eof": True, "fetch.wait.max.ms": 5})
    try:
        end = consumer.get_watermark_offsets(place, timeout=PATIENCE_S)[1]
        started_s = time.monotonic()
        consumer.assign([place])
        position = 0
        while position < end:
            messages = consumer.consume(CHUNK, POLL_S)
            if messages:
                last = messages[-1]
                error = last.error()
                assert error is None or error.code() == KafkaError._PARTITION_EOF, error
                position = (last.offset() or 0) + (error is None)
            assert time.monotonic() - started_s < PATIENCE_S, f"{name} gives nothing at {position}"
        return time.monotonic() - started_s
    finally:
        consumer.close()


class _Timed:
    """A reader that notes when the reading of each changelog began."""

    def __init__(self, reader: KafkaReader) -> None:
        self._reader = reader
        self.began_s: list[float] = []
        self.bounds = reader.bounds
        self.close = reader.close
        self.another = reader.another

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        self.began_s.append(time.monotonic())
        return self._reader.read(topic, partition, start, end)


def restore(fresh: World, folder: Path, written: Written) -> tuple[float, float]:
    """Seconds of a restore from nothing, until the store is fit for work: in all, and from the state's first record."""
    shutil.rmtree(folder, ignore_errors=True)
    store, reader = RocksStore(folder), _Timed(KafkaReader(fresh.settings))
    changelog = Changelog(fresh.topics.name(STATE), fresh.topics.name(IDS), 0, b"bench", 1 << 40)
    steps: list[Progress] = []
    try:
        started_s = time.monotonic()
        changelog.restore(reader, store, lambda: time.time_ns() // 1_000_000, steps.append)
        ended_s = time.monotonic()
        _check(store, written)
    finally:
        reader.close()
        store.close()
    return ended_s - started_s, ended_s - reader.began_s[1]


def _check(store: RocksStore, written: Written) -> None:
    """Members are all there, each with its place in the index of due work. Raises SystemExit."""
    for number in range(0, written.members, max(1, written.members // 1000)):
        if store.get(keys.member_key(member_id(number))) is None:
            raise SystemExit(f"member {member_id(number)} is missing in the restored store")
    due = sum(1 for _ in store.scan(keys.due_key(1, ""), keys.due_key(keys.NEVER_MS, "")))
    if due != written.members:
        raise SystemExit(f"{due} members have a place in the index of due work, {written.members} should")


def text(written: Written, pairs: Sequence[Pair]) -> str:
    """For a terminal, and for the documentation as it stands."""
    seconds = interval_of_median([pair.restore_s for pair in pairs])
    bare_s = interval_of_median([pair.bare_s for pair in pairs])
    megabytes = written.size_bytes / 1e6
    lines = [
        f"{written.members:,} members: {written.records:,} records of state and {written.ids:,} decided ids, "
        f"{megabytes:,.0f} MB of keys and values, one partition.",
        "",
        "| run | bare s | restore s | bare / restore | state alone: bare s | restore s | bare / restore |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {number} | {p.bare_s:.2f} | {p.restore_s:.2f} | {p.bare_s / p.restore_s:.2f} | {p.bare_state_s:.2f} | "
            f"{p.restore_state_s:.2f} | {p.bare_state_s / p.restore_state_s:.2f} |"
            for number, p in enumerate(pairs, 1)
        ),
        "",
        f"Restore: {seconds.median:.1f} s ({seconds.low:.1f} to {seconds.high:.1f}), "
        f"{megabytes / seconds.median:.0f} MB/s, "
        f"{(written.records + written.ids) / seconds.median:,.0f} records and ids a second. "
        f"Bare reading: {bare_s.median:.1f} s, {megabytes / bare_s.median:.0f} MB/s.",
        _verdict("both changelogs", [pair.bare_s / pair.restore_s for pair in pairs]),
        _verdict("state alone", [pair.bare_state_s / pair.restore_state_s for pair in pairs]),
    ]
    return "\n".join(lines)


def _verdict(what: str, ratios: Sequence[float]) -> str:
    found = interval_of_median(ratios)
    return (
        f"Speed to bare `consume(10000)`, {what}: {found.median:.2f} ({found.low:.2f} to {found.high:.2f}, "
        f"{found.confidence:.0%}); target {TARGET}: {'met' if found.median >= TARGET else 'not met'}."
    )


def _as_json(written: Written, pairs: Sequence[Pair]) -> dict[str, object]:
    return {
        "machine": report.machine(),
        **written._asdict(),
        "runs": [pair._asdict() for pair in pairs],
        "ratio": interval_of_median([pair.bare_s / pair.restore_s for pair in pairs])._asdict(),
        "state_ratio": interval_of_median([pair.bare_state_s / pair.restore_state_s for pair in pairs])._asdict(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.restore", description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000, help="members in the changelog (1000000)")
    parser.add_argument("--runs", type=int, default=7, help="pairs of bare reading and restore (7)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the figures into a document, docs/restore.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
