"""Schemas in a real registry: registered once, held to FULL_TRANSITIVE, found by id, read by Confluent's clients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.payloads import ReferralAccepted
from pipeline.devstack import Settings
from pipeline.devstack.ports import pick
from pipeline.wire.codec import UNKNOWN_SCHEMA, Decoder, Encoder, RegistryUnavailable, Undecodable
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.registry import COMPATIBILITY, NotRegistered, Registry, SchemaRefused, subjects
from pipeline.wire.schemas import SchemaNotFound
from pipeline.wire.topics import Topics

pytestmark = pytest.mark.kafka

ACCEPTED = "accrue.events.ReferralAccepted"
EVENT = Event(
    "e-1", "m-1", 1_763_800_000_000, "shop", "", {"a": "b"}, ReferralAccepted("r-1", "m-2"), 1_763_800_000_005
)
FIELDS = {"event_id": "e-1", "member_id": "m-1", "occurred_at": 1_763_800_000_000, "source": "shop", "traceparent": "",
          "attributes": {"a": "b"}, "referral_id": "r-1", "referred_member_id": "m-2"}  # fmt: skip


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings.registry_url)


@pytest.fixture
def client(settings: Settings) -> SchemaRegistryClient:
    """Confluent's client, to look at the registry without ours."""
    return SchemaRegistryClient({"url": settings.registry_url})


@pytest.fixture
def topics(prefix: str) -> Topics:
    return Topics.load(prefix=f"{prefix}-")


def schema_with(**field: Any) -> str:
    schema = json.loads(SCHEMAS[ACCEPTED][1])
    schema["fields"].append(field)
    return json.dumps(schema)


def test_every_record_of_every_topic_is_registered_and_held(
    registry: Registry, client: SchemaRegistryClient, topics: Topics
) -> None:
    done = registry.register(topics)

    assert [registration.subject for registration in done] == [subject for _name, subject in subjects(topics)]
    assert all(registration.is_new for registration in done)
    for _name, subject in subjects(topics):
        assert client.get_compatibility(subject) == COMPATIBILITY
    assert f"{topics.name('member-events')}-{ACCEPTED}" in {registration.subject for registration in done}


def test_registering_again_changes_nothing(registry: Registry, client: SchemaRegistryClient, topics: Topics) -> None:
    first = registry.register(topics)

    again = registry.register(topics)

    assert [r.schema_id for r in again] == [r.schema_id for r in first]
    assert not any(registration.is_new for registration in again)
    assert client.get_versions(first[0].subject) == [1]


def test_ids_are_known_only_after_registration(registry: Registry, topics: Topics) -> None:
    with pytest.raises(NotRegistered, match="run `accrue schemas register`"):
        registry.schema_ids(topics)

    registry.register(topics)

    assert registry.schema_ids(topics).keys() == SCHEMAS.keys()


def test_values_go_through_a_real_registry(registry: Registry, topics: Topics) -> None:
    registry.register(topics)
    value = Encoder(registry.schema_ids(topics)).event(EVENT)

    assert Decoder(registry).decode(value, EVENT.recorded_at_ms) == EVENT


def test_confluents_serialiser_and_our_codec_read_each_other(
    registry: Registry, client: SchemaRegistryClient, topics: Topics
) -> None:
    registry.register(topics)
    topic = topics.name("member-events")
    context = SerializationContext(topic, MessageField.VALUE)
    theirs = AvroSerializer(
        client,
        SCHEMAS[ACCEPTED][1],
        conf={
            "auto.register.schemas": False,
            "subject.name.strategy": lambda ctx, name: f"{ctx.topic}-{name}",
        },
    )
    ours = Encoder(registry.schema_ids(topics))

    assert theirs(FIELDS, context) == ours.event(EVENT)
    assert Decoder(registry).decode(theirs(FIELDS, context), EVENT.recorded_at_ms) == EVENT
    read = AvroDeserializer(client, conf={"subject.name.strategy": lambda ctx, name: f"{ctx.topic}-{name}"})
    found = read(ours.event(EVENT), context)
    assert {**found, "occurred_at": int(found["occurred_at"].timestamp() * 1000)} == FIELDS


def test_a_producers_later_version_is_read(registry: Registry, client: SchemaRegistryClient, topics: Topics) -> None:
    registry.register(topics)
    text = schema_with(name="channel", type=["null", "string"], default=None)
    topic = topics.name("member-events")
    registry.register_schema(f"{topic}-{ACCEPTED}", text)
    serialise = AvroSerializer(
        client,
        text,
        conf={"auto.register.schemas": False, "subject.name.strategy": lambda ctx, name: f"{ctx.topic}-{name}"},
    )

    value = serialise({**FIELDS, "channel": "app"}, SerializationContext(topic, MessageField.VALUE))

    assert Decoder(registry).decode(value, EVENT.recorded_at_ms) == EVENT


def test_an_incompatible_version_is_refused_with_the_reason(
    registry: Registry, client: SchemaRegistryClient, topics: Topics
) -> None:
    registry.register(topics)
    subject = f"{topics.name('member-events')}-{ACCEPTED}"

    with pytest.raises(
        SchemaRefused, match=rf"{subject}: refused by the registry \(HTTP 409\): version 1: .*channel"
    ) as caught:
        registry.register_schema(subject, schema_with(name="channel", type="string"))

    assert "give each new field a default" in str(caught.value)
    assert client.get_versions(subject) == [1]


def test_a_version_is_held_against_all_earlier_ones(registry: Registry, topics: Topics) -> None:
    registry.register(topics)
    subject = f"{topics.name('member-events')}-{ACCEPTED}"
    registry.register_schema(subject, schema_with(name="channel", type="string", default=""))
    registry.register_schema(subject, schema_with(name="place", type="string", default=""))

    with pytest.raises(SchemaRefused, match="version 2: "):
        registry.register_schema(subject, schema_with(name="channel", type="long", default=0))


def test_what_is_no_schema_is_refused(registry: Registry, prefix: str) -> None:
    with pytest.raises(SchemaRefused, match=r"HTTP 422"):
        registry.register_schema(f"{prefix}-x", '{"type": "record"')


def test_an_id_that_is_not_there_is_told_apart_from_a_registry_that_is_away(registry: Registry) -> None:
    port = pick(())
    away = Registry(f"http://127.0.0.1:{port}", {"max.retries": "0"})

    with pytest.raises(SchemaNotFound):
        registry.schema(2**31 - 1)
    with pytest.raises(Undecodable, match=UNKNOWN_SCHEMA):
        Decoder(registry).decode(b"\0\x7f\xff\xff\xff\0", 0)
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        away.schema(1)
    with pytest.raises(RegistryUnavailable):
        Decoder(away).decode(b"\0\0\0\0\1\0", 0)


@pytest.mark.parametrize("path", ["", "/apis/ccompat/v7/elsewhere", "/health"])
def test_another_servers_404_does_not_mean_that_a_schema_is_unknown(settings: Settings, path: str) -> None:
    """Else a wrong address would send every event to the dead letters."""
    wrong = Registry(settings.registry_url.removesuffix("/apis/ccompat/v7") + path)

    with pytest.raises(RegistryUnavailable):
        wrong.schema(1)


def test_the_command_registers(settings: Settings, prefix: str) -> None:
    environment = {"ACCRUE_REGISTRY_URL": settings.registry_url, "ACCRUE_TOPIC_PREFIX": f"{prefix}-"}

    first = CliRunner().invoke(cli, ["schemas", "register", "--json"], env=environment)
    again = CliRunner().invoke(cli, ["schemas", "register"], env=environment)

    assert [r["is_new"] for r in json.loads(first.stdout)] == [True] * len(subjects(Topics.load()))
    assert again.exit_code == 0
    assert again.stdout.count("was there") == len(subjects(Topics.load()))
