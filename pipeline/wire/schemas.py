"""The project's own schemas at run time: parsed, by name, and as a registry of their own where there is no server."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final, Protocol

from pipeline.wire.avro import Record, parse_record
from pipeline.wire.generated.schemas import SCHEMAS


class RegistryUnavailable(Exception):
    """The registry errs or cannot be reached. Nothing is known about the schema: wait and ask again."""


class SchemaNotFound(Exception):
    """The registry answers that it has no such schema."""


class SchemaSource(Protocol):
    """Where the decoder gets the schema of an id."""

    def schema(self, schema_id: int) -> str:
        """The schema as JSON. Raises SchemaNotFound or RegistryUnavailable."""


@cache
def record(name: str) -> Record:
    """Our schema of the record with this full name. Raises KeyError."""
    return parse_record(SCHEMAS[name][1])


def kind(name: str) -> str:
    """events, control or outputs. Raises KeyError for a record that is not ours."""
    return SCHEMAS[name][0]


class CommittedSchemas:
    """The current schemas under ids of their own, as a stand-in for a registry: for simulation, files and tests.

    `schema_ids` serves the Encoder, the object itself the Decoder.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """`texts` are further schemas, such as other writers' versions; they get the ids after ours."""
        self._texts: Final = [text for _kind, text in SCHEMAS.values()]
        self.schema_ids: Final[dict[str, int]] = {name: schema_id for schema_id, name in enumerate(SCHEMAS, 1)}
        for text in texts:
            self.add(text)

    def add(self, text: str) -> int:
        """Give a schema the next id."""
        self._texts.append(text)
        return len(self._texts)

    def schema(self, schema_id: int) -> str:
        """As SchemaSource has it."""
        if not 1 <= schema_id <= len(self._texts):
            raise SchemaNotFound(f"there is no schema with id {schema_id}")
        return self._texts[schema_id - 1]
