"""The topics of `topics.yaml`: names, partitions, records and settings, checked when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

LOG: Final = "member-events"
TOPICS_FILE: Final = Path(__file__).resolve().parents[2] / "topics.yaml"
VALUES: Final = ("avro", "json", "bytes")
_FIELDS: Final = ("description", "partitions", "key", "value", "records", "config", "guarantee", "example")
_REQUIRED: Final = ("description", "partitions", "key", "value", "config", "guarantee")


class InvalidTopics(Exception):
    """`topics.yaml` says something that it cannot mean; the message names the place, the value and the remedy."""


class UnknownTopic(Exception):
    """A topic was asked for that `topics.yaml` does not have."""


@dataclass(frozen=True)
class Topic:
    """One topic. `name` is without the prefix, `full_name` as the cluster has it.

    `partitions` is the number it should have; `follows_log` says that this is the log's number. `records` are full
    names of Avro records or `namespace.*`; empty where the value is not Avro. `config` is what the topic is held to.
    """

    name: str
    full_name: str
    description: str
    partitions: int
    follows_log: bool
    key: str
    value: str
    records: tuple[str, ...]
    config: Mapping[str, str]
    guarantee: str
    example: Mapping[str, object] | None

    def carries(self, record: str) -> bool:
        """Whether the topic carries the Avro record with this full name."""
        namespace = record.rpartition(".")[0]
        return record in self.records or f"{namespace}.*" in self.records


class Topics:
    """All topics, by the name that `topics.yaml` gives them."""

    def __init__(self, topics: dict[str, Topic]) -> None:
        self._topics = topics

    @classmethod
    def load(cls, path: Path = TOPICS_FILE, prefix: str = "", log_partitions: int | None = None) -> Topics:
        """Read and check a topics file.

        `prefix` is put before every name as it stands, for several pipelines on one cluster. `log_partitions` overrides
        the file's. Raises InvalidTopics.
        """
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InvalidTopics(f"{path}: cannot be read as YAML: {error}") from error
        place = str(path)
        fields = _mapping(content, place)
        _refuse_unknown(fields, ("log_partitions", "topics"), place)
        count = log_partitions or fields.get("log_partitions")
        count = _count(count, f"{place}: log_partitions")
        entries = _mapping(fields.get("topics"), f"{place}: topics")
        topics = {
            name: _topic(name, entry, prefix, count, f"{place}: topics.{name}") for name, entry in entries.items()
        }
        if LOG not in topics or not topics[LOG].follows_log:
            raise InvalidTopics(f"{place}: topics.{LOG} must be there with `partitions: log`; it is the log")
        return cls(topics)

    def topic(self, name: str) -> Topic:
        """The topic called `name` in `topics.yaml`. Raises UnknownTopic."""
        try:
            return self._topics[name]
        except KeyError:
            raise UnknownTopic(f"no topic is called {name!r}; topics.yaml has {', '.join(self._topics)}") from None

    def name(self, name: str) -> str:
        """The name, with the prefix, that the cluster knows the topic by. Raises UnknownTopic."""
        return self.topic(name).full_name

    def partitions(self, name: str) -> int:
        """How many partitions the topic should have. Raises UnknownTopic."""
        return self.topic(name).partitions

    def carrying(self, record: str) -> list[Topic]:
        """The topics that carry the Avro record with this full name."""
        return [topic for topic in self if topic.carries(record)]

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def __len__(self) -> int:
        return len(self._topics)


def _topic(name: object, entry: object, prefix: str, log_partitions: int, place: str) -> Topic:
    if not isinstance(name, str):
        raise InvalidTopics(f"{place}: a topic's name must be text, not {name!r}: put it in quotes")
    fields = _mapping(entry, place)
    _refuse_unknown(fields, _FIELDS, place)
    for field in _REQUIRED:
        if field not in fields:
            raise InvalidTopics(f"{place}: {field} is missing: add it")
    follows_log = fields["partitions"] == "log"
    value = fields["value"]
    if value not in VALUES:
        raise InvalidTopics(f"{place}.value: {value!r} is none of {', '.join(VALUES)}")
    records = fields.get("records", [])
    if (
        not isinstance(records, list)
        or not all(isinstance(r, str) for r in records)
        or bool(records) != (value == "avro")
    ):
        raise InvalidTopics(f"{place}.records: {records!r}: list record names if the value is avro, and only then")
    example = fields.get("example")
    return Topic(
        name=name,
        full_name=prefix + name,
        description=_text(fields["description"], f"{place}.description"),
        partitions=log_partitions if follows_log else _count(fields["partitions"], f"{place}.partitions"),
        follows_log=follows_log,
        key=_text(fields["key"], f"{place}.key"),
        value=value,
        records=tuple(records),
        config={
            str(k): _setting(v, f"{place}.config.{k}") for k, v in _mapping(fields["config"], f"{place}.config").items()
        },
        guarantee=_text(fields["guarantee"], f"{place}.guarantee"),
        example=None if example is None else _mapping(example, f"{place}.example"),
    )


def _mapping(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidTopics(f"{place}: expected a mapping, found {value!r}")
    return value


def _refuse_unknown(fields: Mapping[str, object], known: tuple[str, ...], place: str) -> None:
    unknown = [str(name) for name in fields if name not in known]
    if unknown:
        raise InvalidTopics(f"{place}: {', '.join(unknown)} is not known; known are {', '.join(known)}")


def _count(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidTopics(
            f"{place}: {value!r} is no number of partitions: give a whole number from 1, or `log` in a topic"
        )
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidTopics(f"{place}: {value!r} is not text: say something, in quotes if it holds a colon")
    return " ".join(value.split())


def _setting(value: object, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    raise InvalidTopics(f"{place}: {value!r} is no topic setting: give text or a number")
