"""The store port over RocksDB: one folder per partition, one write batch per commit."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rocksdict import Rdict, WriteBatch

from pipeline.lane.ports import Change, LaneFailed
from pipeline.lane.stitches import Stitches, inspected
from pipeline.lane.store_options import loading_options, unlogged, usual_options

LOCK_PAUSE_SECONDS: Final = 0.05
DAMAGE: Final = ("corrupt", "no such file")
"""What RocksDB says of files that are not as it wrote them, or not there."""
FLUSH_PAUSE_SECONDS: Final = 0.002
UNFLUSHED_MAX: Final = 4
"""Full buffers that may wait to be written to disk while a store is loaded."""

log = logging.getLogger("accrue.store")


class RocksStore:
    """A table of bytes in a folder of its own. Not synced on every write: what a power cut takes, the changelog gives
    back, and so it does with everything where the files turn out to be damaged.

    Opening waits up to `lock_seconds` for whoever holds the folder, such as a lane of this partition that is just
    being closed, then raises LaneFailed.
    """

    def __init__(self, folder: Path, lock_seconds: float = 30.0) -> None:
        self._folder = folder
        self._loading = False
        self._damaged = False
        self._stitches = Stitches(0)
        self._db: Any = self._open(lock_seconds, usual_options)

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
            position: Any = self._db.iter()
            position.seek(start)
            while position.valid():
                key: bytes = position.key()
                if key >= stop:
                    break
                yield key, position.value()
                position.next()
            position.status()
        except Exception as error:
            position = None  # the error remembers this frame, and an iterator keeps the folder's lock
            raise self._failed(error) from error

    def write(self, changes: Sequence[Change]) -> None:
        batch = self.writes()
        put, delete = batch.put, batch.delete
        for key, value in changes:
            if value is None:
                delete(key)
            else:
                put(key, value)
        self.apply(batch)

    def writes(self) -> Any:
        return WriteBatch(raw_mode=True)

    def apply(self, writes: Any) -> None:
        self._stitches.sew(writes)
        try:
            if self._loading:
                self._db.write(writes, unlogged())
                self._await_flushes()
            else:
                self._db.write(writes)
        except Exception as error:
            raise self._failed(error) from error

    def discard(self, start: bytes, stop: bytes) -> None:
        batch = WriteBatch(raw_mode=True)
        batch.delete_range(start, stop)
        self._stitches.sew(batch)
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failed(error) from error

    def clear(self) -> None:
        self._db.close()
        shutil.rmtree(self._folder)
        self._db = self._open(0.0, usual_options)

    def start_loading(self) -> None:
        """Buffers become unsorted lists that a thread of RocksDB sorts when they are full, and nothing is logged.

        Buffers reach the disk whole and one after the other, so a crash leaves the store as it was after some write.
        """
        self._reopen(loading_options)
        self._loading = True

    def finish_loading(self) -> None:
        """Write all buffers to disk and open the store for work; what RocksDB has to tidy up, it does meanwhile."""
        self._loading = False
        try:
            self._db.flush()
        except Exception as error:
            raise self._failed(error) from error
        self._reopen(usual_options)

    def close(self) -> None:
        """Damaged files go: the next opening begins with an empty table."""
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001 - rocksdict raises nothing narrower
            self._failed(error)
        finally:
            self._db = None  # lets go of the lock also where closing failed
        if self._damaged:
            self._remove("reading or writing found damage")

    def _reopen(self, options: Callable[[], Any]) -> None:
        try:
            self._db.close()
        except Exception as error:
            raise self._failed(error) from error
        self._db = self._open(0.0, options)

    def _await_flushes(self) -> None:
        """Writing without a log is faster than the disk: full buffers must not pile up."""
        while int(self._db.property_int_value("rocksdb.num-immutable-mem-table") or 0) > UNFLUSHED_MAX:
            if self._db.property_int_value("rocksdb.background-errors"):
                raise OSError("a full buffer could not be written to disk")
            time.sleep(FLUSH_PAUSE_SECONDS)

    def _failed(self, error: Exception) -> LaneFailed:
        """rocksdict raises nothing narrower than Exception; a failing disk must never look like a failing event."""
        self._damaged = self._damaged or _is_damage(error)
        return LaneFailed(f"the store in {self._folder} failed: {error}")

    def _remove(self, why: str) -> None:
        log.warning("the store in %s is damaged and is rebuilt from its changelog: %s", self._folder, why)
        shutil.rmtree(self._folder)

    def _open(self, lock_seconds: float, options: Callable[[], Any]) -> Any:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + lock_seconds
        while True:
            try:
                db, fault = self._open_once(options)
            except Exception as error:  # noqa: BLE001 - rocksdict raises nothing narrower
                db, fault = None, str(error)
                if not _is_damage(error) or not self._folder.exists():
                    self._check_lock(error, deadline)
                    fault = ""
            # Not within the handler: the exception's frames would keep the store open, and its lock held.
            if db is not None:
                return db
            if fault:
                self._remove(fault)
            else:
                time.sleep(LOCK_PAUSE_SECONDS)

    def _open_once(self, options: Callable[[], Any]) -> tuple[Any, str]:
        """(the open store, ""), or (None, what is missing in it)."""
        # A folder that is there already keeps the options it was made with unless its column family's are given.
        families = {"default": options()} if (self._folder / "CURRENT").exists() else None
        db = Rdict(str(self._folder), options(), column_families=families)
        try:
            last, fault = inspected(db)
        except Exception:
            db.close()
            raise
        if fault:
            db.close()
            return None, fault
        self._stitches = Stitches(last)
        return db, ""

    def _check_lock(self, error: Exception, deadline: float) -> None:
        """Raises LaneFailed unless the folder is only held by another who may yet let go of it."""
        if "lock" not in str(error).lower():
            raise LaneFailed(f"the store in {self._folder} does not open: {error}") from error
        if time.monotonic() > deadline:
            raise LaneFailed(f"the store in {self._folder} is held by another process or lane: {error}") from error


def _is_damage(error: Exception) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in DAMAGE)
