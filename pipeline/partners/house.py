"""The house provider's lane step: a command to fulfil is answered at once, on the log."""

from __future__ import annotations

from typing import Final

from pipeline.core.house import HOUSE, house_outcome
from pipeline.core.records import FulfillmentCommand
from pipeline.lane.appender import Append
from pipeline.lane.ports import LaneBroken, LaneFailed, Record
from pipeline.lane.relay import Carry
from pipeline.lane.remedies import unreadable_command
from pipeline.wire.codec import Decoder, Encoder, RegistryUnavailable, Undecodable
from pipeline.wire.partitioner import partition_of

FULFIL: Final = "fulfil"


def answered(decoder: Decoder, encoder: Encoder, partitions: int) -> Carry:
    """Commands become their outcomes on the log, stamped with the log's clock during an import, else with now.

    Other providers' commands are not the house's, and a cancellation comes too late for it: the command that it would
    cancel was confirmed at once. The outcome's id is derived, so a command that is read twice is answered once.
    """

    def carry(record: Record) -> Append | None:
        command = read_command(decoder, record)
        if command.provider != HOUSE or command.action != FULFIL:
            return None
        key = command.member_id.encode()
        return partition_of(key, partitions), key, encoder.event(house_outcome(command)), command.log_time_ms

    return carry


def read_command(decoder: Decoder, record: Record) -> FulfillmentCommand:
    """The command in a record of `reward-fulfillments`. Raises LaneFailed without registry, LaneBroken where there is
    none."""
    offset, _timestamp_ms, _key, value = record
    try:
        command = decoder.output(value or b"")
    except RegistryUnavailable as error:
        raise LaneFailed(f"the registry is needed to read the command at offset {offset}: {error}") from error
    except Undecodable as error:
        raise LaneBroken(
            f"the command at offset {offset} is not readable: {error}", unreadable_command(offset)
        ) from error
    if not isinstance(command, FulfillmentCommand):
        raise LaneBroken(
            f"the record at offset {offset} is a {type(command).__name__}, not a command",
            unreadable_command(offset),
        )
    return command
