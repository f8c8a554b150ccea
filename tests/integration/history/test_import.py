"""Importing history on a real broker: stamped and ordered by time, with ticks, the broker's limit restored."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.payloads import MemberEnrolled, ProgramActivated, Tick, TransactionCompleted
from pipeline.demo.shoppers import shoppers, write_purchases
from pipeline.demo.stage import Stage
from pipeline.history.importer import ImportBroken, Importer
from pipeline.history.purchases import DAY_MS
from pipeline.lane.kafka import new_admin, topic_config
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.program import load_program
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topic_plan import RELAXED_BY_IMPORT

pytestmark = pytest.mark.kafka
SHOP = load_program(Path(__file__).resolve().parents[3] / "programs" / "shop")
Decoded = tuple[int, int, bytes | None, Event | Tick | ProgramActivated]
"""(partition, timestamp in ms, key, content)."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def log_of(stage: Stage) -> list[Decoded]:
    """Every record, partition by partition."""
    reader = KafkaReader(stage.settings)
    try:
        return [
            (partition, timestamp_ms, key, stage.connection.decoder.decode(value or b"", timestamp_ms))
            for partition in range(stage.partitions)
            for chunk in reader.read(
                stage.connection.log.full_name, partition, *reader.bounds(stage.connection.log.full_name, partition)
            )
            for _offset, timestamp_ms, key, value in chunk
        ]
    finally:
        reader.close()


def oldest_ms(stage: Stage) -> str:
    return topic_config(new_admin(stage.settings), stage.connection.log.full_name)[RELAXED_BY_IMPORT]


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    path = tmp_path / "purchases.txt"
    write_purchases(path, shoppers(40, seed=2))
    return path


def test_history_lands_in_order_with_its_own_times_and_ticks(environment: Stage, purchases: Path) -> None:
    environment.publish(SHOP, 1)

    ended = run("events", "import", str(purchases), "--shift-to", "now", "--json")

    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    records = log_of(environment)
    events = [(p, at_ms, key, event) for p, at_ms, key, event in records if isinstance(event, Event)]
    assert told["events"] == len(events) == told["purchases"] + 40
    for partition, at_ms, key, event in events:
        assert at_ms == event.occurred_at_ms
        assert key == event.member_id.encode()
        assert partition == partition_of(key, environment.partitions)
    for partition in range(environment.partitions):
        own = [(at_ms, item) for p, at_ms, _key, item in records if p == partition]
        assert isinstance(own[0][1], ProgramActivated)
        imported = own[1:-1]
        assert [at_ms for at_ms, _item in imported] == sorted(at_ms for at_ms, _item in imported)
        ticks = [(at_ms, item.mode) for at_ms, item in own if isinstance(item, Tick)]
        assert [mode for _at_ms, mode in ticks] == ["import"] * (told["ticks"] - 1) + ["live"]
        assert isinstance(own[-1][1], Tick)
        # Whatever happened on a day stands behind the tick of that day's beginning.
        for at_ms, item in imported:
            if isinstance(item, Event):
                assert (at_ms // DAY_MS * DAY_MS, "import") in ticks
    assert isinstance(events[0][3].payload, MemberEnrolled | TransactionCompleted)
    assert oldest_ms(environment) == environment.connection.log.config[RELAXED_BY_IMPORT]


def test_history_is_refused_behind_later_records_and_taken_with_force(environment: Stage, purchases: Path) -> None:
    assert run("events", "import", str(purchases)).exit_code == 0
    before = len(log_of(environment))

    again = run("events", "import", str(purchases))
    assert again.exit_code == 1
    assert "already, later than the first purchase" in again.stderr
    assert "insist with --force" in again.stderr
    assert len(log_of(environment)) == before

    forced = run("events", "import", str(purchases), "--force")
    assert forced.exit_code == 0, forced.output
    ids = [event.event_id for _p, _at, _key, event in log_of(environment) if isinstance(event, Event)]
    assert len(ids) == 2 * len(set(ids)), "the same rows are the same events"


def test_history_ahead_of_now_is_refused(environment: Stage, tmp_path: Path) -> None:
    path = tmp_path / "future.csv"
    path.write_text("member_id,date,amount\nm1,2999-01-01,1\n")

    ended = run("events", "import", str(path))

    assert ended.exit_code == 1
    assert "days ahead: shift it, --shift-to now" in ended.stderr
    assert log_of(environment) == []


def test_bad_rows_are_named_counted_and_left_out_or_stop_it(environment: Stage, tmp_path: Path) -> None:
    path = tmp_path / "purchases.csv"
    path.write_text("shopper,day,paid\nm1,2024-01-01,1.00\nm2,2024-13-01,1.00\nm3,2024-01-03,1.005\n")
    options = ("--map", "member_id=shopper", "--map", "date=day")

    strict = run("events", "import", str(path), *options, "--strict")
    assert strict.exit_code == 1
    assert "line 3: date '2024-13-01' is no date" in strict.stderr
    assert log_of(environment) == []

    lenient = run("events", "import", str(path), *options)
    assert lenient.exit_code == 1
    assert "line 3: date '2024-13-01'" in lenient.stderr
    assert "line 4: amount '1.005' has more decimals than the 2 of USD" in lenient.stderr
    assert "2 bad lines were left out" in lenient.stderr
    assert [e.member_id for _p, _at, _key, e in log_of(environment) if isinstance(e, Event)] == ["m1", "m1"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--map", "member_id"), "write FIELD=COLUMN"),
        (("--zone", "Mars/Base"), "'Mars/Base' is no time zone"),
        (("--shift-to", "tomorrow"), "'tomorrow' is no ISO 8601 time"),
    ],
)
def test_misuse_is_told_apart_from_refusal(purchases: Path, options: tuple[str, ...], why: str) -> None:
    ended = run("events", "import", str(purchases), *options)

    assert ended.exit_code == 2
    assert why in ended.stderr


def test_the_broker_refuses_old_times_again_after_an_error(stage: Stage) -> None:
    importer = Importer(stage.settings, stage.connection.log, stage.encoder, stage.connection.decoder)
    seen: list[str] = []

    def history() -> Iterator[Event]:
        at_ms = 1_000_000_000_000
        yield Event("1", "m1", at_ms, "s", "", {}, MemberEnrolled("", "", ""), at_ms)
        seen.append(oldest_ms(stage))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importer.run(history(), lambda _written: None)

    declared = stage.connection.log.config[RELAXED_BY_IMPORT]
    assert seen != [declared]
    assert oldest_ms(stage) == declared


@pytest.mark.parametrize("size", [1_500_000, 3_000_000], ids=["for the broker", "for the client"])
def test_an_import_that_meets_a_record_too_large_says_how_to_go_on(stage: Stage, size: int) -> None:
    importer = Importer(stage.settings, stage.connection.log, stage.encoder, stage.connection.decoder)
    long = "x" * size

    def history() -> Iterator[Event]:
        at_ms = 1_000_000_000_000
        yield Event("1", "m1", at_ms, "s", "", {}, MemberEnrolled("", "", ""), at_ms)
        yield Event("2", "m1", at_ms, "s", "", {"note": long}, MemberEnrolled("", "", ""), at_ms)

    with pytest.raises(ImportBroken, match="with --force; what is on the log already counts once"):
        importer.run(history(), lambda _written: None)
    assert oldest_ms(stage) == stage.connection.log.config[RELAXED_BY_IMPORT]
