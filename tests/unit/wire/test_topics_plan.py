"""The plan of the topics: what is missing or different, what must not be changed, and what an import has relaxed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from confluent_kafka.admin import AdminClient

from pipeline.wire.topic_plan import CREATE, HELD, KEEP_COUNT, KEEP_MORE, Actual, Change, TopicsRefused, apply, plan
from pipeline.wire.topics import LOG, Topics

TOPICS = Topics.load(prefix="t-")
BEFORE_MAX = "message.timestamp.before.max.ms"
NO_LIMIT = "9223372036854775807"


def as_wanted() -> dict[str, Actual]:
    """A cluster that has every topic as it should be, and further settings of the broker's."""
    return {t.full_name: Actual(t.partitions, {**t.config, "segment.bytes": "1073741824"}) for t in TOPICS}


def with_config(name: str, config: Mapping[str, str]) -> dict[str, Actual]:
    actual = as_wanted()
    there = actual[f"t-{name}"]
    return {**actual, f"t-{name}": Actual(there.partitions, {**there.config, **config})}


def with_partitions(name: str, count: int) -> dict[str, Actual]:
    actual = as_wanted()
    return {**actual, f"t-{name}": Actual(count, actual[f"t-{name}"].config)}


def test_nothing_is_to_do_where_everything_is_as_it_should_be() -> None:
    assert plan(TOPICS, as_wanted()) == []


def test_missing_topics_are_created_in_the_files_order() -> None:
    changes = plan(TOPICS, {})

    assert [change.topic for change in changes] == [topic.full_name for topic in TOPICS]
    assert changes[0] == Change("t-member-events", CREATE, "", "4 partitions")


def test_a_setting_that_differs_is_set() -> None:
    changes = plan(TOPICS, with_config("ledger-entries", {"retention.ms": "604800000"}))

    assert changes == [Change("t-ledger-entries", "retention.ms", "604800000", "-1")]


@pytest.mark.parametrize("name", [LOG, "ledger-entries", "member-changelog"])
@pytest.mark.parametrize("count", [3, 5])
def test_the_number_of_partitions_of_the_log_and_its_followers_stays(name: str, count: int) -> None:
    changes = plan(TOPICS, with_partitions(name, count))

    assert changes == [Change(f"t-{name}", "partitions", str(count), "4", refused=KEEP_COUNT)]


def test_partitions_cannot_be_taken_away() -> None:
    assert plan(TOPICS, with_partitions("programs", 2)) == [
        Change("t-programs", "partitions", "2", "1", refused=KEEP_MORE)
    ]


def test_what_an_import_relaxes_is_left_until_it_is_over() -> None:
    actual = with_config(LOG, {BEFORE_MAX: NO_LIMIT})

    assert plan(TOPICS, actual) == [Change("t-member-events", BEFORE_MAX, NO_LIMIT, "600000", held=HELD)]
    assert plan(TOPICS, actual, after_import=True) == [Change("t-member-events", BEFORE_MAX, NO_LIMIT, "600000")]


def test_a_bound_tighter_than_it_should_be_is_no_trace_of_an_import() -> None:
    assert plan(TOPICS, with_config(LOG, {BEFORE_MAX: "1000"})) == [
        Change("t-member-events", BEFORE_MAX, "1000", "600000")
    ]


def test_a_plan_with_a_refused_change_is_not_begun() -> None:
    never_asked = AdminClient({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})
    changes = [Change("t-programs", CREATE, "", "1 partitions"), *plan(TOPICS, with_partitions(LOG, 8))]

    with pytest.raises(
        TopicsRefused, match="nothing was changed; t-member-events: partitions 8 -> 4: a member's partition"
    ):
        apply(never_asked, TOPICS, changes)
