"""The Avro schemas in `schemas/`: what each file holds and what kind of record it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.wire.avro import Array, Record, parse_record

KINDS: Final = ("events", "control", "outputs")
HEADER: Final = ("event_id", "member_id", "occurred_at", "source", "traceparent", "attributes")
"""Fields that every event begins with; `pipeline.core.events.Event` carries them."""


@dataclass(frozen=True)
class Source:
    """One schema. `kind` is its folder, one of KINDS; `text` is what is registered: the file's JSON without spaces."""

    path: Path
    kind: str
    text: str
    record: Record

    @property
    def type_name(self) -> str:
        """The record as rules and JSON name it, such as `transaction_completed`."""
        return snake_case(self.record.short_name)


def load(folder: Path) -> list[Source]:
    """All schemas by kind, then by file name. Raises BadSchema, ValueError for a file that is not JSON, OSError."""
    return [
        Source(path, kind, text, parse_record(text))
        for kind in KINDS
        for path in sorted((folder / kind).glob("*.avsc"))
        for text in [json.dumps(json.loads(path.read_text("utf-8")), ensure_ascii=False, separators=(",", ":"))]
    ]


def snake_case(name: str) -> str:
    """`TransactionCompleted` -> `transaction_completed`."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def nested_records(record: Record) -> list[Record]:
    """Records in the record's arrays, each after those that it contains."""
    found: list[Record] = []
    for field in record.fields:
        if isinstance(field.type, Array) and isinstance(field.type.items, Record):
            found += [*nested_records(field.type.items), field.type.items]
    return found
