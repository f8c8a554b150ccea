"""Where commands go: the house answers, partners are passed theirs, and history is ordered from nobody again."""

from __future__ import annotations

import pytest
from partner_samples import command

from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.records import FulfillmentCommand, PartnerOrder
from pipeline.lane.ports import LaneBroken
from pipeline.partners.desk import Routed, orders_for, routed
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.partitioner import partition_of
from pipeline.wire.schemas import CommittedSchemas

SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)
PARTITIONS = 4


def carried(given: FulfillmentCommand) -> Routed | None:
    value = ENCODER.fulfillment_command(given)
    return routed(DECODER, ENCODER, PARTITIONS)((7, 0, given.member_id.encode(), value))


def test_a_command_for_a_partner_goes_on_under_the_fulfilments_id() -> None:
    given = command("f-1")
    found = carried(given)
    key = b"f-1"
    assert found == (True, (partition_of(key, PARTITIONS), key, ENCODER.fulfillment_command(given), 0))


def test_cancellations_follow_it() -> None:
    found = carried(command("f-1", "cancel"))
    assert found is not None and found[0] and found[1][1] == b"f-1"


def test_the_house_answers_at_once_on_the_members_log() -> None:
    found = carried(command("f-1", provider="house"))
    assert found is not None and not found[0]
    partition, key, value, _at_ms = found[1]
    assert (partition, key) == (partition_of(b"ann", PARTITIONS), b"ann")
    event = DECODER.decode(value, 0)
    assert isinstance(event, Event) and isinstance(event.payload, FulfillmentOutcome)
    assert event.payload.outcome == "confirmed"


@pytest.mark.parametrize("provider", ["external", "acme"])
def test_what_is_for_others_or_of_history_is_passed_on_to_nobody(provider: str) -> None:
    given = command("f-1", provider=provider)
    given.log_time_ms = 1 if provider == "acme" else 0
    assert carried(given) is None


def test_what_is_no_command_stops_the_lane() -> None:
    with pytest.raises(LaneBroken, match="offset 7 is not readable"):
        routed(DECODER, ENCODER, PARTITIONS)((7, 0, None, b"junk"))


def test_an_order_for_a_partner_goes_to_every_lane_and_one_for_a_fulfilment_to_its_own() -> None:
    for_all = orders_for(PartnerOrder("pause", "acme", "", "", "ada", "", 0), b"order", PARTITIONS)
    for_one = orders_for(PartnerOrder("retry", "", "f-1", "", "ada", "", 0), b"order", PARTITIONS)

    assert for_all == [(partition, None, b"order", 0) for partition in range(PARTITIONS)]
    assert for_one == [(partition_of(b"f-1", PARTITIONS), b"f-1", b"order", 0)]
