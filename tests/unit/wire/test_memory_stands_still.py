"""What is called for every record keeps no memory, compiled or not: a few bytes of each would fill a worker soon."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Callable

import pytest

from pipeline.core.chain import chained_hash
from pipeline.core.digest import Digest
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import TransactionCompleted
from pipeline.core.records import LedgerEntry
from pipeline.lane import keys
from pipeline.wire.binary import long_bytes
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.schemas import CommittedSchemas
from pipeline.wire.state import pack_member, pack_order, unpack_member, unpack_order

CALLS = 2_000
BYTES_PER_CALL = 4
NOW_MS = 1_767_225_600_000
SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)
EVENT = Event("e1", "m1", NOW_MS, "shop", "", {}, TransactionCompleted("o1", 100, "EUR", "app", "", "", []), NOW_MS)
ENTRY = LedgerEntry(
    "e" * 32, "m1", 1, "earn", "points", 100, "program:issued", "member:m1:available", 1, "e1", "shop", "base", 0,
    "p" * 64, NOW_MS, NOW_MS, bytes(32), bytes(range(32)),
)  # fmt: skip
EVENT_VALUE = ENCODER.event(EVENT)
ENTRY_VALUE = ENCODER.ledger_entry(ENTRY)
MEMBER = pack_member(Member("m1"))
ORDER = pack_order(Order(100, "EUR", NOW_MS, 0, [("points", 1, 5, 0, 2026)]))


def refuse() -> None:
    with contextlib.suppress(Undecodable):
        DECODER.decode(EVENT_VALUE[:-1], NOW_MS)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: ENCODER.event(EVENT), id="encode an event"),
        pytest.param(lambda: ENCODER.ledger_entry(ENTRY), id="encode an entry"),
        pytest.param(lambda: DECODER.decode(EVENT_VALUE, NOW_MS), id="decode an event"),
        pytest.param(lambda: DECODER.output(ENTRY_VALUE), id="decode an entry"),
        pytest.param(refuse, id="refuse what is no event"),
        pytest.param(lambda: long_bytes(1 << 20), id="a long"),
        pytest.param(lambda: long_bytes(-(1 << 50)), id="a long of many bytes"),
        pytest.param(lambda: pack_member(unpack_member(MEMBER)), id="pack a member"),
        pytest.param(lambda: pack_order(unpack_order(ORDER)), id="pack an order"),
        pytest.param(lambda: (EVENT.identity(), EVENT.content_digest()), id="an event's digests"),
        pytest.param(lambda: Digest().add(ENTRY), id="the digest of a run"),
        pytest.param(lambda: (keys.member_key("m1"), keys.order_key("m1", "o1"), keys.due_key(5, "m1")), id="keys"),
        pytest.param(
            lambda: chained_hash("c", "e", 1, "earn", "points", 5, "a", "b", 1, "base", 0, bytes(32)), id="a hash"
        ),
    ],
)
def test_what_is_called_for_every_record_keeps_nothing(call: Callable[[], object]) -> None:
    for _ in range(50):
        call()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(CALLS):
            call()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (after - before) / CALLS < BYTES_PER_CALL
