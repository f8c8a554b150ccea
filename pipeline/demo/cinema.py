"""The demo's outside provider: a team downstream that takes fulfilment commands and reports what became of them."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, final

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.records import FulfillmentCommand
from pipeline.demo.acts import FAILS, WAITS
from pipeline.history.append import Appender
from pipeline.history.connection import Connection
from pipeline.lane.kafka import new_consumer

SOURCE: Final = "cinema"
PROVIDER: Final = "external"
TOPIC: Final = "reward-fulfillments"
_POLL_S: Final = 0.1


@final
class Cinema:
    """Answers commands in a thread of its own, from the moment it is told that the day's events have been sent.

    Most are confirmed. What is marked as sold out fails; what the member has second thoughts about waits for the
    cancellation. One answer is sent twice, and one is contradicted later: the first word counts.
    """

    def __init__(self, connection: Connection, appender: Appender) -> None:
        self._connection = connection
        self._appender = appender
        self._encoder = connection.encoder()
        self._open = threading.Event()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._reached = [0] * appender.partitions
        self.answers: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="cinema", daemon=True)

    def start(self) -> None:
        """Subscribe."""
        self._thread.start()

    def open(self) -> None:
        """Begin to answer."""
        self._open.set()

    def reached(self, ends: Sequence[int]) -> bool:
        """Whether all commands before these positions are answered."""
        return all(reached >= end for reached, end in zip(self._reached, ends, strict=True))

    def stop(self) -> None:
        """Stop answering. Raises what the thread has failed with."""
        self._stop.set()
        self._open.set()
        self._thread.join()
        self.check()

    def check(self) -> None:
        """Raises what the thread has failed with."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as failure:  # noqa: BLE001 - raised again in the thread that waits
            self._failure = failure

    def _serve(self) -> None:
        settings = self._connection.settings
        topic = self._connection.topics.name(TOPIC)
        consumer = new_consumer(settings, "cinema", {"enable.partition.eof": False})
        try:
            consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(self._appender.partitions)])
            self._open.wait()
            while not self._stop.is_set():
                reached = list(self._reached)
                for message in consumer.consume(500, _POLL_S):
                    value, partition, offset = message.value(), message.partition(), message.offset()
                    if message.error() is not None or value is None or partition is None or offset is None:
                        continue
                    reached[partition] = offset + 1
                    command = self._connection.decoder.output(value)
                    assert isinstance(command, FulfillmentCommand), f"{topic} carries commands"
                    if command.provider == PROVIDER:
                        self._answer(command)
                self._appender.flush()
                self._reached = reached
        finally:
            consumer.close()

    def _answer(self, command: FulfillmentCommand) -> None:
        redemption = command.redemption_id
        if command.action == "cancel":
            self._report(command, "cancelled", "")
        elif command.action != "fulfil":
            return  # an overdue command asks people, not the provider
        elif redemption.startswith(FAILS):
            self._report(command, "failed", "sold out")
        elif not redemption.startswith(WAITS):
            self._report(command, "confirmed", "")
            if not self.answers["repeated"]:
                self._report(command, "confirmed", "", counted_as="repeated")
                self._report(command, "failed", "changed its mind", counted_as="contradicted")

    def _report(self, command: FulfillmentCommand, outcome: str, reason: str, counted_as: str = "") -> None:
        now_ms = time.time_ns() // 1_000_000
        reference = f"ticket-{command.fulfillment_id[:8]}" if outcome == "confirmed" else ""
        payload = FulfillmentOutcome(command.fulfillment_id, command.redemption_id, outcome, reference, reason)
        event = Event(
            # The same outcome under the same id, whenever it is reported: then a repetition is no second one.
            f"{outcome}:{command.fulfillment_id}",
            command.member_id,
            command.recorded_at_ms,
            SOURCE,
            "",
            {},
            payload,
            now_ms,
        )
        self._appender.append(command.member_id.encode(), self._encoder.event(event), now_ms)
        self.answers[counted_as or outcome] += 1
