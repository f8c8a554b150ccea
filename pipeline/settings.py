"""Where the servers are and how the pipeline runs: from flags, ACCRUE_* variables, the local stack, defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

PREFIX: Final = "ACCRUE_"
KAFKA_PREFIX: Final = "ACCRUE_KAFKA_"
REGISTRY_PREFIX: Final = "ACCRUE_REGISTRY_"
STACK_FILE: Final = Path(".accrue") / "stack.json"
FROM_STACK: Final = ("bootstrap_servers", "registry_url", "redis_url", "postgres_url")


class InvalidSettings(Exception):
    """A setting is missing or has no meaning; the message names it, its value and the remedy."""


@dataclass(frozen=True)
class Settings:
    """Every setting, read once at the start of a process."""

    bootstrap_servers: str = field(default="", metadata={"doc": "Kafka brokers, host:port, comma-separated."})
    registry_url: str = field(default="", metadata={"doc": "The schema registry's Confluent-compatible API."})
    redis_url: str = field(default="", metadata={"doc": "Redis, for its sink and for reading balances."})
    postgres_url: str = field(default="", metadata={"doc": "PostgreSQL, for its sink and for reading the ledger."})
    topic_prefix: str = field(
        default="", metadata={"doc": "Put before every topic's name as it stands: several pipelines on one cluster."}
    )
    topics_file: Path | None = field(default=None, metadata={"doc": "Another topics.yaml than the project's."})
    app_id: str = field(
        default="accrue", metadata={"doc": "Name of the consumer group, and the first part of transactional ids."}
    )
    data_dir: Path = field(
        default=Path(".accrue") / "data",
        metadata={"doc": "Folder of the workers' RocksDB stores; a cache of the changelogs."},
    )
    batch_limit: int = field(default=1000, metadata={"doc": "Most records in one batch, which is one transaction."})
    kafka: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": "Any further setting of the Kafka clients: ACCRUE_KAFKA_SECURITY_PROTOCOL sets security.protocol.",
            "variable": KAFKA_PREFIX + "*",
        },
    )
    registry: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": "Any further setting of the registry client: ACCRUE_REGISTRY_MAX_RETRIES sets max.retries.",
            "variable": REGISTRY_PREFIX + "*",
        },
    )

    def need(self, name: str) -> str:
        """The text of a setting that must be there. Raises InvalidSettings where it is empty."""
        value = getattr(self, name)
        if not value:
            remedy = "start the local stack with `accrue up`, or " if name in FROM_STACK else ""
            raise InvalidSettings(f"{variable(name)} is not set: {remedy}set it")
        return str(value)

    def kafka_config(self) -> dict[str, str]:
        """What every Kafka client is configured with: the brokers and the further settings. Raises InvalidSettings."""
        return {"bootstrap.servers": self.need("bootstrap_servers"), **self.kafka}


def variable(name: str) -> str:
    """The environment variable of a setting: `registry_url` -> `ACCRUE_REGISTRY_URL`."""
    return PREFIX + name.upper()


def load(
    environment: Mapping[str, str] = os.environ,
    directory: Path | None = None,
    **flags: object,
) -> Settings:
    """The settings of this process.

    `flags` override the environment; None means that the flag was not given. The local stack's addresses are read from
    `.accrue/stack.json` in `directory` (the working directory) or the nearest folder above. Raises InvalidSettings.
    """
    plain = {f.name: f for f in fields(Settings) if f.name not in ("kafka", "registry")}
    values: dict[str, object] = {**_from_stack(directory or Path.cwd())}
    values |= {name: environment[variable(name)] for name in plain if environment.get(variable(name))}
    values |= {name: value for name, value in flags.items() if value is not None}
    unknown = [name for name in values if name not in plain]
    if unknown:
        raise InvalidSettings(f"{', '.join(unknown)} is no setting; settings are {', '.join(plain)}")
    for name in ("data_dir", "topics_file"):
        if name in values:
            values[name] = Path(str(values[name]))
    if "batch_limit" in values:
        values["batch_limit"] = _whole(str(values["batch_limit"]), variable("batch_limit"))
    known = {variable(name) for name in plain}
    return Settings(
        **values,  # type: ignore[arg-type]  # names and types were checked above
        kafka=_further(environment, KAFKA_PREFIX, known),
        registry=_further(environment, REGISTRY_PREFIX, known),
    )


def _from_stack(directory: Path) -> dict[str, object]:
    """Addresses of the local stack that was started in `directory` or the nearest folder above, if one is on record."""
    for folder in (directory, *directory.parents):
        path = folder / STACK_FILE
        try:
            content = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise InvalidSettings(f"{path}: not valid JSON ({error}): run `accrue down`, then `accrue up`") from error
        return {name: content[name] for name in FROM_STACK if content.get(name)}
    return {}


def _further(environment: Mapping[str, str], prefix: str, known: set[str]) -> dict[str, str]:
    """ACCRUE_KAFKA_SASL_MECHANISM=PLAIN -> {"sasl.mechanism": "PLAIN"}."""
    return {
        name.removeprefix(prefix).lower().replace("_", "."): value
        for name, value in sorted(environment.items())
        if name.startswith(prefix) and name not in known
    }


def _whole(value: str, name: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise InvalidSettings(f"{name} is {value!r}: set a whole number from 1")
    return int(value)
