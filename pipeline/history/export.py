"""Exports the log as JSON lines: every committed record up to its end as it is when the export starts."""

from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.core.events import Event
from pipeline.core.payloads import Control
from pipeline.history.log_lines import Footer, Header, ProgramLine, footer_line, header_line, program_line, record_line
from pipeline.lane.kafka import new_admin, partition_counts
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.topics import LOG, Topics

OnProgress = Callable[[int, int], None]
"""Takes (positions of the log behind it, positions in all)."""


class NoLog(Exception):
    """The cluster has no such log; the message says what to do."""


def export_log(
    settings: Settings, topics: Topics, decoder: Decoder, write: Callable[[bytes], object], on_progress: OnProgress
) -> int:
    """Write the log's lines, partition by partition in order of offset; returns the number of records.

    Needs memory for a chunk of records, not for the log. Raises NoLog, LaneFailed while Kafka does not answer, and
    RegistryUnavailable.
    """
    topic = topics.name(LOG)
    partitions = partition_counts(new_admin(settings)).get(topic, 0)
    if not partitions:
        raise NoLog(f"{topic} does not exist: create it with `accrue topics apply`")
    reader = KafkaReader(settings)
    try:
        bounds = [reader.bounds(topic, partition) for partition in range(partitions)]
        ends = [end for _start, end in bounds]
        write(header_line(Header(topic, partitions, ends, datetime.now(UTC).isoformat(timespec="seconds"))))
        # After the ends: whatever a record names was published before it.
        for program in _programs(reader, topics.name("programs")):
            write(program_line(program))
        records = behind = 0
        in_all = sum(end - start for start, end in bounds)
        for partition, (start, end) in enumerate(bounds):
            for chunk in reader.read(topic, partition, start, end):
                for record in chunk:
                    write(record_line(partition, record, _content(decoder, record[3], record[1])))
                records += len(chunk)
                on_progress(behind + chunk[-1][0] + 1 - start, in_all)
            behind += end - start
        write(footer_line(Footer(records)))
        on_progress(in_all, in_all)
        return records
    finally:
        reader.close()


def _programs(reader: KafkaReader, topic: str) -> list[ProgramLine]:
    """Every published programme, once."""
    start, end = reader.bounds(topic, 0)
    bundles: dict[str, str] = {}
    for chunk in reader.read(topic, 0, start, end):
        for _offset, _timestamp_ms, key, value in chunk:
            if key is not None and value is not None:
                bundles[key.decode()] = value.decode()
    return [ProgramLine(program_hash, bundle) for program_hash, bundle in bundles.items()]


def _content(decoder: Decoder, value: bytes | None, timestamp_ms: int) -> Event | Control | Undecodable:
    try:
        return decoder.decode(value or b"", timestamp_ms)
    except Undecodable as error:
        return error
