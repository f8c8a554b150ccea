"""An exported log is replayed as the lanes took it, and a file that is none is refused."""

from pathlib import Path

import pytest

from pipeline.core.events import Event
from pipeline.core.payloads import (
    Control,
    MemberEnrolled,
    MemberQuarantined,
    PointsAdjusted,
    ProgramActivated,
    QuarantineReleased,
    Tick,
)
from pipeline.core.ports import UnknownProgram
from pipeline.history.log_lines import (
    Footer,
    Header,
    ProgramLine,
    footer_line,
    header_line,
    program_line,
    record_line,
)
from pipeline.history.replay import Letter, NotReplayable, Replay
from pipeline.program import load_program
from pipeline.wire.codec import Undecodable
from pipeline.wire.partitioner import partition_of

SHOP = load_program(Path(__file__).resolve().parents[3] / "programs" / "shop")
HOUR_MS = 3_600_000
PARTITIONS = 2


class LogFile:
    """Writes an exported log line by line, each member's records to the member's partition."""

    def __init__(self) -> None:
        header = Header("member-events", PARTITIONS, [100, 100], "2026-01-01T00:00:00+00:00")
        self.lines = [header_line(header), program_line(ProgramLine(SHOP.hash, SHOP.canonical().decode()))]
        self.at_ms = 1_000 * HOUR_MS
        self._offsets = [0] * PARTITIONS
        self.control(ProgramActivated(SHOP.hash, 1, "me", ""))

    def control(self, control: Control) -> None:
        for partition in range(PARTITIONS):
            self.record(partition, None, control)

    def event(self, member_id: str, event_id: str, payload: object, key: str = "") -> int:
        key = key or member_id
        event = Event(event_id, member_id, self.at_ms, "shop", "", {}, payload, self.at_ms)  # type: ignore[arg-type]
        return self.record(partition_of(member_id.encode(), PARTITIONS), key.encode(), event)

    def record(self, partition: int, key: bytes | None, content: Event | Control | Undecodable) -> int:
        offset = self._offsets[partition]
        self._offsets[partition] += 2  # markers of transactions leave gaps
        self.at_ms += 1_000
        self.lines.append(record_line(partition, (offset, self.at_ms, key, b"?"), content))
        return offset

    def write(self, path: Path) -> Path:
        path.write_bytes(b"".join([*self.lines, footer_line(Footer(len(self.lines) - 2))]))
        return path


def available(replay: Replay, member_id: str) -> int:
    return replay.simulation.result().members[member_id].wallets["points"][0]


def test_a_log_is_replayed_with_its_own_programme(tmp_path: Path) -> None:
    log = LogFile()
    log.event("ann", "1", MemberEnrolled("", "", ""))
    log.event("bob", "1", MemberEnrolled("", "", ""))
    log.event("ann", "2", PointsAdjusted("", 500, "gift", "me"))
    log.control(Tick("live"))

    replay = Replay(log.write(tmp_path / "log.jsonl"))
    replay.run()

    assert (available(replay, "ann"), available(replay, "bob")) == (520, 20)
    assert replay.types == {"member_enrolled": 2, "points_adjusted": 1, "tick": 2, "program_activated": 2}
    assert replay.letters == []
    assert replay.last_ms == log.at_ms


def test_records_that_reach_no_engine_are_dead_letters_as_on_the_lane(tmp_path: Path) -> None:
    log = LogFile()
    partition = partition_of(b"ann", PARTITIONS)
    under_wrong_key = log.event("ann", "1", MemberEnrolled("", "", ""), key="bob")
    raw = log.record(partition, b"ann", Undecodable("unknown_schema", "no schema 9"))

    replay = Replay(log.write(tmp_path / "log.jsonl"))
    replay.run()

    assert [(letter.partition, letter.offset, letter.reason) for letter in replay.letters] == [
        (partition, under_wrong_key, "wrong_partition"),
        (partition, raw, "unknown_schema"),
    ]
    assert replay.letters[1] == Letter(partition, raw, "unknown_schema", "no schema 9")
    assert replay.simulation.result().members == {}


def test_who_was_quarantined_is_quarantined_again_at_the_same_record(tmp_path: Path) -> None:
    log = LogFile()
    log.event("ann", "1", MemberEnrolled("", "", ""))
    log.event("ann", "2", PointsAdjusted("", 500, "gift", "me"))
    log.event("ann", "3", PointsAdjusted("", 70, "gift", "me"))
    log.event("ann", "4", MemberQuarantined("2", "shop", 3, "RuntimeError: boom", ""))
    parked = log.lines[:]
    log.event("ann", "5", QuarantineReleased("me", "mended"))
    released = log.lines

    replays = []
    for lines in (parked, released):
        log.lines = lines
        replay = Replay(log.write(tmp_path / "log.jsonl"))
        replay.run()
        replays.append(replay)

    assert [available(replay, "ann") for replay in replays] == [20, 590]


def test_a_programme_that_is_missing_or_changed_is_named(tmp_path: Path) -> None:
    log = LogFile()
    without = log.lines[:1] + log.lines[2:]
    forged = program_line(ProgramLine(SHOP.hash, SHOP.canonical().decode().replace("welcome", "welcomf")))
    for lines, why in ((without, "does not hold it"), ([log.lines[0], forged, *log.lines[2:]], "its content has hash")):
        log.lines = lines
        replay = Replay(log.write(tmp_path / "log.jsonl"))
        with pytest.raises(UnknownProgram, match=why):
            replay.run()


def test_files_that_are_no_whole_log_are_refused(tmp_path: Path) -> None:
    log = LogFile()
    path = log.write(tmp_path / "log.jsonl")
    whole = path.read_bytes().splitlines(keepends=True)

    def refused(*lines: bytes) -> str:
        path.write_bytes(b"".join(lines))
        with pytest.raises(NotReplayable) as caught:
            Replay(path).run()
        return str(caught.value)

    assert "is empty" in refused()
    assert "line 1: expected the header" in refused(*whole[1:])
    assert "is cut off after line 3" in refused(*whole[:3])
    assert "line 3: is not JSON" in refused(*whole[:2], b"{...\n", *whole[2:])
    assert "stands out of order, or twice" in refused(*whole[:3], whole[2], *whole[3:])
