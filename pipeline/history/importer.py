"""Imports history into the log: in order of time, stamped with it, with the log's time told by ticks as it goes by."""

import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pipeline.core.events import Event
from pipeline.core.payloads import CohortBaselines, ProgramActivated, Tick
from pipeline.history.append import Appender, NotDelivered
from pipeline.history.purchases import DAY_MS
from pipeline.history.relaxed import old_timestamps_taken
from pipeline.lane.kafka import new_admin, new_consumer
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.topic_plan import RELAXED_BY_IMPORT
from pipeline.wire.topics import Topic

SETTING_SPREADS_S: Final = 30.0
"""How long brokers may take to learn that old timestamps are taken."""
PROGRESS_EVERY: Final = 1_000
_REQUEST_S: Final = 30.0
_PAUSE_S: Final = 0.05

OnProgress = Callable[[int], None]
"""Takes the number of events handed to Kafka so far."""


class ImportRefused(Exception):
    """History cannot be imported as things are; nothing was written. The message says why and what would help."""


class ImportBroken(Exception):
    """An import ended before its end; the message says how to go on. Nothing is applied twice by importing again."""


class Imported(NamedTuple):
    """What an import wrote, and how long it took in seconds. Ticks are counted once, not per partition."""

    events: int
    ticks: int
    seconds: float


class Importer:
    """Writes sorted events to the log as the only producer of history. DESIGN: an import runs before live producers do.

    Each event's record is stamped with its `occurred_at`. Before the first event of every day (UTC) on which something
    happened, an import tick stamped with that day's start goes to every partition, so that lanes apply what fell due
    up to then; in the end a live tick stamped with the wall clock follows, and the log is live.
    """

    def __init__(self, settings: Settings, topic: Topic, encoder: Encoder, decoder: Decoder) -> None:
        self._settings = settings
        self._topic = topic
        self._encoder = encoder
        self._decoder = decoder
        self._admin = new_admin(settings)

    def check(self, first_ms: int, last_ms: int) -> None:
        """Raises ImportRefused if history of this span would stand behind later records, or lies ahead of now."""
        now_ms = time.time_ns() // 1_000_000
        if last_ms > now_ms:
            raise ImportRefused(
                f"the last purchase lies {(last_ms - now_ms) / DAY_MS:.1f} days ahead: shift it, --shift-to now"
            )
        for partition, later in self._later_records(first_ms).items():
            if later:
                raise ImportRefused(
                    f"{self._topic.full_name} partition {partition} holds {later} already, later than the first "
                    "purchase to be imported: history comes before live records. Import into a new log, or insist "
                    "with --force, and what is imported is decided after what stands there"
                )

    def run(self, events: Iterable[Event], on_progress: OnProgress) -> Imported:
        """Write `events`, sorted by time. Raises ImportBroken, SettingError, Unencodable.

        Old timestamps are refused again when this returns or raises.
        """
        began_s = time.monotonic()
        written = ticks = 0
        topic = self._topic.full_name
        with old_timestamps_taken(self._admin, topic, self._topic.config):
            appender = Appender(self._settings, topic, self._partitions())
            try:
                today = -1
                for event in events:
                    if event.recorded_at_ms // DAY_MS != today:
                        today = event.recorded_at_ms // DAY_MS
                        self._tick(appender, "import", today * DAY_MS, first=not ticks)
                        ticks += 1
                    appender.append(event.member_id.encode(), self._encoder.event(event), event.recorded_at_ms)
                    written += 1
                    if written % PROGRESS_EVERY == 0:
                        on_progress(written)
                appender.flush()
                self._tick(appender, "live", time.time_ns() // 1_000_000, first=False)
                appender.flush()
            except NotDelivered as error:
                raise ImportBroken(
                    f"{error}. About {written} events were written and no live tick: mend the cause, then import the "
                    "same file to the same time with --force; what is on the log already counts once"
                ) from error
        on_progress(written)
        return Imported(written, ticks + 1, time.monotonic() - began_s)

    def _tick(self, appender: Appender, mode: str, time_ms: int, *, first: bool) -> None:
        value = self._encoder.tick(Tick(mode))
        appender.append_everywhere(value, time_ms)
        if not first:
            return
        # The setting reaches brokers a moment after it was made. The first ticks wait for it; one more does no harm.
        deadline = time.monotonic() + SETTING_SPREADS_S
        while True:
            try:
                appender.flush()
                return
            except NotDelivered as error:
                if error.code != KafkaError.INVALID_TIMESTAMP:
                    raise
                if time.monotonic() > deadline:
                    raise ImportBroken(
                        f"{error}; {RELAXED_BY_IMPORT} was relaxed {SETTING_SPREADS_S:.0f} s ago without effect"
                    ) from error
            time.sleep(_PAUSE_S)
            appender.append_everywhere(value, time_ms)

    def _partitions(self) -> int:
        """How many the log has; the broker's number decides, not the file's."""
        topics = self._admin.list_topics(self._topic.full_name, timeout=_REQUEST_S).topics
        count = len(topics[self._topic.full_name].partitions)
        if not count:
            raise ImportRefused(f"{self._topic.full_name} does not exist: create it with `accrue topics apply`")
        return count

    def _later_records(self, first_ms: int) -> dict[int, str]:
        """By partition the first record from `first_ms` on that is no activation and no baselines, in words; or ""."""
        topic = self._topic.full_name
        places = [TopicPartition(topic, partition, first_ms) for partition in range(self._partitions())]
        consumer = new_consumer(self._settings, f"{self._settings.app_id}-import")
        try:
            found = consumer.offsets_for_times(places, timeout=_REQUEST_S)
        except KafkaException as error:
            raise ImportRefused(f"{topic}: could not be searched for later records ({error})") from error
        finally:
            consumer.close()
        reader = KafkaReader(self._settings)
        try:
            return {
                place.partition: "" if place.offset < 0 else self._first_event(reader, place.partition, place.offset)
                for place in found
            }
        finally:
            reader.close()

    def _first_event(self, reader: KafkaReader, partition: int, start: int) -> str:
        _first, end = reader.bounds(self._topic.full_name, partition)
        for chunk in reader.read(self._topic.full_name, partition, start, end):
            for offset, timestamp_ms, _key, value in chunk:
                what = self._kind(value, timestamp_ms)
                if what:
                    return f"{what} at offset {offset}"
        return ""

    def _kind(self, value: bytes | None, timestamp_ms: int) -> str:
        try:
            record = self._decoder.decode(value or b"", timestamp_ms)
        except Undecodable as error:
            return f"a record that is {error.reason}"
        if isinstance(record, ProgramActivated | CohortBaselines):
            return ""
        return f"a {record.mode} tick" if isinstance(record, Tick) else f"a {record.type_name}"
