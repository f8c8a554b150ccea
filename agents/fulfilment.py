"""The fulfilment agent: the house answers commands for its own rewards."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.lane.openers import relay_opener
from pipeline.partners.house import answered

AGENT: Final = "fulfilment"


def fulfilment(app: LaneApp) -> None:
    """Register the agent."""
    context = app.context
    carry = answered(context.decoder, context.encoder, context.partitions)
    lanes = app.lanes(AGENT, context.topics.commands, relay_opener(context, AGENT, context.topics.commands, carry))

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def fulfil(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
