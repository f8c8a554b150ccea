"""Live events on a real broker, and the log exported again: what was sent is what is there, nothing is lost."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.payloads import MemberEnrolled
from pipeline.demo.acts import whole_day
from pipeline.demo.script import Script
from pipeline.demo.stage import Stage
from pipeline.history.append import Appender
from pipeline.history.log_lines import Footer, Header, ProgramLine, RecordLine, read_line
from pipeline.history.replay import Replay
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.program import load_program
from pipeline.wire.partitioner import partition_of

pytestmark = pytest.mark.kafka
SHOP = load_program(Path(__file__).resolve().parents[3] / "programs" / "shop")
NOW = datetime.now(UTC)


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=text, catch_exceptions=False)


def line(number: int, **changes: object) -> str:
    event = {
        "event_id": f"e-{number}", "type": "transaction_completed", "member_id": f"m-{number}", "source": "till",
        "occurred_at": (NOW - timedelta(days=1)).isoformat(),
        "data": {"order_id": f"o-{number}", "amount_minor": 1250, "currency": "EUR"},
    }  # fmt: skip
    return json.dumps({**event, **changes}) + "\n"


def exported(tmp_path: Path) -> list[Header | ProgramLine | RecordLine | Footer]:
    path = tmp_path / "log.jsonl"
    assert run("log", "export", "--out", str(path)).exit_code == 0
    return [read_line(text) for text in path.read_bytes().splitlines()]


def test_good_lines_are_sent_to_their_members_partition_and_stamped_now(environment: Stage, tmp_path: Path) -> None:
    began_ms = time.time() * 1000
    ended = run("events", "send", "-", "--json", text="".join([line(1), "\n", line(2), line(3)]))
    ended_ms = time.time() * 1000

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout) == {"sent": 3, "bad": 0}
    records = [found for found in exported(tmp_path) if isinstance(found, RecordLine)]
    assert sorted(r.content.event_id for r in records if isinstance(r.content, Event)) == ["e-1", "e-2", "e-3"]
    for record in records:
        assert record.key is not None and isinstance(record.content, Event)
        assert record.partition == partition_of(record.key, environment.partitions)
        assert began_ms - 1 <= record.timestamp_ms <= ended_ms
        assert record.content.occurred_at_ms == pytest.approx(NOW.timestamp() * 1000 - 86_400_000, abs=1)


BAD = {
    "is not JSON": "{\n",
    "type: 'purchase' is no type of event": line(1, type="purchase"),
    "event_id is missing": '{"type": "profile_changed"}\n',
    "data.amount_minor: expected a whole number": line(
        1, data={"order_id": "o", "amount_minor": "5", "currency": "EUR"}
    ),
    "type tick is written by the pipeline itself": '{"type": "tick", "recorded_at": "2026-01-01T00:00:00Z"}\n',
    "recorded_at 2020-01-01T00:00:00Z is too far from now": line(1, recorded_at="2020-01-01T00:00:00Z"),
    "would be refused as occurred_in_future": line(1, occurred_at=(NOW + timedelta(days=2)).isoformat()),
    "would be refused as malformed": line(1, member_id="a|b"),
}


def test_bad_lines_are_named_and_good_ones_sent(environment: Stage, tmp_path: Path) -> None:
    ended = run("events", "send", "-", text="".join([line(1), *BAD.values(), line(2)]))

    assert ended.exit_code == 1
    told = ended.stderr.splitlines()
    for number, why in enumerate(BAD, start=2):
        assert any(said.startswith(f"line {number}: ") and why in said for said in told), (why, told)
    assert f"{len(BAD)} bad lines were left out" in ended.stderr
    assert len([found for found in exported(tmp_path) if isinstance(found, RecordLine)]) == 2


def test_the_export_loses_nothing(environment: Stage, tmp_path: Path) -> None:
    """Every kind of record there is, undecodable ones too, comes back byte for byte or as the same value."""
    stage = environment
    stage.publish(SHOP, 1)
    now_ms = int(time.time() * 1000)
    script = Script(stage.encoder, stage.partitions, now_ms)
    whole_day(script, [], SHOP.hash)
    script.raw(0, None, b"", "dead letter: not_avro")
    script.raw(0, b"\xff", b"\x01", "dead letter: not_avro")
    script.send(Appender(stage.settings, stage.connection.log.full_name, stage.partitions), now_ms)

    header, program, *records, footer = exported(tmp_path)

    assert isinstance(header, Header) and header.partitions == stage.partitions
    assert program == ProgramLine(SHOP.hash, SHOP.canonical().decode())
    assert footer == Footer(len(records))
    reader = KafkaReader(stage.settings)
    there = [
        (partition, *record)
        for partition in range(stage.partitions)
        for chunk in reader.read(
            stage.connection.log.full_name, partition, *reader.bounds(stage.connection.log.full_name, partition)
        )
        for record in chunk
    ]
    reader.close()
    assert len(there) == len(records) == len(script.steps) + stage.partitions
    for (partition, offset, timestamp_ms, key, value), found in zip(there, records, strict=True):
        assert isinstance(found, RecordLine)
        assert (found.partition, found.offset, found.timestamp_ms, found.key) == (partition, offset, timestamp_ms, key)
        if found.raw is not None:
            assert found.raw == value
        elif isinstance(found.content, Event):
            assert found.content == stage.connection.decoder.decode(value or b"", timestamp_ms)


def test_the_export_goes_to_stdout_and_holds_only_what_was_there(environment: Stage, tmp_path: Path) -> None:
    assert run("events", "send", "-", text=line(1)).exit_code == 0

    first = run("log", "export")
    assert run("events", "send", "-", text=line(2)).exit_code == 0

    (tmp_path / "log.jsonl").write_bytes(first.stdout_bytes)
    replay = Replay(tmp_path / "log.jsonl")
    assert [r.content.event_id for r in replay.records() if isinstance(r.content, Event)] == ["e-1"]


def test_a_missing_log_is_said_plainly(environment: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACCRUE_TOPIC_PREFIX", f"{environment.settings.topic_prefix}nowhere.")
    out = tmp_path / "log.jsonl"

    ended = run("log", "export", "--out", str(out))

    assert ended.exit_code == 1
    assert "does not exist: create it with `accrue topics apply`" in ended.stderr
    assert list(tmp_path.glob("log.jsonl*")) == []


def test_an_enrolment_is_an_event_like_any_other(environment: Stage, tmp_path: Path) -> None:
    assert run("events", "send", "-", text=line(1, type="member_enrolled", data={"country": "NL"})).exit_code == 0

    (record,) = [found for found in exported(tmp_path) if isinstance(found, RecordLine)]
    assert isinstance(record.content, Event)
    assert record.content.payload == MemberEnrolled("NL", "", "")
