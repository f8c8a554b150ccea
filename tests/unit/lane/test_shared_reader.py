"""One reader for many threads: each reads all that it asked for before another may."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.lane.ports import Reader, Record
from pipeline.lane.shared_reader import SharedReader

THREADS = 4


class Watched:
    """A reader of a topic of three records that notices two who read at once."""

    def __init__(self) -> None:
        self.reading = threading.Lock()
        self.closed = 0

    def bounds(self, _topic: str, _partition: int) -> tuple[int, int]:
        assert self.reading.acquire(blocking=False), "two at once"
        self.reading.release()
        return (0, 3)

    def read(self, _topic: str, _partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        assert self.reading.acquire(blocking=False), "two at once"
        try:
            for offset in range(start, end):
                yield [(offset, 0, b"k", b"v")]
        finally:
            self.reading.release()

    def another(self) -> Reader:
        return Watched()

    def close(self) -> None:
        self.closed += 1


def test_threads_read_one_at_a_time_and_each_gets_all() -> None:
    watched = Watched()
    shared = SharedReader(watched)
    together = threading.Barrier(THREADS)

    def look(_number: int) -> list[int]:
        together.wait()
        found = []
        for _ in range(50):
            start, end = shared.bounds("programs", 0)
            found = [record[0] for chunk in shared.read("programs", 0, start, end) for record in chunk]
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(look, range(THREADS))) == [[0, 1, 2]] * THREADS
    shared.close()
    assert watched.closed == 1


def test_what_was_read_is_whole_though_it_is_not_looked_at_yet() -> None:
    watched = Watched()
    shared = SharedReader(watched)

    chunks = shared.read("programs", 0, 0, 3)

    assert not watched.reading.locked(), "nobody waits for who looks at it slowly"
    assert len(list(chunks)) == 3
    assert isinstance(shared.another(), Watched)
