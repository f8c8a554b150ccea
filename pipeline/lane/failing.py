"""The lane's ports with failpoints round them; where none are armed the ports stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

from pipeline.failpoints import Failpoints
from pipeline.lane.appender import Append, AppendFunction
from pipeline.lane.ports import Change, LaneFailed, Message, Store, Transaction, Writes


def with_failpoints(transaction: Transaction, failpoints: Failpoints | None) -> Transaction:
    """The transaction, failing where that is armed."""
    return transaction if failpoints is None else FailingTransaction(transaction, failpoints)


def store_with_failpoints(store: Store, failpoints: Failpoints | None) -> Store:
    """The store, failing where that is armed."""
    return FailingStore(store, failpoints) if failpoints is not None and failpoints.watches("store.write") else store


def append_with_failpoints(append: AppendFunction, failpoints: Failpoints | None) -> AppendFunction:
    """Appending to the log, failing where that is armed."""
    if failpoints is None:
        return append

    def failing(records: list[Append]) -> None:
        failpoints.around("append", lambda: append(records), LaneFailed)

    return failing


@final
class FailingTransaction:
    """A transaction whose steps may fail, before or after they have had their effect."""

    def __init__(self, transaction: Transaction, failpoints: Failpoints) -> None:
        self._transaction = transaction
        self._failpoints = failpoints

    def fence(self) -> None:
        self._failpoints.around("fence", self._transaction.fence, LaneFailed)

    def begin(self) -> None:
        self._failpoints.around("begin", self._transaction.begin, LaneFailed)

    def send(self, topic: str, messages: list[Message], tracked: bool = False) -> None:
        self._failpoints.around("send", lambda: self._transaction.send(topic, messages, tracked), LaneFailed)

    def commit(self) -> dict[str, int]:
        ends: dict[str, int] = {}
        self._failpoints.around("commit", lambda: ends.update(self._transaction.commit()), LaneFailed)
        return ends

    def close(self) -> None:
        self._transaction.close()


@final
class FailingStore:
    """A store whose writes may fail."""

    def __init__(self, store: Store, failpoints: Failpoints) -> None:
        self._store = store
        self._failpoints = failpoints

    def get(self, key: bytes) -> bytes | None:
        return self._store.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return self._store.get_many(keys)

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._store.scan(start, stop)

    def write(self, changes: Sequence[Change]) -> None:
        self._failpoints.around("store.write", lambda: self._store.write(changes), LaneFailed)

    def writes(self) -> Writes:
        return self._store.writes()

    def apply(self, writes: Writes) -> None:
        self._failpoints.around("store.write", lambda: self._store.apply(writes), LaneFailed)

    def discard(self, start: bytes, stop: bytes) -> None:
        self._store.discard(start, stop)

    def clear(self) -> None:
        self._store.clear()

    def start_loading(self) -> None:
        self._store.start_loading()

    def finish_loading(self) -> None:
        self._failpoints.around("store.write", self._store.finish_loading, LaneFailed)

    def close(self) -> None:
        self._store.close()
