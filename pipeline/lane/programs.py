"""Compiled programs by hash, from the `programs` topic."""

from __future__ import annotations

import threading
from typing import Final, final

from pipeline import logs
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.lane.ports import Reader
from pipeline.program import Bundle, BundleRefused, ProgramRefused, compile_bundle

PARTITION: Final = 0

log = logs.logger("accrue.programs")


@final
class TopicPrograms:
    """Implements `pipeline.core.ports.Programs`. Shared by the lanes of a worker; any thread."""

    def __init__(self, reader: Reader, topic: str) -> None:
        self._reader = reader
        self._topic = topic
        self._lock = threading.Lock()
        self._position = 0
        self._programs: dict[str, Program] = {}
        self._refused: dict[str, str] = {}

    def program(self, program_hash: str) -> Program:
        """Looks at the topic's end once more before it raises UnknownProgram. Raises LaneFailed when Kafka is away."""
        program = self._programs.get(program_hash)
        if program is not None:
            return program
        with self._lock:
            self._read()
            program = self._programs.get(program_hash)
        if program is None:
            why = self._refused.get(program_hash, "publish its bundle with `accrue program publish`")
            raise UnknownProgram(f"{self._topic} has no usable program {program_hash}: {why}")
        return program

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
            self._programs[name] = compile_bundle(bundle)
        except (BundleRefused, ProgramRefused) as error:
            self._refused[name] = str(error)
            log.error("program refused", program_hash=name, why=str(error))
