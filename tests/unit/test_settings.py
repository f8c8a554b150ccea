"""Settings come from flags, the environment, the local stack and defaults, in turn; each of them is documented."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.settings import InvalidSettings, Settings, load

STACK = {
    "bootstrap_servers": "127.0.0.1:1",
    "registry_url": "http://127.0.0.1:2",
    "redis_url": "redis://127.0.0.1:3/0",
    "postgres_url": "postgresql://127.0.0.1:4/postgres",
    "pids": {"kafka": 7},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder two levels below one where a local stack was started."""
    (tmp_path / ".accrue").mkdir()
    (tmp_path / ".accrue" / "stack.json").write_text(json.dumps(STACK))
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    return below


def test_without_anything_there_are_defaults_and_no_addresses(tmp_path: Path) -> None:
    found = load({}, tmp_path)

    assert (found.app_id, found.batch_limit, found.topic_prefix, found.kafka) == ("accrue", 2000, "", {})
    assert found.bootstrap_servers == ""


def test_the_local_stack_is_found_from_any_folder_below_it(folder: Path) -> None:
    found = load({}, folder)

    assert found.bootstrap_servers == STACK["bootstrap_servers"]
    assert found.postgres_url == STACK["postgres_url"]


def test_the_environment_comes_before_the_stack_and_a_flag_before_both(folder: Path) -> None:
    environment = {"ACCRUE_REGISTRY_URL": "http://env", "ACCRUE_REDIS_URL": "redis://env"}

    found = load(environment, folder, registry_url="http://flag", redis_url=None)

    assert (found.registry_url, found.redis_url) == ("http://flag", "redis://env")
    assert found.bootstrap_servers == STACK["bootstrap_servers"]


def test_further_settings_reach_the_clients(tmp_path: Path) -> None:
    environment = {
        "ACCRUE_BOOTSTRAP_SERVERS": "kafka:9092",
        "ACCRUE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "ACCRUE_KAFKA_SASL_MECHANISM": "PLAIN",
        "ACCRUE_REGISTRY_URL": "https://registry",
        "ACCRUE_REGISTRY_BASIC_AUTH_USER_INFO": "user:secret",
    }

    found = load(environment, tmp_path)

    assert found.kafka_config() == {
        "bootstrap.servers": "kafka:9092",
        "sasl.mechanism": "PLAIN",
        "security.protocol": "SASL_SSL",
    }
    assert found.registry == {"basic.auth.user.info": "user:secret"}


def test_what_is_needed_and_missing_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidSettings, match="ACCRUE_BOOTSTRAP_SERVERS is not set: start the local stack with `accrue up`"
    ):
        load({}, tmp_path).kafka_config()
    with pytest.raises(InvalidSettings, match="ACCRUE_TOPIC_PREFIX is not set: set it"):
        load({}, tmp_path).need("topic_prefix")


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "²"])
def test_a_number_that_is_none_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(InvalidSettings, match=f"ACCRUE_BATCH_LIMIT is '{value}': set a whole number from 1"):
        load({"ACCRUE_BATCH_LIMIT": value}, tmp_path)


def test_types_are_those_of_the_fields(tmp_path: Path) -> None:
    found = load({"ACCRUE_BATCH_LIMIT": "50", "ACCRUE_DATA_DIR": "/data", "ACCRUE_TOPICS_FILE": "t.yaml"}, tmp_path)

    assert (found.batch_limit, found.data_dir, found.topics_file) == (50, Path("/data"), Path("t.yaml"))


def test_a_flag_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="registry is no setting; settings are bootstrap_servers"):
        load({}, tmp_path, registry="x")


def test_a_broken_record_of_the_stack_is_told(folder: Path) -> None:
    path = folder.parents[1] / ".accrue" / "stack.json"
    path.write_text("{")

    with pytest.raises(InvalidSettings, match=r"stack\.json: not valid JSON .*: run `accrue down`, then `accrue up`"):
        load({}, folder)


def test_every_setting_is_documented_and_the_document_is_current() -> None:
    document = settings.document()

    assert [field.name for field in fields(Settings) if not field.metadata["doc"]] == []
    assert all(field.metadata.get("variable", settings.variable(field.name)) in document for field in fields(Settings))
    path = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
    assert path.read_text("utf-8") == document, "run `python -m pipeline.settings > docs/settings.md`"
