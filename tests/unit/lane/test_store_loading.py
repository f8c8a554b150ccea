"""A RocksDB store that is loaded: what a killed process leaves is a beginning, and says itself where it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fake_kafka import FakeBroker, FakeReader

from pipeline.lane import keys
from pipeline.lane.changelog import Changelog
from pipeline.lane.store import RocksStore

RECORDS = 12_000
SIZE = 6_000
"""Bytes of a value: all together they fill several of the buffers that reach the disk one by one."""
NOW_MS = 1_000_000
TESTS = Path(__file__).parents[2]


def changelog() -> Changelog:
    return Changelog("state", "ids", 0, b"origin", 1 << 40)


def reader() -> FakeReader:
    broker = FakeBroker()
    log = broker.log("state", 0)
    for number in range(RECORDS):
        log.append(b"p%06d" % (number % (RECORDS - 100)), b"%08d" % number + bytes(SIZE), 1)
    return FakeReader(broker, chunk=200)


def load_slowly(folder: Path) -> None:
    """What the process does that is killed: it says how far it is, and then waits for a line before it goes on."""
    store = RocksStore(folder)

    def tell(progress: object) -> None:
        print(progress.records, flush=True)  # type: ignore[attr-defined]
        sys.stdin.readline()

    changelog().restore(reader(), store, lambda: NOW_MS, tell, load_from=1)


@pytest.mark.parametrize("killed_after", [200, 5_000, RECORDS - 200, RECORDS])
def test_a_killed_load_goes_on_where_it_was(tmp_path: Path, killed_after: int) -> None:
    folder = tmp_path / "store"
    code = f"import test_store_loading as t; from pathlib import Path; t.load_slowly(Path({str(folder)!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": f"{TESTS}:{Path(__file__).parent}:{TESTS.parent}"},
    ) as child:  # fmt: skip
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            while int(child.stdout.readline()) < killed_after:
                child.stdin.write("\n")
                child.stdin.flush()
        finally:
            child.kill()

    store = RocksStore(folder)
    packed = store.get(keys.CHANGELOG_POSITION)
    position = 0 if packed is None else keys.unpack_number(packed)
    assert position <= killed_after
    assert position > 0 or killed_after < RECORDS, "full buffers have reached the disk"
    assert store.get(b"p%06d" % 0) is not None or position == 0
    present = sum(1 for _ in store.scan(b"p", b"q"))
    assert present == min(position, RECORDS - 100), "what the store says it has, it has"
    restored = changelog().restore(reader(), store, lambda: NOW_MS, lambda _progress: None)
    assert restored.records == RECORDS - position
    for number in range(RECORDS - 100):
        latest = number + RECORDS - 100 if number < 100 else number
        value = store.get(b"p%06d" % number)
        assert value is not None
        assert value[:8] == b"%08d" % latest
    store.close()


def test_a_loaded_store_is_fit_for_work_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store")
    store.write([(b"a", b"before"), (b"b", b"before")])
    store.start_loading()
    for number in range(50):
        store.write([(b"c%02d" % number, bytes(1000)), (b"b", None)])
    store.finish_loading()
    store.write([(b"c00", b"after")])

    assert store.get_many([b"a", b"b", b"c00", b"c49"]) == [b"before", None, b"after", bytes(1000)]
    store.close()
    again = RocksStore(tmp_path / "store")
    assert again.get_many([b"a", b"b", b"c00", b"c49"]) == [b"before", None, b"after", bytes(1000)]
    again.close()
