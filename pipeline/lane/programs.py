"""What published programmes say, by hash, from the `programs` topic: compiled, or the part that an agent needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar, final

from pipeline import logs
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.lane.ports import Reader
from pipeline.program import Bundle, BundleRefused, ProgramRefused, compile_bundle

PARTITION: Final = 0

Part = TypeVar("Part")

log = logs.logger("accrue.programs")


@final
class ProgramParts(Generic[Part]):
    """What `part_of` reads from bundles, by hash, from the `programs` topic. Shared by a worker's lanes; any thread.

    `part_of` raises ProgramRefused or BundleRefused; `refused` is told the hash of such a bundle, and why.
    """

    def __init__(
        self,
        reader: Reader,
        topic: str,
        part_of: Callable[[Bundle], Part],
        refused: Callable[[str, str], None] = lambda _name, _why: None,
    ) -> None:
        self._part_of = part_of
        self._tell_refused = refused
        self._reader = reader
        self._topic = topic
        self._lock = threading.Lock()
        self._position = 0
        self._known: dict[str, Part] = {}
        self._refused: dict[str, str] = {}

    def part(self, program_hash: str) -> Part:
        """Looks at the topic's end once more before it raises UnknownProgram. Raises LaneFailed when Kafka is away."""
        known = self._known.get(program_hash)
        if known is not None:
            return known
        with self._lock:
            self._read()
            known = self._known.get(program_hash)
        if known is None:
            why = self._refused.get(program_hash, "publish its bundle with `accrue program publish`")
            raise UnknownProgram(f"{self._topic} has no usable program {program_hash}: {why}")
        return known

    def parts(self) -> list[Part]:
        """Of all programmes that are on the topic now, those published last behind. Raises LaneFailed."""
        with self._lock:
            self._read()
            return list(self._known.values())

    def close(self) -> None:
        self._reader.close()

    def _read(self) -> None:
        start, end = self._reader.bounds(self._topic, PARTITION)
        for chunk in self._reader.read(self._topic, PARTITION, max(self._position, start), end):
            for _offset, _timestamp_ms, key, value in chunk:
                if key is not None and value is not None:
                    self._take(key.decode("utf-8", "replace"), value)
        self._position = end

    def _take(self, name: str, value: bytes) -> None:
        try:
            bundle = Bundle.from_bytes(value)
            if bundle.hash != name:
                raise BundleRefused(f"its content has hash {bundle.hash}")
            part = self._part_of(bundle)
            self._known.pop(name, None)
            self._known[name] = part
        except (BundleRefused, ProgramRefused) as error:
            self._refused[name] = str(error)
            self._tell_refused(name, str(error))


@final
class TopicPrograms:
    """Implements `pipeline.core.ports.Programs`; of the readers of a worker the one that logs what is refused."""

    def __init__(self, reader: Reader, topic: str) -> None:
        self._parts = ProgramParts(reader, topic, compile_bundle, _log_refused)

    def program(self, program_hash: str) -> Program:
        """As `ProgramParts.part`."""
        return self._parts.part(program_hash)

    def close(self) -> None:
        self._parts.close()


def _log_refused(name: str, why: str) -> None:
    log.error("program refused", program_hash=name, why=why)
