"""The exported log's lines say everything that the records said, and bad lines are refused with the reason."""

import json

import pytest

from pipeline.core.events import Event
from pipeline.core.payloads import CustomEvent, Line, MemberQuarantined, ProgramActivated, Tick, TransactionCompleted
from pipeline.history.log_lines import (
    BadLine,
    Footer,
    Header,
    ProgramLine,
    RecordLine,
    footer_line,
    header_line,
    program_line,
    read_line,
    record_line,
)
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.schemas import CommittedSchemas

ORDER_LINE = Line("1", "cd", "", 2, 1_000)
EVENTS = {
    "every field": Event(
        "e-1", "mé|1", 1_000, "shop", "00-ab-cd-01", {"gift": "yes", "": ""},
        TransactionCompleted("o-1", 1_177, "USD", "web", "s-1", "SE", [ORDER_LINE, Line("2", "x", "c", 1, -5)]), 2_000,
    ),
    "defaults": Event("e-2", "m1", 2_000, "shop", "", {}, TransactionCompleted("o-1", 0, "", "", "", "", []), 2_000),
    "numbers beyond floats": Event("e-3", "m1", 5, "s", "", {}, CustomEvent("n", {"a": 2**63 - 1, "b": -(2**63)}), 5),
    "times beyond calendars": Event("e-4", "m1", 2**62, "s", "", {}, CustomEvent("n", {}), -5),
    "control characters": Event("e\n\x00\u2028", "m1", 7, "\U0001f600", "", {}, CustomEvent("n", {}), 8),
    "the pipeline's own": Event("e-5", "m1", 7, "accrue", "", {}, MemberQuarantined("e-1", "shop", 9, "boom", ""), 8),
}  # fmt: skip


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    schemas = CommittedSchemas()
    value = Encoder(schemas.schema_ids).event(event)
    decoded = Decoder(schemas).decode(value, event.recorded_at_ms)
    assert isinstance(decoded, Event)
    key = event.member_id.encode()

    line = record_line(3, (17, event.recorded_at_ms, key, value), decoded)

    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert read_line(line) == RecordLine(3, 17, event.recorded_at_ms, key, event, None)


def test_control_records_come_back_as_they_were() -> None:
    activation = ProgramActivated("ab" * 32, 1_000, "me", "first")
    for control in (Tick("live"), Tick("import"), activation):
        assert read_line(record_line(0, (4, 9_000, None, b"..."), control)) == RecordLine(
            0, 4, 9_000, None, control, None
        )


@pytest.mark.parametrize("value", [None, b"", b"\xff\x00bytes"])
@pytest.mark.parametrize("key", [None, b"", b"m1", b"\xff\xfe"])
def test_what_is_no_event_comes_back_byte_for_byte(key: bytes | None, value: bytes | None) -> None:
    line = read_line(record_line(1, (2, 3_000, key, value), Undecodable("not_avro", "the value is empty")))

    assert isinstance(line, RecordLine)
    assert line._replace(content=Tick("live")) == RecordLine(1, 2, 3_000, key, Tick("live"), value)
    assert isinstance(line.content, Undecodable)
    assert (line.content.reason, line.content.detail) == ("not_avro", "the value is empty")


def test_header_and_programs_come_back_as_they_were() -> None:
    header = Header("member-events", 4, [1, 2, 3, 4], "2026-01-01T00:00:00+00:00")
    program = ProgramLine("ab" * 32, '{"files":{"program.yaml":"x: \\"1\\"\\n"}}')

    assert read_line(header_line(header)) == header
    assert read_line(program_line(program)) == program
    assert read_line(footer_line(Footer(17))) == Footer(17)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "expected a JSON object"),
        (b'{"partition": 0}', "'timestamp' is missing"),
        (b'{"log": {"format": 99}}', "log.format is 99, and only 1 is known"),
        (b'{"partition":0,"offset":1,"timestamp":2,"raw":"%%","reason":"x","detail":""}', "no line of an exported log"),
        (b'{"partition":0,"offset":1,"timestamp":2,"key":"m","event":{"type":"nope"}}', "event_id is missing"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(line: bytes, why: str) -> None:
    with pytest.raises(BadLine, match=why):
        read_line(line)


def test_lines_are_plain_json_with_events_as_they_are_sent() -> None:
    event = EVENTS["every field"]

    line = json.loads(record_line(0, (1, event.recorded_at_ms, b"x", b""), event))

    assert line["event"]["type"] == "transaction_completed"
    assert line["event"]["occurred_at"] == "1970-01-01T00:00:01Z"
    assert line["key"] == "x"
