"""What the fulfilment lanes of a worker share: programmes, calls, and the log of attempts with what goes there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, final

from pipeline.core.house import NOT_PARTNERS
from pipeline.core.records import FulfillmentAttempt, PartnerOrder
from pipeline.lane.appender import Append, LogAppender
from pipeline.lane.context import LaneContext
from pipeline.lane.ports import Record
from pipeline.partners.house import answered, read_command
from pipeline.partners.pool import CallPool
from pipeline.partners.programs import PartnerPrograms
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.partitioner import partition_of

ATTEMPTS: Final = "fulfillment-attempts"
CHANGELOG: Final = "fulfillment-changelog"
CLOSE_SECONDS: Final = 5.0

Routed = tuple[bool, Append]
"""Whether it goes to the log of attempts, else to that of members; and what goes there."""


@final
class Desk:
    """Made once by a worker. Its lanes may be of any partition."""

    def __init__(self, context: LaneContext) -> None:
        self.context = context
        self.attempts = context.topic(ATTEMPTS)
        self.changelog = context.topic(CHANGELOG)
        self.programs = PartnerPrograms(context.program_reader, context.topic("programs"))
        self._appender = LogAppender(context.settings, self.attempts)
        self.pool = CallPool(self.report)

    def close(self) -> None:
        """Calls under way are waited for, a few seconds; their results go to the log."""
        self.pool.close(CLOSE_SECONDS)
        self._appender.close()
        self.programs.close()

    def report(self, attempts: Iterable[FulfillmentAttempt]) -> None:
        """Put results of calls on the log. Raises LaneFailed."""
        encode, partitions = self.context.encoder.fulfillment_attempt, self.context.partitions
        records: list[Append] = []
        for attempt in attempts:
            key = attempt.fulfillment_id.encode()
            records.append((partition_of(key, partitions), key, encode(attempt), 0))
        self._appender.append(records)

    def carry(self) -> Callable[[Record], Routed | None]:
        """What becomes of a record of `reward-fulfillments`: the house answers, what is for a partner is passed on
        under the fulfilment's id, for that is all that a callback knows; and `external` is for others to read.
        """
        return routed(self.context.decoder, self.context.encoder, self.context.partitions)

    def append(self, routed: list[Routed]) -> None:
        """Put what `carry` made where it belongs. Raises LaneFailed; then some may be there already."""
        self._appender.append([append for to_attempts, append in routed if to_attempts])
        self.context.append([append for to_attempts, append in routed if not to_attempts])


def routed(decoder: Decoder, encoder: Encoder, partitions: int) -> Callable[[Record], Routed | None]:
    """What becomes of commands. Those of an imported history are passed on to nobody: what was given years ago must
    not be ordered again, and the history has its outcomes itself.
    """
    of_house = answered(decoder, encoder, partitions)

    def carry(record: Record) -> Routed | None:
        command = read_command(decoder, record)
        if command.provider in NOT_PARTNERS:
            outcome = of_house(record)
            return None if outcome is None else (False, outcome)
        if command.log_time_ms:
            return None
        key = command.fulfillment_id.encode()
        return True, (partition_of(key, partitions), key, record[3] or b"", 0)

    return carry


def orders_for(order: PartnerOrder, value: bytes, partitions: int) -> list[Append]:
    """The records of an order: one for a fulfilment, else one for every lane."""
    if order.fulfillment_id:
        key = order.fulfillment_id.encode()
        return [(partition_of(key, partitions), key, value, 0)]
    return [(partition, None, value, 0) for partition in range(partitions)]
