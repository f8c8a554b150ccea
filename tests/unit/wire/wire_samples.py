"""Values and bytes that the tests of the wire share."""

from __future__ import annotations

from pipeline.core.events import Event
from pipeline.core.payloads import Line, TransactionCompleted
from pipeline.core.records import LedgerEntry

OCCURRED_AT_MS = 1_763_800_000_000
RECORDED_AT_MS = OCCURRED_AT_MS + 1_250


def purchase(**changes: object) -> Event:
    """A purchase with one line; `changes` replace attributes of the event or of its payload."""
    payload = TransactionCompleted("o-1", 12_550, "EUR", "store", "", "DE", [Line("1", "coffee", "food", 2, 12_550)])
    event = Event("e-1", "m-1", OCCURRED_AT_MS, "shop", "", {"till": "7"}, payload, RECORDED_AT_MS)
    for name, value in changes.items():
        setattr(event if hasattr(event, name) else payload, name, value)
    return event


def entry(**changes: object) -> LedgerEntry:
    """An entry that earns 125 points."""
    made = LedgerEntry(
        "0b9c4c9fb0a54b4e8a54e7d4a2a7c3d1", "m-1", 7, "earn", "points", 125, "program:issued", "member:m-1:pending", 7,
        "e-1", "shop", "base", 0, "9f" * 32, OCCURRED_AT_MS, RECORDED_AT_MS, bytes(32), b"\xff" * 32,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made
