"""Where an explanation gets its records from: an exported log, a file of events, or the member's partition in Kafka."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from pipeline.core.events import Event
from pipeline.core.ports import UnknownProgram
from pipeline.history.connection import Connection
from pipeline.history.explanation import Explained, LogRecord, WatchedPrograms, explain_records, explained
from pipeline.history.log_lines import BadLine, Header, ProgramLine, RecordLine, read_line
from pipeline.history.replay import NotReplayable
from pipeline.history.what_if import what_if
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.published import published
from pipeline.program import Bundle
from pipeline.wire.codec import Undecodable
from pipeline.wire.json_events import event_from_json
from pipeline.wire.topics import LOG

LOG_BEGINS: Final = b'{"log"'

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def is_exported_log(path: Path) -> bool:
    """Whether a file begins as `accrue log export` writes it."""
    with path.open("rb") as file:
        return file.read(len(LOG_BEGINS)) == LOG_BEGINS


def explain_in_log(path: Path, event_id: str, member_id: str | None, instead: Bundle | None) -> list[Explained]:
    """What the events of this id came to, of one member or of all, by an exported log.

    `instead` decides in place of every programme that the log names. Raises NotReplayable, UnknownProgram, OSError.
    """
    bundles: dict[str, str] = {}
    members: set[tuple[int, str]] = set()
    wanted = _encode(event_id)
    for line in _lines(path, lambda text: wanted in text or text.startswith(b'{"program"')):
        match line:
            case ProgramLine(program_hash, bundle):
                bundles[program_hash] = bundle
            case RecordLine(partition=partition, content=Event() as event) if event.event_id == event_id:
                if member_id is None or event.member_id == member_id:
                    members.add((partition, event.member_id))
    found: list[Explained] = []
    for partition, each in sorted(members):
        records = _member_records(path, partition, each)
        found += explain_records(records, _bundles(bundles, instead), event_id, relay=False)
    return found


def _member_records(path: Path, partition: int, member_id: str) -> Iterator[LogRecord]:
    """The member's records and the control records of a partition, in order."""
    own = _encode(member_id)
    for line in _lines(path, lambda text: own in text or b'"control"' in text):
        if isinstance(line, RecordLine) and line.partition == partition and not isinstance(line.content, Undecodable):
            if isinstance(line.content, Event) and not _is_of(line.content, line.key, member_id):
                continue
            yield line.offset, line.timestamp_ms, line.content


def _is_of(event: Event, key: bytes | None, member_id: str) -> bool:
    """Whether the lane takes the record as the member's: one under another key is a dead letter."""
    return event.member_id == member_id and key == member_id.encode()


def _lines(path: Path, keep: Callable[[bytes], bool]) -> Iterator[object]:
    """What the lines say that are worth reading. Raises NotReplayable."""
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            if number == 1 or keep(text):
                try:
                    line = read_line(text)
                except BadLine as error:
                    raise NotReplayable(f"{path} line {number}: {error}") from None
                if number == 1 and not isinstance(line, Header):
                    raise NotReplayable(f"{path} line 1: expected the header of an exported log")
                yield line


def _bundles(texts: dict[str, str], instead: Bundle | None) -> Callable[[str], Bundle]:
    def bundle(program_hash: str) -> Bundle:
        if instead is not None:
            return instead
        if program_hash not in texts:
            raise UnknownProgram(f"the log names program {program_hash}, and the file does not hold it: export anew")
        return Bundle.from_bytes(texts[program_hash].encode())

    return bundle


def explain_in_events(path: Path, event_id: str, member_id: str | None, bundle: Bundle) -> list[Explained]:
    """What the events of this id would come to, by a file of events as `accrue simulate` takes it, under a programme.

    Raises BadEventLine.
    """
    programs = WatchedPrograms(lambda _hash: bundle, event_id)
    with path.open("rb") as lines:
        simulation = what_if(programs.program(bundle.hash), lines)
    events: dict[tuple[str, str], Event] = {}
    wanted = _encode(event_id)
    with path.open("rb") as lines:
        for text in lines:
            content = _decode(text) if wanted in text or b"\\u" in text else None
            if isinstance(content, dict) and content.get("event_id") == event_id:
                event = event_from_json(content)
                if member_id is None or event.member_id == member_id:
                    events.setdefault((event.member_id, event.source), event)
    return explained(simulation.journal(0), events, programs)


def explain_in_kafka(connection: Connection, partition: int, member_id: str, event_id: str) -> list[Explained]:
    """What the member's events of this id came to, by the member's records in a partition of the log.

    Reads the partition once. Raises LaneFailed while Kafka does not answer, RegistryUnavailable, UnknownProgram, and
    NotReplayable where the beginning of the log is gone.
    """
    settings, topics = connection.settings, connection.topics
    bundles = {each.program_hash: each.content.decode() for each in published(settings, topics)}
    key, topic = member_id.encode(), topics.name(LOG)
    records: list[LogRecord] = []
    with closing(KafkaReader(settings)) as reader:
        first, end = reader.bounds(topic, partition)
        if first:
            raise NotReplayable(f"{topic}/{partition} begins at {first}: what came before is gone")
        for chunk in reader.read(topic, partition, first, end):
            for offset, timestamp_ms, record_key, value in chunk:
                if record_key is None or record_key == key:
                    try:
                        content = connection.decoder.decode(value or b"", timestamp_ms)
                    except Undecodable:
                        continue  # a dead letter, which changes no member
                    if not isinstance(content, Event) or content.member_id == member_id:
                        records.append((offset, timestamp_ms, content))
    return explain_records(records, _bundles(bundles, None), event_id, relay=False)
