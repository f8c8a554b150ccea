"""The fulfilment agent: the house answers commands for its own rewards."""

from __future__ import annotations

from agents.app import Batches, LaneApp
from pipeline.lane.openers import relay_opener
from pipeline.partners.house import answered


def fulfilment(app: LaneApp) -> None:
    """Register the agent."""
    context = app.context
    carry = answered(context.decoder, context.encoder, context.partitions)
    lanes = app.lanes(context.topics.commands, relay_opener(context, context.topics.commands, carry))

    @app.agent(app.batches(lanes.topic), name="fulfilment")
    async def fulfil(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
