"""Codec and core let go of all that they make on the way, compiled or not: a worker runs for months."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from wire_samples import RECORDED_AT_MS, entry, purchase

from pipeline.core.member import Member
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.schemas import CommittedSchemas
from pipeline.wire.state import pack_member, unpack_member

SOURCE = CommittedSchemas()
ENCODER = Encoder(SOURCE.schema_ids)
DECODER = Decoder(SOURCE)
EVENT = purchase()
VALUE = ENCODER.event(EVENT)
ENTRY = entry()
OUTPUT = ENCODER.ledger_entry(ENTRY)
MEMBER = Member("m-1")
TIMES = 5_000

WORK: dict[str, Callable[[], object]] = {
    "encode an event": lambda: ENCODER.event(EVENT),
    "encode an output": lambda: ENCODER.ledger_entry(ENTRY),
    "decode an event": lambda: DECODER.decode(VALUE, RECORDED_AT_MS),
    "decode an output": lambda: DECODER.output(OUTPUT),
    "identity of an event": EVENT.identity,
    "digest of an event": EVENT.content_digest,
    "pack a member": lambda: pack_member(MEMBER),
    "unpack a member": lambda: unpack_member(pack_member(MEMBER)),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_nothing_is_left_behind(work: Callable[[], object]) -> None:
    for _ in range(100):
        work()
    before = sys.getallocatedblocks()
    for _ in range(TIMES):
        work()

    assert sys.getallocatedblocks() - before < TIMES // 10
