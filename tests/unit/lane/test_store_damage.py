"""Stores whose files are damaged: what is opened is whole up to some write, or begins empty; never one with a hole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from rocksdict import Rdict

from pipeline.lane.keys import pack_number
from pipeline.lane.ports import LaneFailed
from pipeline.lane.stitches import PREFIX
from pipeline.lane.store import RocksStore
from pipeline.lane.store_options import usual_options

KEYS = 200
OPENINGS = (700, 1100, 1501)
"""Writes up to the end of each opening, which ends as by kill -9."""
POSITION = b"@position"

WRITER = """
import os, sys
from pathlib import Path
from pipeline.lane import store, store_options
store_options.WRITE_BUFFER_BYTES = 64 * 1024
sys.path.insert(0, sys.argv[1])
from test_store_damage import OPENINGS, POSITION, key_of, value_of
start, end = int(sys.argv[3]), int(sys.argv[4])
table = store.RocksStore(Path(sys.argv[2]))
for number in range(start, end):
    table.write([(key_of(number), value_of(number)), (POSITION, str(number).encode())])
os._exit(0)
"""


def key_of(number: int) -> bytes:
    return b"k%d" % Random(number).randrange(KEYS)


def value_of(number: int) -> bytes:
    return b"%d:" % number + Random(number).randbytes(900)


def content_after(number: int) -> dict[bytes, bytes]:
    """Every key with its last value once write `number` is there."""
    return {key_of(each): value_of(each) for each in range(number + 1)}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The store's folder after each of its openings was cut off."""
    base = tmp_path_factory.mktemp("stores")
    found = []
    start = 0
    for end in OPENINGS:
        arguments = [str(Path(__file__).parent), str(base / "live"), str(start), str(end)]
        subprocess.run([sys.executable, "-c", WRITER, *arguments], check=True, timeout=120)
        found.append(shutil.copytree(base / "live", base / f"after-{end}"))
        start = end
    return found


def flip(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, random: Random) -> None:
    os.truncate(path, random.randrange(path.stat().st_size))


def remove(path: Path, _random: Random) -> None:
    path.unlink()


def whole_or_empty(folder: Path) -> str:
    """What an opening finds; one that reads damage closes the store, and the next opening begins empty."""
    for _ in range(2):
        store = RocksStore(folder, lock_seconds=1.0)
        try:
            position = store.get(POSITION)
            found = dict(store.scan(b"k", b"l"))
        except LaneFailed:
            continue
        finally:
            store.close()
        if position is None:
            assert found == {}
            return "empty"
        assert found == content_after(int(position))
        return "whole"
    raise AssertionError(f"{folder} stays damaged")


@pytest.mark.parametrize("damage", [flip, truncate, remove])
def test_a_damaged_store_is_whole_up_to_some_write_or_begins_empty(
    snapshots: list[Path], tmp_path: Path, damage: Callable[[Path, Random], None]
) -> None:
    random = Random(f"damage {damage.__name__}")
    seen = set()
    for trial in range(25):
        folder = shutil.copytree(random.choice(snapshots), tmp_path / str(trial))
        victims = [path for path in sorted(folder.iterdir()) if path.stat().st_size and not path.name.startswith("LO")]
        victim = random.choice(victims)
        damage(victim, random)
        seen.add(whole_or_empty(folder))
        shutil.rmtree(folder)

    assert seen == {"whole", "empty"}, "damage of both kinds was met"


def test_writes_that_went_missing_between_others_are_noticed(tmp_path: Path) -> None:
    """What a lost log or manifest leaves behind: the writes before and after it."""
    folder = tmp_path / "store"
    for number in range(3):
        store = RocksStore(folder)
        store.write([(b"k%d" % number, b"v")])
        store.close()
    table = Rdict(str(folder), usual_options())
    table.delete(PREFIX + pack_number(2))
    table.close()

    store = RocksStore(folder)
    assert next(store.scan(b"", b"\xff"), None) is None, "it begins empty"
    store.close()


def test_an_undamaged_store_keeps_what_it_has_over_many_openings(tmp_path: Path) -> None:
    for number in range(30):
        store = RocksStore(tmp_path / "store")
        store.write([(b"k%d" % number, b"v")])
        store.discard(b"x", b"y")
        store.close()

    store = RocksStore(tmp_path / "store")
    assert len(dict(store.scan(b"k", b"l"))) == 30
    store.close()
