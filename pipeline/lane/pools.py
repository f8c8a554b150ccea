"""The pools' lane: requests in, answers out, and the state of pools in a table of its own."""

from __future__ import annotations

import struct
from typing import Final, Protocol, TypeVar, final

import msgspec

from pipeline.core import reasons
from pipeline.core.events import Event
from pipeline.core.fraud_habits import Notes
from pipeline.core.pools import (
    GIVEN,
    HERE,
    UNKNOWN,
    Pool,
    PoolTuple,
    answer_event,
    balance,
    decide,
    is_told,
    request_fault,
)
from pipeline.core.records import PoolBalance, PoolRequest
from pipeline.lane.letters import LetterEncoder, Letters
from pipeline.lane.outputs import LOG_TIME_HEADER, OutputTopics
from pipeline.lane.ports import LaneBroken, Record
from pipeline.lane.remedies import another_version
from pipeline.lane.table import Outbox, Table
from pipeline.wire.codec import Undecodable
from pipeline.wire.partitioner import partition_of

POOL: Final = b"p"  # + pool id: the packed pool
CODE: Final = b"c"  # + length of the pool id (2) + pool id + number (8): a code that can be given
STATUS: Final = b"s"  # + length of the pool id (2) + pool id + code: how it stands
NOTES: Final = b"n"  # + length of the pool id (2) + pool id + name: what a fraud signal's pool keeps under it
VERSION: Final = 2

T = TypeVar("T")
_LENGTH: Final = struct.Struct(">H")
_NUMBER: Final = struct.Struct(">Q")
_STATUS: Final = {HERE: b"h", GIVEN: b"g"}
_STATUS_OF: Final = {value: status for status, value in _STATUS.items()}
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(tuple[int, PoolTuple])
_notes_decoder: Final = msgspec.msgpack.Decoder(tuple[int, Notes])


class PoolDecoder(Protocol):
    """The part of `pipeline.wire.codec.Decoder` that a pools' lane reads with."""

    def output(self, value: bytes, /) -> object: ...


class PoolEncoder(LetterEncoder, Protocol):
    """The part of `pipeline.wire.codec.Encoder` that a pools' lane writes with."""

    def event(self, event: Event, /) -> bytes: ...
    def pool_balance(self, balance: PoolBalance, /) -> bytes: ...


@final
class TablePools:
    """Implements `pipeline.core.pools.PoolState` over a lane's table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def pool(self, pool_id: str) -> Pool:
        packed = self._table.get(POOL + pool_id.encode())
        return Pool() if packed is None else unpack_pool(packed)

    def put_pool(self, pool_id: str, pool: Pool) -> None:
        self._table.put(POOL + pool_id.encode(), pack_pool(pool))

    def code_status(self, pool_id: str, code: str) -> str:
        return _STATUS_OF.get(self._table.get(_key(STATUS, pool_id) + code.encode()) or b"", UNKNOWN)

    def put_code_status(self, pool_id: str, code: str, status: str) -> None:
        self._table.put(_key(STATUS, pool_id) + code.encode(), _STATUS[status])

    def take_code(self, pool_id: str, number: int) -> str:
        key = _key(CODE, pool_id) + _NUMBER.pack(number)
        code = self._table.get(key)
        assert code is not None, f"pool {pool_id} has no code {number}"
        self._table.delete(key)
        return code.decode()

    def put_code(self, pool_id: str, number: int, code: str) -> None:
        self._table.put(_key(CODE, pool_id) + _NUMBER.pack(number), code.encode())

    def notes(self, pool_id: str, name: str) -> Notes:
        packed = self._table.get(_key(NOTES, pool_id) + name.encode())
        return {} if packed is None else unpack_notes(packed)

    def put_notes(self, pool_id: str, name: str, notes: Notes) -> None:
        self._table.put(_key(NOTES, pool_id) + name.encode(), _encoder.encode((VERSION, notes)))


@final
class PoolsCore:
    """Implements `pipeline.lane.table_lane.Core`: answers requests of one partition's pools."""

    def __init__(
        self,
        topics: OutputTopics,
        partition: int,
        partitions: int,
        decoder: PoolDecoder,
        encoder: PoolEncoder,
        table: Table,
        out: Outbox,
    ) -> None:
        self._topics = topics
        self._partition = partition
        self._partitions = partitions
        self._decoder = decoder
        self._encoder = encoder
        self._pools = TablePools(table)
        self._out = out
        self._letters = Letters(out, encoder, topics.pool_requests, partition, topics.dead_letters)
        self._changed: dict[str, tuple[int, int]] = {}  # pool id -> offset and timestamp of the record

    def apply(self, record: Record) -> None:
        """Decide one request, or put it aside with its reason. Raises RegistryUnavailable, LaneBroken."""
        offset, timestamp_ms, key, value = record
        try:
            request = self._decoder.output(value or b"")
        except Undecodable as error:
            self._letters.put_aside(record, error.reason, error.detail)
            return
        if not isinstance(request, PoolRequest):
            self._letters.put_aside(
                record, reasons.UNKNOWN_TYPE, f"{type(request).__name__} is no request: send PoolRequest"
            )
            return
        if key != request.pool_id.encode() or partition_of(key, self._partitions) != self._partition:
            detail = f"key is {key!r}, pool_id {request.pool_id!r}: send it under its pool's id, by murmur2 of the key"
            self._letters.put_aside(record, reasons.WRONG_PARTITION, detail)
            return
        fault = request_fault(request)
        if fault is not None:
            self._letters.put_aside(record, fault[0], fault[1])
            return
        answer = decide(self._pools, request)
        if is_told(self._pools, request.pool_id):
            self._changed[request.pool_id] = (offset, timestamp_ms)
        if answer is None:
            return
        event = answer_event(request, answer, timestamp_ms)
        member, encoded = event.member_id.encode(), self._encoder.event(event)
        if request.log_time_ms:
            log_time = str(request.log_time_ms).encode()
            self._out.send_with_header(self._topics.derived, member, encoded, LOG_TIME_HEADER, log_time)
        else:
            self._out.send(self._topics.derived, member, encoded)

    def finish(self) -> None:
        """Tell how the pools stand that changed."""
        for pool_id, (offset, timestamp_ms) in self._changed.items():
            record = balance(self._pools, pool_id, offset, timestamp_ms)
            self._out.send(self._topics.pool_balances, pool_id.encode(), self._encoder.pool_balance(record))
        self._changed = {}


def pack_pool(pool: Pool) -> bytes:
    """The pool as bytes."""
    return _encoder.encode((VERSION, pool.to_tuple()))


def unpack_pool(packed: bytes) -> Pool:
    """The pool that was packed. Raises LaneBroken for one of another version."""
    return Pool(*_unpack(_decoder, packed))


def unpack_notes(packed: bytes) -> Notes:
    """What a signal's pool keeps, as it was packed. Raises LaneBroken for one of another version."""
    return _unpack(_notes_decoder, packed)


def _unpack(decoder: msgspec.msgpack.Decoder[tuple[int, T]], packed: bytes) -> T:
    try:
        version, values = decoder.decode(packed)
    except msgspec.DecodeError as error:
        raise LaneBroken(f"a pool is of another version of the pipeline: {error}", another_version()) from error
    if version != VERSION:
        raise LaneBroken(f"a pool is of version {version}, this pipeline reads {VERSION}", another_version())
    return values


def _key(kind: bytes, pool_id: str) -> bytes:
    name = pool_id.encode()
    return b"".join((kind, _LENGTH.pack(len(name)), name))
