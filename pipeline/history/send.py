"""Sends live events from JSON lines: each line checked before it is sent, every delivery awaited."""

import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.validate import header_fault
from pipeline.history.append import Appender
from pipeline.wire.codec import Encoder, Unencodable
from pipeline.wire.json_events import InvalidEventJson, event_from_json, is_control
from pipeline.wire.times import time_text

DEFAULT_BEHIND_MS: Final = 600_000
DEFAULT_AHEAD_MS: Final = 300_000
MARGIN_MS: Final = 60_000
"""Records this close to the broker's limits are refused here: their batch may reach it later."""

_decode = msgspec.json.Decoder().decode


class BadEvent(Exception):
    """A line that is not sent: `line` from 1, and what is wrong with which field."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        super().__init__(f"line {line}: {why}")


class Sent(NamedTuple):
    """How many lines were sent, and how many were not because something is wrong with them."""

    events: int
    bad: int


class Limits(NamedTuple):
    """How far a record's timestamp may lie behind and ahead of the broker's clock, in ms."""

    behind_ms: int = DEFAULT_BEHIND_MS
    ahead_ms: int = DEFAULT_AHEAD_MS


def send_lines(
    lines: Iterable[bytes],
    encoder: Encoder,
    appender: Appender,
    limits: Limits,
    on_bad: Callable[[BadEvent], None],
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Sent:
    """Send every good line; tell `on_bad`, which may raise, of every other.

    A record is stamped with the line's `recorded_at`, or with now where there is none. The broker refuses a whole batch
    for one timestamp outside its limits, so these are checked here. Empty lines are passed over. Raises NotDelivered.
    """
    events = bad = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event, value = _checked(number, line, encoder, limits, now_ms())
        except BadEvent as error:
            bad += 1
            on_bad(error)
            continue
        appender.append(event.member_id.encode(), value, event.recorded_at_ms)
        events += 1
    appender.flush()
    return Sent(events, bad)


def _checked(number: int, line: bytes, encoder: Encoder, limits: Limits, now_ms: int) -> tuple[Event, bytes]:
    """The event of a line and its encoded form. Raises BadEvent."""
    try:
        content = _decode(line)
        if is_control(content):
            raise BadEvent(number, f"type {content['type']} is written by the pipeline itself and cannot be sent")
        event = event_from_json(content)
        if "recorded_at" not in content:
            event.recorded_at_ms = now_ms
        value = encoder.event(event)
    except msgspec.DecodeError as error:
        raise BadEvent(number, f"is not JSON: {error}") from None
    except (InvalidEventJson, Unencodable) as error:
        raise BadEvent(number, str(error)) from None
    behind_ms = now_ms - event.recorded_at_ms
    if behind_ms > limits.behind_ms - MARGIN_MS or -behind_ms > limits.ahead_ms - MARGIN_MS:
        raise BadEvent(
            number,
            f"recorded_at {time_text(event.recorded_at_ms)} is too far from now, {time_text(now_ms)}, for the log: "
            "leave recorded_at out, or bring history in with `accrue events import`",
        )
    fault = header_fault(event, Horizons())
    if fault is not None:
        raise BadEvent(number, f"would be refused as {fault[0]}: {fault[1]}")
    return event, value
