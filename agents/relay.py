"""The relay agent: events that decisions derived are appended to the log."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.lane.openers import relay_opener
from pipeline.lane.relay import derived_record, relayed

AGENT: Final = "relay"


def relay(app: LaneApp) -> None:
    """Register the agent."""
    context = app.context
    opener = relay_opener(context, AGENT, context.topics.derived, relayed(context.partitions))
    lanes = app.lanes(AGENT, context.topics.derived, opener, derived_record)

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def append(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
