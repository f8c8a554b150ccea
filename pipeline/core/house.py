"""The house as a provider: what the programme itself gives out is fulfilled at once."""

from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.records import FulfillmentCommand

HOUSE: Final = "house"
"""Provider of rewards that need nobody else."""

NOT_PARTNERS: Final = (HOUSE, "external")
"""Providers that settle with nobody: what they give is redeemed at the programme."""

HOUSE_SOURCE: Final = "accrue-house"


def house_outcome(command: FulfillmentCommand) -> Event:
    """The event that confirms a `fulfil` command; its id is derived, so repeating it does no harm."""
    return Event(
        f"outcome:{command.fulfillment_id}",
        command.member_id,
        command.occurred_at_ms,
        HOUSE_SOURCE,
        command.traceparent,
        {},
        FulfillmentOutcome(command.fulfillment_id, command.redemption_id, "confirmed", "", ""),
        command.recorded_at_ms,
    )
