"""Gives what the wire refused, and what it decoded, to a lane: refusals end in dead-letters, nothing stops the lane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fake_kafka import FakeBroker, FakeReader, FakeTransaction
from fake_store import FakeClock, FakeStore
from fuzz_wire import RECORDED_AT_MS, Wrong

from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated
from pipeline.core.program import Program
from pipeline.core.reasons import DEAD_LETTER_REASONS
from pipeline.core.records import DeadLetter
from pipeline.lane.changelog import Changelog
from pipeline.lane.lane import Lane, LaneSetup
from pipeline.lane.outputs import OutputTopics
from pipeline.lane.ports import Batch, Record
from pipeline.program import compile_bundle, load_program
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.schemas import CommittedSchemas

SHOP = Path(__file__).resolve().parents[2] / "programs" / "shop"
TOPICS = OutputTopics(lambda name: name)
HOUR_MS = 3_600_000
BATCH = 50


class Silent:
    """An observer that is told and says nothing."""

    def restoring(self, progress: object) -> None:
        assert progress is not None

    def opened(self, position: int, restored: object, seconds: float) -> None:
        assert position >= 0

    def waiting(self, why: Exception, seconds: float) -> None:
        raise Wrong(f"the lane waits: {why}")

    def committed(self, records: int, outputs: object, seconds: float) -> None:
        assert records >= 0


class Shop:
    """The one programme."""

    def __init__(self) -> None:
        self.bundle = load_program(SHOP)
        self._program = compile_bundle(self.bundle)

    def program(self, _program_hash: str) -> Program:
        return self._program


def through_a_lane(decoder: Decoder, samples: Mapping[str, Sequence[bytes]]) -> Counter[str]:
    """Dead letters by reason. Raises Wrong where a record that was refused is not among them, or the lane stops."""
    committed, shop = CommittedSchemas(), Shop()
    encoder = Encoder(committed.schema_ids)
    broker = FakeBroker()
    log = broker.log(TOPICS.source, 0)
    activation = ProgramActivated(shop.bundle.hash, RECORDED_AT_MS - HOUR_MS, "fuzz", "")
    log.append(None, encoder.program_activated(activation), RECORDED_AT_MS - 2 * HOUR_MS)
    expected: dict[int, str] = {}
    for reason, values in samples.items():
        for value in values:
            item: object = None
            if reason == "decoded":
                item = decoder.decode(value, RECORDED_AT_MS)
                if isinstance(item, ProgramActivated):
                    continue  # it would be waited for
            offset = log.append(_key(item), value, RECORDED_AT_MS)
            if reason != "decoded":
                expected[offset] = reason
    lane = Lane(
        LaneSetup(0, 1, TOPICS, Changelog(TOPICS.changelog, TOPICS.ids, 0, b"fuzz", HOUR_MS), Horizons()),
        FakeReader(broker), FakeTransaction(broker, "lane", 0), FakeStore({}), FakeClock(RECORDED_AT_MS), shop,
        decoder, encoder, Silent(),
    )  # fmt: skip
    lane.open()
    records = log.read(0, log.end())
    for first in range(0, len(records), BATCH):
        _process(lane, records[first : first + BATCH])
    letters = _letters(broker)
    for offset, reason in expected.items():
        if letters.get(offset) != reason:
            raise Wrong(
                f"the record at {offset} was refused as {reason} and is in dead-letters as {letters.get(offset)}"
            )
    if unknown := set(letters.values()) - DEAD_LETTER_REASONS.keys():
        raise Wrong(f"dead letters have reasons that are not typed: {unknown}")
    for _offset, _timestamp_ms, _no_key, value in broker.log(TOPICS.derived, 0).read(0, 1 << 40):
        event = Decoder(committed).decode(value or b"", 0)
        if isinstance(event, Event) and hasattr(event.payload, "error"):
            raise Wrong(
                f"deciding a decoded event raised, so that member {event.member_id} was stopped: {event.payload!r}"
            )
    return Counter(letters.values())


def _key(item: object) -> bytes | None:
    return item.member_id.encode() if isinstance(item, Event) else None


def _process(lane: Lane, records: list[Record]) -> None:
    start = lane.position
    try:
        lane.process(Batch(records, start, records[-1][0] + 1))
    except Exception as error:
        raise Wrong(f"the lane stopped: {error!r}") from error


def _letters(broker: FakeBroker) -> dict[int, str]:
    """Reason by offset of the record at fault; each once. Raises Wrong."""
    decoder = Decoder(CommittedSchemas())
    found: dict[int, str] = {}
    for _offset, _timestamp_ms, _no_key, value in broker.log(TOPICS.dead_letters, 0).read(0, 1 << 40):
        try:
            letter = decoder.output(value or b"")
        except Undecodable as error:
            raise Wrong(f"a dead letter cannot be decoded: {error}") from error
        assert isinstance(letter, DeadLetter)
        if letter.offset in found:
            raise Wrong(f"the record at {letter.offset} is in dead-letters twice")
        found[letter.offset] = letter.reason
    return found
