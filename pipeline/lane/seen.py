"""Which events were decided before: ids by generations in the store, those of this commit in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from pipeline.lane import keys
from pipeline.lane.ports import Change, Store


@final
class SeenIds:
    """The ids of one partition; used by one thread.

    A value is the content's digest (8 bytes) and the time of the record (8). Times ascend with the generations, so of
    an id that stands in several only the newest counts.
    """

    __slots__ = ("_fetched", "_generations", "_get", "_new", "_store")

    def __init__(self, store: Store, get: Callable[[bytes], bytes | None]) -> None:
        """`get` is the store's, as whoever decides is to call it."""
        self._store = store
        self._get = get
        self._generations = present_generations(store)
        self._new: dict[bytes, tuple[bytes, int]] = {}
        self._fetched: dict[bytes, bytes | None] = {}

    def keys_of(self, identities: list[bytes]) -> list[bytes]:
        """Where these ids would stand: a row of keys for each generation, the newest first."""
        return [
            keys.seen_prefix(number) + identity for number in reversed(self._generations) for identity in identities
        ]

    def fetched(self, identities: list[bytes], values: list[bytes | None]) -> None:
        """Take what the store has under `keys_of`, so that `seen` need not ask for it."""
        found: dict[bytes, bytes | None] = dict.fromkeys(identities)
        place = 0
        for _ in self._generations:
            for identity in identities:
                value = values[place]
                place += 1
                if value is not None and found[identity] is None:
                    found[identity] = value
        self._fetched = found

    def seen(self, identity: bytes, since_ms: int) -> bytes | None:
        """The content's digest of an event that was decided at or after `since_ms`, else None."""
        new = self._new.get(identity)
        if new is not None and new[1] >= since_ms:
            return new[0]
        found = self._fetched[identity] if identity in self._fetched else self._find(identity)
        if found is not None and keys.unpack_number(found[8:]) >= since_ms:
            return found[:8]
        return None

    def put(self, identity: bytes, content_digest: bytes, recorded_at_ms: int) -> None:
        self._new[identity] = (content_digest, recorded_at_ms)

    def collect(self) -> tuple[bytes, list[Change]]:
        """What is new, for the changelog of ids in one piece, and for the store."""
        parts: list[bytes] = []
        in_store: list[Change] = []
        for identity, (digest, at_ms) in self._new.items():
            stamp = keys.pack_number(at_ms)
            parts += (identity, digest, stamp)
            in_store.append((keys.seen_prefix(keys.generation(at_ms)) + identity, digest + stamp))
        return b"".join(parts), in_store

    def committed(self) -> None:
        """The store holds what `collect` gave."""
        for number in {keys.generation(at_ms) for _, at_ms in self._new.values()}:
            if number not in self._generations:
                self._generations.append(number)
                self._generations.sort()

    def forget_changes(self) -> None:
        """Nothing is new, and nothing fetched is current."""
        self._new = {}
        self._fetched = {}

    def discard_before(self, time_ms: int) -> None:
        """Drop the generations that ended before `time_ms`."""
        for number in [n for n in self._generations if n < keys.generation(time_ms)]:
            self._store.discard(keys.seen_prefix(number), keys.seen_prefix(number + 1))
            self._generations.remove(number)

    def _find(self, identity: bytes) -> bytes | None:
        for number in reversed(self._generations):
            found = self._get(keys.seen_prefix(number) + identity)
            if found is not None:
                return found
        return None


def present_generations(store: Store) -> list[int]:
    """The generations of ids in the store, ascending: a seek each, not a scan."""
    present: list[int] = []
    number = 0
    while number <= keys.GENERATIONS_MAX:
        first = next(store.scan(keys.seen_prefix(number), keys.SEEN_END), None)
        if first is None:
            break
        present.append(keys.seen_generation(first[0]))
        number = present[-1] + 1
    return present
