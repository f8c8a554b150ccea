"""The decoder tells what is wrong with a value, waits for a registry that is away, and learns each schema once."""

from __future__ import annotations

import pytest
from wire_samples import RECORDED_AT_MS, entry, purchase

from pipeline.core.payloads import EmiPaymentSucceeded, ProgramActivated, Tick
from pipeline.wire.codec import (
    NOT_AVRO,
    RETRY_UNKNOWN_AFTER_S,
    UNDECODABLE,
    UNKNOWN_SCHEMA,
    UNKNOWN_TYPE,
    Decoder,
    Encoder,
    Undecodable,
)
from pipeline.wire.schemas import CommittedSchemas, RegistryUnavailable, SchemaNotFound

SOURCE = CommittedSchemas()
ENCODER = Encoder(SOURCE.schema_ids)
PURCHASE = ENCODER.event(purchase())


class CountingRegistry:
    """A registry that counts what it is asked, can be away, and can learn schemas later."""

    def __init__(self) -> None:
        self.source = CommittedSchemas()
        self.asked = 0
        self.away = False

    def schema(self, schema_id: int) -> str:
        self.asked += 1
        if self.away:
            raise RegistryUnavailable("away")
        return self.source.schema(schema_id)


def refusal(decoder: Decoder, value: bytes) -> Undecodable:
    with pytest.raises(Undecodable) as caught:
        decoder.decode(value, RECORDED_AT_MS)
    return caught.value


def test_events_and_control_records_come_back_as_they_were() -> None:
    decoder = Decoder(SOURCE)
    activation = ProgramActivated("ab" * 32, 1_763_800_000_000, "ada", "")

    assert decoder.decode(PURCHASE, RECORDED_AT_MS) == purchase()
    assert decoder.decode(ENCODER.tick(Tick("import")), 5) == Tick("import")
    assert decoder.decode(ENCODER.program_activated(activation), 5) == activation


def test_records_of_the_output_topics_come_back_as_they_were() -> None:
    assert Decoder(SOURCE).output(ENCODER.ledger_entry(entry())) == entry()


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0\0", b"\1" + PURCHASE[1:], b'{"event_id": "e"}'])
def test_a_value_without_magic_byte_and_id_is_not_avro(value: bytes) -> None:
    assert refusal(Decoder(SOURCE), value).reason == NOT_AVRO


def test_an_id_that_the_registry_does_not_have_is_an_unknown_schema() -> None:
    error = refusal(Decoder(SOURCE), b"\0\0\0\xff\xff\0")

    assert (error.reason, "65535" in error.detail) == (UNKNOWN_SCHEMA, True)


def test_an_unknown_id_is_asked_for_again_only_after_a_while() -> None:
    registry, now = CountingRegistry(), [100.0]
    decoder = Decoder(registry, clock_s=lambda: now[0])
    value = b"\0" + (len(registry.source.schema_ids) + 1).to_bytes(4, "big") + b"\0"

    refusal(decoder, value)
    refusal(decoder, value)
    assert registry.asked == 1

    registry.source.add(registry.source.schema(registry.source.schema_ids["accrue.control.Tick"]))
    now[0] += RETRY_UNKNOWN_AFTER_S
    assert decoder.decode(value, 5) == Tick("live")
    assert registry.asked == 2


def test_a_registry_that_does_not_answer_is_no_fault_of_the_value() -> None:
    registry = CountingRegistry()
    decoder = Decoder(registry)
    registry.away = True

    with pytest.raises(RegistryUnavailable):
        decoder.decode(PURCHASE, RECORDED_AT_MS)

    registry.away = False
    assert decoder.decode(PURCHASE, RECORDED_AT_MS) == purchase()


def test_a_schema_is_asked_for_once_whether_it_can_be_decoded_or_not() -> None:
    registry = CountingRegistry()
    decoder = Decoder(registry)
    unreadable = registry.source.add('{"type": "record", "name": "Other", "fields": [{"name": "a", "type": "int"}]}')

    for _ in range(3):
        decoder.decode(PURCHASE, RECORDED_AT_MS)
        refusal(decoder, b"\0" + unreadable.to_bytes(4, "big") + b"\0")

    assert registry.asked == 2


def test_a_record_that_is_not_ours_is_an_unknown_type() -> None:
    source = CommittedSchemas()
    text = '{"type": "record", "name": "PointsWished", "namespace": "accrue.events", "fields": []}'
    value = b"\0" + source.add(text).to_bytes(4, "big")

    error = refusal(Decoder(source), value)

    assert (error.reason, "accrue.events.PointsWished" in error.detail) == (UNKNOWN_TYPE, True)


def test_a_record_on_the_wrong_kind_of_topic_is_an_unknown_type() -> None:
    decoder = Decoder(SOURCE)

    assert refusal(decoder, ENCODER.ledger_entry(entry())).reason == UNKNOWN_TYPE
    with pytest.raises(Undecodable, match=UNKNOWN_TYPE):
        decoder.output(PURCHASE)


@pytest.mark.parametrize("text", ["not json", '"string"', '{"type": "record", "name": "R"}', '{"type": "object"}'])
def test_a_schema_that_is_no_avro_record_makes_its_values_undecodable(text: str) -> None:
    source = CommittedSchemas()
    value = b"\0" + source.add(text).to_bytes(4, "big") + b"\0"

    error = refusal(Decoder(source), value)

    assert error.reason == UNDECODABLE
    assert f"schema {len(source.schema_ids) + 1}: " in error.detail


def changed(offset: int, *replacement: int, drop: int = 1) -> bytes:
    """The purchase with bytes replaced; `offset` counts from the Avro value's start."""
    at = 5 + offset
    return PURCHASE[:at] + bytes(replacement) + PURCHASE[at + drop :]


LONGEST = (0xFF,) * 9
MALFORMED = {
    "cut in a string": (PURCHASE[:8], "TransactionCompleted.event_id: 3 bytes are announced where 2 are left"),
    "cut in a number": (PURCHASE[:14], "TransactionCompleted.occurred_at: the value is cut off"),
    "nothing at all": (PURCHASE[:5], "TransactionCompleted.event_id: the value is cut off"),
    "bytes left over": (PURCHASE + b"\0", "TransactionCompleted: 1 bytes are left over"),
    "a negative length": (changed(0, 0x05), "TransactionCompleted.event_id: a length or index is negative"),
    "a length of 2^62": (changed(0, *LONGEST[:8], 0x7E), "TransactionCompleted.event_id: "),
    "a length of 11 bytes": (changed(0, *LONGEST, 0xFF, 0x01), "a long takes more than 10 bytes"),
    "a length of 65 bits": (changed(0, *LONGEST, 0x02), "a long takes more than 64 bits"),
    "invalid UTF-8": (changed(1, 0xFF), "TransactionCompleted.event_id: 'utf-8' codec can't decode"),
    "UTF-8 of a surrogate": (changed(0, 6, 0xED, 0xA0, 0x80, drop=4), "TransactionCompleted.event_id: 'utf-8' codec"),
    "a time of 11 bytes": (
        changed(8, *LONGEST, 0xFF, 0x01, drop=6),
        "TransactionCompleted.occurred_at: a long takes more",
    ),
    "a time of 65 bits": (changed(8, *LONGEST, 0x02, drop=6), "TransactionCompleted.occurred_at: a long takes more"),
}


@pytest.mark.parametrize(("value", "fault"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_bytes_are_undecodable_and_the_field_is_named(value: bytes, fault: str) -> None:
    error = refusal(Decoder(SOURCE), value)

    assert error.reason == UNDECODABLE
    assert fault in error.detail


def with_lines(tail: bytes, rest: bytes = bytes(4)) -> bytes:
    """The purchase with other bytes where its lines stand; `rest` are the four fields behind them."""
    without = ENCODER.event(purchase(lines=[]))
    assert without[-5:] == bytes(5)
    return without[:-5] + tail + rest


LINE = bytes.fromhex("02310c636f6666656508666f6f64048cc401")
BLOCKS = {
    "more items than bytes": (with_lines(b"\xfe\xff\xff\xff\x0f" + LINE, b""), "a block claims 2147483647 items where"),
    "2^62 items": (with_lines(bytes((*LONGEST[:8], 0x7E)) + LINE), "a block claims"),
    "the most negative count": (
        with_lines(bytes((*LONGEST, 0x01)) + b"\0" + LINE),
        "a block claims 9223372036854775808",
    ),
    "a negative size": (with_lines(b"\1\3" + LINE + b"\0"), "a length or index is negative"),
    "a size beyond the end": (with_lines(b"\1\x7e" + LINE + b"\0"), "a block claims 1 items where"),
    "a size too small": (with_lines(b"\1\x02" + LINE + b"\0"), "a block does not end where it says"),
    "a closing zero of two bytes, and then a block": (
        with_lines(b"\x80\x00\2" + LINE + b"\0"),
        "the zero that ends the blocks takes more than one byte",
    ),
    "no closing zero": (with_lines(b"\2" + LINE, b""), "TransactionCompleted.lines: the value is cut off"),
    "an int of 33 bits": (
        with_lines(b"\2" + LINE.replace(b"food\x04", b"food\x80\x80\x80\x80\x20") + b"\0"),
        "TransactionCompleted.lines[0].quantity: an int takes more than 32 bits",
    ),
    "an int of 6 bytes": (
        with_lines(b"\2" + LINE.replace(b"food\x04", b"food\x84\x80\x80\x80\x80\x00") + b"\0"),
        "TransactionCompleted.lines[0].quantity: an int takes more than 32 bits",
    ),
}


@pytest.mark.parametrize(("value", "fault"), BLOCKS.values(), ids=BLOCKS)
def test_blocks_that_cannot_be_true_are_refused(value: bytes, fault: str) -> None:
    error = refusal(Decoder(SOURCE), value)

    assert error.reason == UNDECODABLE
    assert fault in error.detail


@pytest.mark.parametrize(
    "tail", [b"\2" + LINE + b"\0", b"\1\x24" + LINE + b"\0", b"\1\x24" + LINE + b"\2" + LINE + b"\0"]
)
def test_blocks_with_sizes_and_several_blocks_are_read(tail: bytes) -> None:
    assert len(LINE) == 0x24 >> 1

    event = Decoder(SOURCE).decode(with_lines(tail), RECORDED_AT_MS)

    assert event == purchase(lines=purchase().payload.lines * (tail.count(LINE)))


@pytest.mark.parametrize(
    ("byte", "fault"), [(2, "EmiPaymentSucceeded.on_time: 2 is no boolean"), (255, "255 is no boolean")]
)
def test_a_boolean_is_0_or_1(byte: int, fault: str) -> None:
    event = purchase()
    event.payload = EmiPaymentSucceeded("l", 1, 1, "EUR", True)
    value = ENCODER.event(event)

    assert fault in refusal(Decoder(SOURCE), value[:-1] + bytes((byte,))).detail


@pytest.mark.parametrize(("index", "fault"), [(b"\x7e", "there is no symbol 63, only 2"), (b"\1", "negative")])
def test_an_enum_has_the_symbols_of_its_schema(index: bytes, fault: str) -> None:
    value = ENCODER.tick(Tick("import"))[:-1] + index

    assert fault in refusal(Decoder(SOURCE), value).detail


def test_an_index_or_length_of_almost_64_bits_is_refused_however_the_decoder_was_built() -> None:
    """Compiled code raises OverflowError where interpreted code raises IndexError."""
    source = CommittedSchemas()
    huge = bytes.fromhex("feffffffffffffffff01")
    for name in ("accrue.control.Tick", "accrue.control.ProgramActivated", "accrue.events.TransactionCompleted"):
        value = b"\0" + source.schema_ids[name].to_bytes(4, "big") + huge

        assert refusal(Decoder(source), value).reason == UNDECODABLE
    output = b"\0" + source.schema_ids["accrue.fulfillment.FulfillmentCommand"].to_bytes(4, "big") + 4 * b"\2a" + huge
    with pytest.raises(Undecodable, match="FulfillmentCommand"):
        Decoder(source).output(output)


def test_a_source_without_the_schema_says_so() -> None:
    with pytest.raises(SchemaNotFound, match="no schema with id 0"):
        SOURCE.schema(0)
