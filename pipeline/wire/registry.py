"""The schema registry: schemas by id for the decoder, ids for the encoder, and registration with FULL_TRANSITIVE.

Subjects follow TopicRecordNameStrategy: `<topic>-<full name of the record>`, so each record evolves by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

with warnings.catch_warnings(record=True):  # a dependency of the client announces a change of its own to every user
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
    from confluent_kafka.schema_registry.error import OAuthTokenError

from pipeline.wire.avro import BadSchema, parse_record
from pipeline.wire.compatibility import full_problems
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.schemas import RegistryUnavailable, SchemaNotFound
from pipeline.wire.topics import Topics

COMPATIBILITY: Final = "FULL_TRANSITIVE"
DEFAULTS: Final[dict[str, Any]] = {"timeout": 10, "max.retries": 1, "retries.wait.ms": 200, "retries.max.wait.ms": 1000}
"""Few retries: whoever asks waits and asks again, and says meanwhile what it waits for."""
NUMBERS: Final = (*DEFAULTS, "cache.capacity", "cache.latest.ttl.sec")

REFUSALS: Final = (409, 422)
"""Conflict: incompatible. Unprocessable: no valid schema."""
NOT_FOUND: Final = (40401, 40402, 40403)
"""The registry's codes for a subject, version or schema that it does not have; a bare 404 comes from elsewhere."""

Result = TypeVar("Result")


class SchemaRefused(Exception):
    """The registry refuses a schema: incompatible with an earlier version, or no valid schema to it."""


class NotRegistered(Exception):
    """Our current schemas are not in the registry yet."""


@dataclass(frozen=True)
class Registration:
    """A schema under a subject. `is_new` says that this registration added it."""

    subject: str
    schema_id: int
    is_new: bool


class Registry:
    """A client of the registry at `url`. May be shared by threads."""

    def __init__(self, url: str, config: Mapping[str, str] | None = None) -> None:
        """`config` are further settings of confluent-kafka's client, such as basic.auth.user.info."""
        further = {name: int(value) if name in NUMBERS else value for name, value in (config or {}).items()}
        self._client = SchemaRegistryClient({"url": url, **DEFAULTS, **further})
        self.url: Final = url

    def close(self) -> None:
        """End the HTTP session."""
        self._client.close()

    def schema(self, schema_id: int) -> str:
        """The schema with this id as JSON. Raises SchemaNotFound or RegistryUnavailable."""
        try:
            found = self._ask(lambda: self._client.get_schema(schema_id))
        except SchemaRegistryError as error:
            raise SchemaNotFound(f"{self.url} has no schema {schema_id}: {error.error_message}") from error
        return str(found.schema_str)

    def schema_ids(self, topics: Topics) -> dict[str, int]:
        """The ids of our current schemas by full name, for the Encoder. Raises NotRegistered or RegistryUnavailable."""
        ids: dict[str, int] = {}
        missing: list[str] = []
        for name, subject in subjects(topics):
            found = self.registered_id(subject, SCHEMAS[name][1])
            if found is None:
                missing.append(subject)
            else:
                ids.setdefault(name, found)
        if missing:
            raise NotRegistered(
                f"{self.url} lacks the current schema of {', '.join(missing)}: run `accrue schemas register`"
            )
        return ids

    def registered_id(self, subject: str, text: str) -> int | None:
        """The id of the schema under the subject, or None where it is not registered. Raises RegistryUnavailable."""
        try:
            found = self._ask(lambda: self._client.lookup_schema(subject, Schema(text, "AVRO")))
        except SchemaRegistryError:
            return None
        return found.schema_id

    def register(self, topics: Topics) -> list[Registration]:
        """Register our current schemas under every subject, each held to FULL_TRANSITIVE; what is there already stays.

        Raises SchemaRefused for the first that the registry refuses, or RegistryUnavailable.
        """
        return [self.register_schema(subject, SCHEMAS[name][1]) for name, subject in subjects(topics)]

    def register_schema(self, subject: str, text: str) -> Registration:
        """Register one schema. Raises SchemaRefused or RegistryUnavailable."""
        known = self.registered_id(subject, text)
        held = self._hold(subject)
        if known is not None:
            return Registration(subject, known, is_new=False)
        schema_id = self._post(subject, text)
        if not held and not self._hold(subject):
            raise RegistryUnavailable(f"{subject}: {self.url} does not take the compatibility level {COMPATIBILITY}")
        return Registration(subject, schema_id, is_new=True)

    def _hold(self, subject: str) -> bool:
        """Hold a subject to FULL_TRANSITIVE; False where the registry wants a first version before."""
        try:
            self._ask(lambda: self._client.set_compatibility(subject, COMPATIBILITY))
        except SchemaRegistryError:
            return False
        return True

    def _post(self, subject: str, text: str) -> int:
        try:
            return self._ask(lambda: self._client.register_schema(subject, Schema(text, "AVRO")), REFUSALS)
        except SchemaRegistryError as error:
            reasons = self._reasons(subject, text) or [error.error_message]
            remedy = "give each new field a default, and remove only fields that have one"
            raise SchemaRefused(
                f"{subject}: refused by the registry (HTTP {error.http_status_code}): {'; '.join(reasons)}: {remedy}"
            ) from error

    def _reasons(self, subject: str, text: str) -> list[str]:
        """What we see that speaks against the schema in the subject's earlier versions."""
        try:
            new = parse_record(text)
            versions = self._ask(lambda: self._client.get_versions(subject))
            earlier = [(n, self._ask(lambda n=n: self._client.get_version(subject, n))) for n in versions]  # type: ignore[misc]
            return [
                f"version {number}: {problem}"
                for number, version in earlier
                if version.schema and version.schema.schema_str
                for problem in full_problems(new, parse_record(version.schema.schema_str))
            ]
        except (BadSchema, SchemaRegistryError, RegistryUnavailable) as error:
            return [str(error)]

    def _ask(self, call: Callable[[], Result], refusals: Collection[int] = ()) -> Result:
        """The answer to a call. What the registry lacks and `refusals` pass; all else is RegistryUnavailable."""
        try:
            return call()
        except SchemaRegistryError as error:
            if error.error_code in NOT_FOUND or error.http_status_code in refusals:
                raise
            raise RegistryUnavailable(f"{self.url} answers as no registry does, or errs: {error}") from error
        except (httpx.HTTPError, OAuthTokenError, ValueError, TypeError) as error:
            raise RegistryUnavailable(
                f"the registry at {self.url} cannot be reached or understood: {error!r}"
            ) from error


def subjects(topics: Topics) -> list[tuple[str, str]]:
    """(full name of a record, subject) for every record of ours on every topic that carries it."""
    return [(name, f"{topic.full_name}-{name}") for topic in topics for name in SCHEMAS if topic.carries(name)]
