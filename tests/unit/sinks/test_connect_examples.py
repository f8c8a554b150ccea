"""The examples for Kafka Connect agree with the topics and schemas that they are about."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.wire import schemas
from pipeline.wire.avro import Array
from pipeline.wire.topics import Topics

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "connect"
EXAMPLES = sorted(FOLDER.glob("*.json"))


def config_of(path: Path) -> dict[str, str]:
    return dict(json.loads(path.read_text())["config"])


def test_there_is_one_for_every_topic_that_sink_connectors_are_promised_for() -> None:
    topics = {config_of(path)["topics"] for path in EXAMPLES}

    assert topics == {"ledger-entries", "tier-changes", "reward-fulfillments"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_reads_committed_avro_and_holds_no_secret(path: Path) -> None:
    config = config_of(path)

    assert json.loads(path.read_text())["name"] == path.stem
    assert config["consumer.override.isolation.level"] == "read_committed"
    assert config["value.converter"].endswith("AvroConverter")
    for name, value in config.items():
        assert isinstance(value, str)
        if re.search(r"url|user|password|headers\.authorization", name):
            assert re.fullmatch(r"\$\{env:ACCRUE_[A-Z_]+\}", value), name


@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if path.stem.startswith("jdbc")], ids=lambda path: path.stem
)
def test_a_table_is_keyed_by_required_fields_and_holds_no_lists(path: Path) -> None:
    config = config_of(path)
    (name,) = Topics.load().topic(config["topics"]).records
    fields = {field.name: field for field in schemas.record(name).fields}

    assert (config["insert.mode"], config["pk.mode"]) == ("upsert", "record_value")
    assert all(not fields[key].has_default for key in config["pk.fields"].split(","))
    assert not [field.name for field in fields.values() if isinstance(field.type, Array)]


def test_every_example_is_described() -> None:
    readme = (FOLDER / "README.md").read_text()

    assert all(f"`{path.name}`" in readme for path in EXAMPLES)
