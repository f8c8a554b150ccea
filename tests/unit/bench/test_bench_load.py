"""The load is the same in every run, has the shape that it claims, and is decided without loss."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.load import REPEATED_PERCENT, Size, control, encoded, events
from bench.oracle import Outcome, expected
from bench.world import SHOP
from pipeline.core.events import Event
from pipeline.program import load_program
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.partitioner import partition_of
from pipeline.wire.schemas import CommittedSchemas

SIZE = Size(6_000, 600)
PARTITIONS = 4


@pytest.fixture(scope="module")
def load() -> list[Event]:
    return list(events(SIZE))


def test_the_same_seed_gives_the_same_events_and_another_seed_others(load: list[Event]) -> None:
    assert list(events(SIZE)) == load
    assert list(events(SIZE, seed=1)) != load


def test_every_member_joins_first_and_once(load: list[Event]) -> None:
    firsts: dict[str, str] = {}
    distinct = {event.event_id: event for event in load}.values()
    for event in load:
        firsts.setdefault(event.member_id, event.type_name)

    assert len(load) == SIZE.events
    assert len(firsts) == SIZE.members
    assert set(firsts.values()) == {"member_enrolled"}
    assert Counter(event.type_name for event in distinct)["member_enrolled"] == SIZE.members


def test_some_records_repeat_an_earlier_one_with_its_content(load: list[Event]) -> None:
    seen: dict[str, bytes] = {}
    repeats = 0
    for event in load:
        if event.event_id in seen:
            repeats += 1
            assert event.content_digest() == seen[event.event_id]
        seen[event.event_id] = event.content_digest()

    assert repeats == pytest.approx(SIZE.events * REPEATED_PERCENT / 100, rel=0.3)


def test_records_ascend_in_time_and_stand_in_their_members_partition(load: list[Event]) -> None:
    schemas = CommittedSchemas()
    records = encoded(SIZE, PARTITIONS, Encoder(schemas.schema_ids), "0" * 64)
    decode = Decoder(schemas).decode
    by_partition = [[record for record in records if record.partition == number] for number in range(PARTITIONS)]

    decoded = [decode(record.value, record.timestamp_ms) for record in records if record.key is not None]
    assert decoded == load
    for number, partition in enumerate(by_partition):
        times = [record.timestamp_ms for record in partition]
        assert times == sorted(times)
        assert [record.key for record in partition[: len(control(""))]] == [None] * len(control(""))
        assert {partition_of(r.key, PARTITIONS) for r in partition if r.key is not None} == {number}


@pytest.mark.parametrize("size", [Size(100, 0), Size(100, 61), Size(0, 0)])
def test_a_load_without_room_for_its_members_is_refused(size: Size) -> None:
    with pytest.raises(ValueError, match="members is"):
        list(events(size))


def test_the_oracle_decides_every_event_once_and_refuses_no_record(load: list[Event]) -> None:
    outcome = expected(SIZE, load_program(SHOP))

    assert outcome.decisions == len({event.event_id for event in load})
    assert outcome.counts["dead-letters"] == 0
    assert outcome.counts["ledger-entries"] > SIZE.events
    assert outcome.counts["reward-fulfillments"] > 0
    assert expected(SIZE, load_program(SHOP)) == outcome


def test_outcomes_that_differ_say_where() -> None:
    counts = {
        "ledger-entries": 5,
        "reward-decisions": 3,
        "tier-changes": 0,
        "reward-fulfillments": 0,
        "dead-letters": 0,
    }
    right = Outcome("aa", counts)

    assert right.differences(right) == []
    assert right._replace(digest="bb").differences(right) == ["ledger digest bb, expected aa"]
    fewer = Outcome("aa", counts | {"ledger-entries": 4})
    assert fewer.differences(right) == ["ledger-entries: 4 records, expected 5"]
