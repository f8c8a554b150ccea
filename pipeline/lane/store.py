"""The store port over RocksDB: one folder per partition, one write batch per commit."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from pipeline.lane.ports import Change, LaneFailed

WRITE_BUFFER_BYTES: Final = 16 << 20
BLOCK_CACHE_BYTES: Final = 64 << 20
LOCK_PAUSE_SECONDS: Final = 0.05

_block_cache: Final = Cache(BLOCK_CACHE_BYTES)
"""Shared by all stores of the process, so that memory does not grow with the number of partitions."""

log = logging.getLogger("accrue.store")


def _options() -> Any:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, False)
    blocks.set_block_cache(_block_cache)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    # Nearly every look-up of an event's id misses; this makes a miss in memory six times cheaper.
    options.set_memtable_prefix_bloom_ratio(0.1)
    options.set_memtable_whole_key_filtering(True)
    options.set_max_log_file_size(1 << 20)
    options.set_keep_log_file_num(2)
    return options


class RocksStore:
    """A table of bytes in a folder of its own. Not synced on every write: what a power cut takes, the changelog gives
    back.

    Opening waits up to `lock_seconds` for whoever holds the folder, such as a lane of this partition that is just
    being closed, then raises LaneFailed.
    """

    def __init__(self, folder: Path, lock_seconds: float = 30.0) -> None:
        self._folder = folder
        self._db: Any = self._open(lock_seconds)

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._failed(error) from error
        return value

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        try:
            values: list[bytes | None] = self._db.get(keys) if keys else []
        except Exception as error:
            raise self._failed(error) from error
        return values

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Ascending; sees the table as it was when the scan began."""
        try:
            position = self._db.iter()
            position.seek(start)
            while position.valid():
                key: bytes = position.key()
                if key >= stop:
                    break
                yield key, position.value()
                position.next()
            position.status()
        except Exception as error:
            raise self._failed(error) from error

    def write(self, changes: Sequence[Change]) -> None:
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in changes:
            if value is None:
                delete(key)
            else:
                put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failed(error) from error

    def discard(self, start: bytes, stop: bytes) -> None:
        try:
            self._db.delete_range(start, stop)
        except Exception as error:
            raise self._failed(error) from error

    def clear(self) -> None:
        self._db.close()
        shutil.rmtree(self._folder)
        self._db = self._open(0.0)

    def close(self) -> None:
        self._db.close()

    def _failed(self, error: Exception) -> LaneFailed:
        """rocksdict raises nothing narrower than Exception; a failing disk must never look like a failing event."""
        return LaneFailed(f"the store in {self._folder} failed: {error}")

    def _open(self, lock_seconds: float) -> Any:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + lock_seconds
        while True:
            try:
                return Rdict(str(self._folder), _options())
            except Exception as error:
                text = str(error).lower()
                if "corrupt" in text and self._folder.exists():
                    log.warning("the store in %s is damaged and is rebuilt from its changelog: %s", self._folder, error)
                    shutil.rmtree(self._folder)
                    continue
                if "lock" not in text:
                    raise LaneFailed(f"the store in {self._folder} does not open: {error}") from error
                if time.monotonic() > deadline:
                    raise LaneFailed(
                        f"the store in {self._folder} is held by another process or lane: {error}"
                    ) from error
            time.sleep(LOCK_PAUSE_SECONDS)
