"""`accrue topics` on a real broker: created, compared, changed, but never so that members lose their partition."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from pipeline.cli.main import cli
from pipeline.devstack import Settings
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topic_plan import RELAXED_BY_IMPORT, Change, TopicsRefused, apply, plan, read, set_config
from pipeline.wire.topics import LOG, Topics

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.bootstrap_servers})


@pytest.fixture
def topics(prefix: str) -> Topics:
    return Topics.load(prefix=f"{prefix}-")


@pytest.fixture
def applied(admin: AdminClient, topics: Topics) -> Topics:
    """The topics, created."""
    apply(admin, topics, plan(topics, read(admin, topics)))
    return topics


def wait_until_there(admin: AdminClient, name: str) -> None:
    deadline_s = time.monotonic() + 30
    while name not in admin.list_topics(timeout=10).topics:
        assert time.monotonic() < deadline_s, f"the broker never shows {name}"
        time.sleep(0.02)


def changes_once_shown(admin: AdminClient, topics: Topics, after_import: bool = False) -> list[Change]:
    """The plan as soon as there is something to do: brokers show a change a moment after it was made."""
    deadline_s = time.monotonic() + 30
    while not (changes := plan(topics, read(admin, topics), after_import)):
        assert time.monotonic() < deadline_s, "the broker never shows the change"
        time.sleep(0.02)
    return changes


def test_applying_creates_every_topic_as_the_file_has_it(admin: AdminClient, topics: Topics) -> None:
    assert read(admin, topics) == {}

    made = apply(admin, topics, plan(topics, {}))

    actual = read(admin, topics)
    assert [change.topic for change in made] == [topic.full_name for topic in topics]
    assert {name: there.partitions for name, there in actual.items()} == {t.full_name: t.partitions for t in topics}
    for topic in topics:
        assert dict(topic.config).items() <= actual[topic.full_name].config.items()


def test_applying_again_changes_nothing(admin: AdminClient, applied: Topics) -> None:
    changes = plan(applied, read(admin, applied))

    assert changes == []
    assert apply(admin, applied, changes) == []


def test_a_changed_setting_is_seen_and_put_back_and_others_stay(admin: AdminClient, applied: Topics) -> None:
    name = applied.name("ledger-entries")
    set_config(admin, name, {"retention.ms": "1000", "segment.bytes": "1048576"})

    changes = changes_once_shown(admin, applied)
    apply(admin, applied, changes)

    assert changes == [Change(name, "retention.ms", "1000", "-1")]
    config = read(admin, applied)[name].config
    assert (config["retention.ms"], config["segment.bytes"]) == ("-1", "1048576")


def test_the_logs_number_of_partitions_is_refused_and_nothing_else_is_done(
    admin: AdminClient, topics: Topics, applied: Topics, prefix: str
) -> None:
    set_config(admin, topics.name("ledger-entries"), {"retention.ms": "1000"})
    changes_once_shown(admin, applied)
    wider = Topics.load(prefix=f"{prefix}-", log_partitions=8)
    changes = plan(wider, read(admin, wider))

    with pytest.raises(TopicsRefused, match=f"nothing was changed; {topics.name(LOG)}: partitions 4 -> 8"):
        apply(admin, wider, changes)

    assert read(admin, wider)[topics.name(LOG)].partitions == 4
    assert read(admin, wider)[topics.name("ledger-entries")].config["retention.ms"] == "1000"


def test_a_follower_with_another_number_of_partitions_is_refused(admin: AdminClient, applied: Topics) -> None:
    name = applied.name("tier-changes")
    admin.create_partitions([NewPartitions(name, 6)])[name].result()

    changes = changes_once_shown(admin, applied)

    assert [(change.topic, change.what, change.before, bool(change.refused)) for change in changes] == [
        (name, "partitions", "6", True)
    ]


def test_a_topic_that_stands_alone_gets_more_partitions(admin: AdminClient, topics: Topics, tmp_path: Path) -> None:
    name = topics.name("programs")
    admin.create_topics([NewTopic(name, 1)])[name].result()
    path = tmp_path / "topics.yaml"
    path.write_text(
        "log_partitions: 2\n"
        "topics:\n"
        "  member-events: {description: d, partitions: log, key: k, value: bytes, config: {}, guarantee: g}\n"
        "  programs: {description: d, partitions: 3, key: k, value: bytes, config: {}, guarantee: g}\n"
    )
    wider = Topics.load(path, prefix=name.removesuffix("programs"))
    wait_until_there(admin, name)

    made = apply(admin, wider, plan(wider, read(admin, wider)))

    assert [(change.what, change.after) for change in made] == [("create", "2 partitions"), ("partitions", "3")]
    assert read(admin, wider)[name].partitions == 3


def test_the_log_takes_timestamps_of_now_and_no_others(admin: AdminClient, applied: Topics, settings: Settings) -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    now_ms = time.time_ns() // 1_000_000
    outcomes: list[KafkaError | None] = []

    for offset_ms in (0, -3_600_000, 3_600_000):
        producer.produce(
            applied.name(LOG), b"v", b"k", timestamp=now_ms + offset_ms, on_delivery=lambda e, _m: outcomes.append(e)
        )
        producer.flush(30)

    assert [error and error.code() for error in outcomes] == [
        None,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.INVALID_TIMESTAMP,
    ]


def test_a_relaxed_bound_of_timestamps_is_held_until_the_import_is_over(admin: AdminClient, applied: Topics) -> None:
    name = applied.name(LOG)
    set_config(admin, name, {RELAXED_BY_IMPORT: str((1 << 63) - 1)})

    assert apply(admin, applied, changes_once_shown(admin, applied)) == []
    assert read(admin, applied)[name].config[RELAXED_BY_IMPORT] == str((1 << 63) - 1)

    apply(admin, applied, plan(applied, read(admin, applied), after_import=True))
    assert read(admin, applied)[name].config[RELAXED_BY_IMPORT] == "600000"


def test_keys_are_put_where_the_partitioner_says(admin: AdminClient, applied: Topics, settings: Settings) -> None:
    keys = [f"m-{number}".encode() for number in range(50)] + [b"", "mé-1".encode(), b"\xff\x80\x7f"]
    placed: dict[bytes, int] = {}
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "partitioner": "murmur2"})

    for key in keys:
        producer.produce(
            applied.name("dead-letters"),
            b"v",
            key,
            on_delivery=lambda _e, m: placed.update({m.key() or b"": m.partition()}),
        )
    producer.flush(30)

    assert placed == {key: partition_of(key, 4) for key in keys}
    assert set(placed.values()) == {0, 1, 2, 3}


def run(settings: Settings, prefix: str, *arguments: str) -> Result:
    environment = {"ACCRUE_BOOTSTRAP_SERVERS": settings.bootstrap_servers, "ACCRUE_TOPIC_PREFIX": f"{prefix}-"}
    return CliRunner().invoke(cli, ["topics", *arguments], env=environment)


def test_the_command_plans_applies_and_has_nothing_left_to_do(
    settings: Settings, prefix: str, admin: AdminClient
) -> None:
    planned = json.loads(run(settings, prefix, "plan", "--json").stdout)
    applied = json.loads(run(settings, prefix, "apply", "--json").stdout)

    assert planned == applied
    assert {change["what"] for change in planned} == {"create"}
    assert run(settings, prefix, "plan").stdout == "Nothing to do: the cluster's topics are as topics.yaml has them.\n"

    set_config(admin, f"{prefix}-{LOG}", {RELAXED_BY_IMPORT: "9000000", "retention.ms": "1000"})
    changes_once_shown(admin, Topics.load(prefix=f"{prefix}-"))
    result = run(settings, prefix, "apply")
    assert result.exit_code == 0
    assert f"{prefix}-{LOG}\tretention.ms\t1000\t-1" in result.stdout
    assert f"Warning: {prefix}-{LOG}: {RELAXED_BY_IMPORT} stays 9000000: an import relaxes it" in result.stderr


def test_the_command_refuses_with_one_line_and_exit_code_1(settings: Settings, prefix: str, admin: AdminClient) -> None:
    admin.create_topics([NewTopic(f"{prefix}-{LOG}", 2)])[f"{prefix}-{LOG}"].result()
    wait_until_there(admin, f"{prefix}-{LOG}")

    result = run(settings, prefix, "apply")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        f"Error: nothing was changed; {prefix}-{LOG}: partitions 2 -> 4: a member's partition"
    )


def test_a_broker_that_refuses_a_setting_is_told(admin: AdminClient, applied: Topics) -> None:
    with pytest.raises(KafkaException, match="retention"):
        set_config(admin, applied.name(LOG), {"retention.ms": "soon"})
