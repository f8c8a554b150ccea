"""topics.yaml is read strictly, and what it says fits the schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.wire import schemas, topic_docs
from pipeline.wire.avro import Record
from pipeline.wire.schemas import CommittedSchemas
from pipeline.wire.times import time_ms
from pipeline.wire.topics import LOG, TOPICS_FILE, InvalidTopics, Topic, Topics, UnknownTopic

TOPICS = Topics.load()


def test_every_topic_of_the_pipeline_is_there() -> None:
    assert {topic.name for topic in TOPICS} >= {
        "member-events",
        "derived-events",
        "ledger-entries",
        "tier-changes",
        "reward-decisions",
        "reward-fulfillments",
        "member-balances",
        "dead-letters",
        "member-changelog",
        "member-ids-changelog",
        "programs",
    }


def test_the_log_keeps_everything_and_bounds_timestamps() -> None:
    config = TOPICS.topic(LOG).config

    assert config["retention.ms"] == "-1"
    assert config["message.timestamp.type"] == "CreateTime"
    assert config["message.timestamp.after.max.ms"] == "300000"
    assert config["message.timestamp.before.max.ms"] == "600000"


def test_the_ids_are_kept_longer_than_duplicates_are_searched_and_derived_events_shorter() -> None:
    horizon_ms = 90 * 24 * 60 * 60 * 1000

    assert int(TOPICS.topic("member-ids-changelog").config["retention.ms"]) > horizon_ms
    assert int(TOPICS.topic("derived-events").config["retention.ms"]) < horizon_ms


def test_a_prefix_stands_before_every_name_as_it_is() -> None:
    assert Topics.load(prefix="staging-").name("member-events") == "staging-member-events"
    assert TOPICS.name("member-events") == "member-events"


def test_the_number_of_partitions_can_be_overridden_for_all_that_follow_the_log() -> None:
    topics = Topics.load(log_partitions=7)

    assert topics.partitions(LOG) == topics.partitions("ledger-entries") == 7
    assert topics.partitions("programs") == 1


def test_a_topic_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UnknownTopic, match=r"no topic is called 'member-event'; topics\.yaml has member-events, "):
        TOPICS.name("member-event")


def test_records_are_found_on_the_topics_that_carry_them() -> None:
    assert [topic.name for topic in TOPICS.carrying("accrue.events.MemberEnrolled")] == ["member-events"]
    assert [topic.name for topic in TOPICS.carrying("accrue.events.ReferralJoined")] == [
        "member-events",
        "derived-events",
    ]
    assert TOPICS.carrying("accrue.events.x.TransactionCompleted") == []


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.example], ids=lambda topic: topic.name)
def test_examples_are_values_of_the_records_that_they_name(topic: Topic) -> None:
    example = json.loads(json.dumps(topic.example))
    record = schemas.record(example["record"])

    assert topic.carries(record.name)
    check_fields(record, example["value"])


def check_fields(record: Record, value: dict[str, object]) -> None:
    names = {field.name: field for field in record.fields}
    assert set(value) <= set(names)
    assert {name for name, field in names.items() if not field.has_default} <= set(value)
    for name, item in value.items():
        kind = names[name].type
        match topic_docs.type_name(kind):
            case "time in ms":
                time_ms(item)
            case "bytes":
                bytes.fromhex(str(item))
            case "int" | "long":
                assert isinstance(item, int)
            case "string":
                assert isinstance(item, str)
            case text if text.startswith("one of "):
                assert item in text.removeprefix("one of ").split(", ")


def test_every_avro_topic_has_an_example() -> None:
    assert [topic.name for topic in TOPICS if topic.value == "avro" and topic.example is None] == []


def test_the_document_is_what_the_command_writes() -> None:
    assert topic_docs.FILE.read_text("utf-8") == topic_docs.document(TOPICS), "run `accrue topics docs`"


def test_the_document_shows_what_a_reader_of_a_topic_needs() -> None:
    section = topic_docs.document(TOPICS).split("## ledger-entries")[1].split("\n## ")[0]

    assert "Key**: The member id, UTF-8." in section
    assert "Kept**: for ever" in section
    assert "| `previous_hash` | bytes | required | Hash of the member's entry before, or 32 zero bytes. |" in section
    assert '"entry_id":' in section


Change = Callable[[dict[str, Any]], object]

INVALID: dict[str, tuple[Change, str]] = {
    "an unknown key": (lambda c: c.update(topic={}), "topic is not known; known are log_partitions, topics"),
    "an unknown key of a topic": (
        lambda c: c["topics"][LOG].update(configs={}),
        "topics.member-events: configs is not known",
    ),
    "a missing key": (lambda c: c["topics"][LOG].pop("guarantee"), "topics.member-events: guarantee is missing"),
    "no partitions": (lambda c: c.update(log_partitions=0), "log_partitions: 0 is no number of partitions"),
    "partitions as text": (
        lambda c: c["topics"]["programs"].update(partitions="one"),
        "topics.programs.partitions: 'one'",
    ),
    "partitions as truth": (
        lambda c: c["topics"]["programs"].update(partitions=True),
        "topics.programs.partitions: True",
    ),
    "another value": (
        lambda c: c["topics"]["programs"].update(value="xml"),
        "topics.programs.value: 'xml' is none of avro",
    ),
    "avro without records": (lambda c: c["topics"][LOG].pop("records"), "topics.member-events.records: "),
    "records without avro": (lambda c: c["topics"]["programs"].update(records=["a.B"]), "topics.programs.records: "),
    "a setting that is a list": (
        lambda c: c["topics"][LOG]["config"].update({"cleanup.policy": ["compact"]}),
        "topics.member-events.config.cleanup.policy: ",
    ),
    "an empty description": (
        lambda c: c["topics"][LOG].update(description=" "),
        "topics.member-events.description: ' '",
    ),
    "topics as a list": (lambda c: c.update(topics=[]), "topics: expected a mapping"),
    "no log": (lambda c: c["topics"].pop(LOG), "topics.member-events must be there"),
    "a log with its own count": (lambda c: c["topics"][LOG].update(partitions=3), "topics.member-events must be there"),
    "a name that is no text": (lambda c: c["topics"].update({7: {}}), "a topic's name must be text, not 7"),
    "an example that is no mapping": (lambda c: c["topics"][LOG].update(example="x"), "topics.member-events.example: "),
}


@pytest.mark.parametrize(("change", "fault"), INVALID.values(), ids=INVALID)
def test_a_mistake_is_refused_with_its_place(tmp_path: Path, change: Change, fault: str) -> None:
    content = yaml.safe_load(TOPICS_FILE.read_text())
    change(content)
    path = tmp_path / "topics.yaml"
    path.write_text(yaml.safe_dump(content))

    with pytest.raises(InvalidTopics, match=fault):
        Topics.load(path)


@pytest.mark.parametrize("text", ["{", "\x00"])
def test_a_file_that_is_no_yaml_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(text)

    with pytest.raises(InvalidTopics, match="cannot be read as YAML"):
        Topics.load(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidTopics, match="cannot be read"):
        Topics.load(tmp_path / "topics.yaml")


def test_truth_in_a_setting_is_written_as_kafka_has_it(tmp_path: Path) -> None:
    content = yaml.safe_load(TOPICS_FILE.read_text())
    content["topics"]["programs"]["config"]["preallocate"] = True
    path = tmp_path / "topics.yaml"
    path.write_text(yaml.safe_dump(content))

    assert Topics.load(path).topic("programs").config["preallocate"] == "true"


def test_every_record_has_a_topic() -> None:
    assert [name for name in CommittedSchemas().schema_ids if not TOPICS.carrying(name)] == []
