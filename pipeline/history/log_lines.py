"""The exported log's lines: a header, the programmes it names, every record of every partition losslessly, an end.

    {"log": {"format", "topic", "partitions", "ends", "exported_at"}}
    {"program": {"hash", "bundle"}}                                       the bundle's canonical text
    {"partition", "offset", "timestamp", "key", "event": {...}}           as `accrue events send` takes events
    {"partition", "offset", "timestamp", "control": {...}}
    {"partition", "offset", "timestamp", "key", "raw", "reason", "detail"}    what is no event of ours, as base64
    {"end": {"records"}}                                                  how many records there were

`timestamp` is in ms since 1970 UTC. A key that is no UTF-8 text stands as `key_base64`; without key there is neither.
"""

import base64
import binascii
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.core.events import Event
from pipeline.core.payloads import Control
from pipeline.lane.ports import Record
from pipeline.wire.codec import Undecodable
from pipeline.wire.json_events import (
    InvalidEventJson,
    control_from_json,
    control_to_json,
    event_from_json,
    event_to_json,
)

FORMAT: Final = 1

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class BadLine(Exception):
    """A line that is none of an exported log; the message says what is wrong with it."""


class Header(NamedTuple):
    """Where an export comes from; `ends` are the positions it reaches, by partition."""

    topic: str
    partitions: int
    ends: list[int]
    exported_at: str


class ProgramLine(NamedTuple):
    """A published programme: `bundle` is its canonical text."""

    program_hash: str
    bundle: str


class RecordLine(NamedTuple):
    """One record of the log. `content` is what it decodes to, or why it does not; `raw` its value then, else None."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    content: Event | Control | Undecodable
    raw: bytes | None


class Footer(NamedTuple):
    """The last line: without it the file was cut off."""

    records: int


Line = Header | ProgramLine | RecordLine | Footer


def header_line(header: Header) -> bytes:
    """The first line, with its end of line, as all."""
    return _line({"log": {"format": FORMAT, **header._asdict()}})


def program_line(program: ProgramLine) -> bytes:
    return _line({"program": {"hash": program.program_hash, "bundle": program.bundle}})


def record_line(partition: int, record: Record, content: Event | Control | Undecodable) -> bytes:
    """A record's line; `content` is what the record decodes to."""
    offset, timestamp_ms, key, value = record
    line: dict[str, Any] = {"partition": partition, "offset": offset, "timestamp": timestamp_ms}
    if key is not None:
        try:
            line["key"] = key.decode()
        except UnicodeDecodeError:
            line["key_base64"] = base64.b64encode(key).decode()
    if isinstance(content, Event):
        line["event"] = event_to_json(content)
    elif isinstance(content, Undecodable):
        line["raw"] = None if value is None else base64.b64encode(value).decode()
        line["reason"] = content.reason
        line["detail"] = content.detail
    else:
        line["control"] = control_to_json(content, timestamp_ms)
    return _line(line)


def footer_line(footer: Footer) -> bytes:
    return _line({"end": footer._asdict()})


def read_line(text: bytes) -> Line:
    """What a line says. Raises BadLine."""
    try:
        line = _decode(text)
        if not isinstance(line, dict):
            raise BadLine(f"expected a JSON object, found {line!r}")
        if "log" in line:
            return _header(line["log"])
        if "program" in line:
            return ProgramLine(line["program"]["hash"], line["program"]["bundle"])
        if "end" in line:
            return Footer(line["end"]["records"])
        return _record(line)
    except msgspec.DecodeError as error:
        raise BadLine(f"is not JSON ({error})") from None
    except InvalidEventJson as error:
        raise BadLine(str(error)) from None
    except KeyError as error:
        raise BadLine(f"{error} is missing") from None
    except (TypeError, binascii.Error) as error:
        raise BadLine(f"is no line of an exported log ({error})") from None


def _header(content: dict[str, Any]) -> Header:
    if content["format"] != FORMAT:
        raise BadLine(f"log.format is {content['format']!r}, and only {FORMAT} is known: export with this version")
    return Header(content["topic"], content["partitions"], content["ends"], content["exported_at"])


def _record(line: dict[str, Any]) -> RecordLine:
    timestamp_ms: int = line["timestamp"]
    key: bytes | None = None
    if "key" in line:
        key = line["key"].encode()
    elif "key_base64" in line:
        key = base64.b64decode(line["key_base64"], validate=True)
    raw: bytes | None = None
    content: Event | Control | Undecodable
    if "event" in line:
        content = event_from_json(line["event"])
        content.recorded_at_ms = timestamp_ms
    elif "control" in line:
        content, _recorded_at_ms = control_from_json(line["control"])
    else:
        content = Undecodable(line["reason"], line["detail"])
        raw = None if line["raw"] is None else base64.b64decode(line["raw"], validate=True)
    return RecordLine(line["partition"], line["offset"], timestamp_ms, key, content, raw)


def _line(content: dict[str, Any]) -> bytes:
    return _encode(content) + b"\n"
