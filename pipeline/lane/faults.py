"""What failed outside while the engine decided: it must never be taken for a fault of the event at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from pipeline.core.events import Event
from pipeline.core.payloads import Control
from pipeline.core.ports import Programs
from pipeline.core.program import Program
from pipeline.lane.ports import LaneBroken, LaneFailed, Store
from pipeline.wire.codec import RegistryUnavailable

Fault = LaneFailed | LaneBroken | RegistryUnavailable


@final
class Faults:
    """Remembers the first failure of store, programs or registry since it was cleared.

    The engine is pure and, when it decides carefully, takes every exception for a defect of the decision. Whoever runs
    it therefore calls `check` after each event: a failure from outside is then raised again, as what it is.
    """

    def __init__(self) -> None:
        self.failure: Fault | None = None

    def check(self) -> None:
        """Raises the failure, if there is one."""
        if self.failure is not None:
            raise self.failure

    def clear(self) -> None:
        self.failure = None

    def note(self, failure: Fault) -> None:
        self.failure = self.failure or failure


@final
class GuardedPrograms:
    """Programs whose failures are remembered."""

    def __init__(self, programs: Programs, faults: Faults) -> None:
        self._programs = programs
        self._faults = faults

    def program(self, program_hash: str) -> Program:
        try:
            return self._programs.program(program_hash)
        except LaneFailed as error:
            self._faults.note(error)
            raise


def guarded_get(store: Store, faults: Faults) -> Callable[[bytes], bytes | None]:
    """The store's `get`, its failures remembered."""
    get_from_store = store.get

    def get(key: bytes) -> bytes | None:
        try:
            return get_from_store(key)
        except LaneFailed as error:
            faults.note(error)
            raise

    return get


def guarded_decode(decode: Callable[[bytes, int], Event | Control], faults: Faults) -> Callable[[bytes, int], Event]:
    """A decoder for the parked records of a released member; an absent registry is remembered."""

    def decode_parked(value: bytes, recorded_at_ms: int) -> Event:
        try:
            event = decode(value, recorded_at_ms)
        except RegistryUnavailable as error:
            faults.note(error)
            raise
        assert type(event) is Event, "only events are parked"
        return event

    return decode_parked
