"""docker-compose.yml has the servers, versions and settings of `accrue up`, and is reachable from this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.devstack import kafka, postgres, registry, valkey
from pipeline.devstack.jars import read_lock

SERVICES: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text())["services"]
KAFKAS_OWN = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs", "heap.opts"}


def test_kafka_has_the_same_settings() -> None:
    environment = SERVICES["kafka"]["environment"]
    # As the image does it: KAFKA_LOG_DIRS becomes log.dirs.
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }

    assert {name: value for name, value in given.items() if name not in KAFKAS_OWN} == kafka.SETTINGS
    assert set(given) >= KAFKAS_OWN
    assert all(isinstance(value, str) for value in environment.values())  # YAML would turn "false" into False


def test_registry_has_the_same_settings() -> None:
    environment = dict(SERVICES["registry"]["environment"])

    assert environment.pop("APICURIO_DATASOURCE_URL") == registry.DATABASE.format(path="/tmp/registry")
    assert environment == registry.SETTINGS


def test_valkey_has_the_same_settings() -> None:
    program, *arguments = SERVICES["valkey"]["command"]
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))

    assert program == "valkey-server"
    assert given == {f"--{name}": value.strip('"') for name, value in valkey.SETTINGS.items()}


def test_postgres_has_the_same_settings() -> None:
    program, *arguments = SERVICES["postgres"]["command"]

    assert program == "postgres"
    assert arguments[::2] == ["-c"] * len(postgres.SETTINGS)
    assert dict(item.split("=") for item in arguments[1::2]) == postgres.SETTINGS
    assert SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split() == postgres.INITDB


def test_the_versions_are_the_same() -> None:
    tags = {name: service["image"].split(":")[1] for name, service in SERVICES.items()}
    locked = {jar.coordinate.split(":")[1]: jar.coordinate.split(":")[2] for jar in read_lock()}

    assert tags["kafka"] == kafka.VERSION == locked["kafka-server"] == locked["kafka-clients"]
    assert tags["registry"] == registry.VERSION == locked["apicurio-registry-app"]
    assert tags["postgres"] == str(postgres.VERSION)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bound_to_loopback_and_watched(name: str) -> None:
    service = SERVICES[name]

    assert service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["healthcheck"]["test"]
