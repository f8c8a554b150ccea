"""Records that a lane over a table cannot use: counted, named in the worker's log, and kept whole on dead-letters."""

from __future__ import annotations

from typing import Protocol, final

from pipeline.core.records import DeadLetter
from pipeline.lane.ports import Record
from pipeline.lane.table import Outbox


class LetterEncoder(Protocol):
    """The part of `pipeline.wire.codec.Encoder` that is needed."""

    def dead_letter(self, letter: DeadLetter, /) -> bytes: ...


@final
class Letters:
    """One lane's. `source` and `partition` say where its records stand, `dead_letters` is the topic that keeps them."""

    def __init__(self, outbox: Outbox, encoder: LetterEncoder, source: str, partition: int, dead_letters: str) -> None:
        self._outbox = outbox
        self._encoder = encoder
        self._source = source
        self._partition = partition
        self._dead_letters = dead_letters

    def put_aside(self, record: Record, reason: str, detail: str) -> None:
        """`reason` is one of `pipeline.core.reasons`; `detail` names field, value and remedy."""
        offset, at_ms, key, value = record
        self._outbox.refuse(offset, reason, detail)
        letter = DeadLetter(
            reason, detail, self._source, self._partition, offset, at_ms, key or b"", value or b"", "", "", ""
        )
        self._outbox.send(self._dead_letters, key, self._encoder.dead_letter(letter))
