"""The fulfilment agent: the house answers commands for its own rewards, those for partners go to their log."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.lane.openers import carrying_opener

AGENT: Final = "fulfilment"


def fulfilment(app: LaneApp) -> None:
    """Register the agent."""
    context, desk = app.context, app.desk
    opener = carrying_opener(context, AGENT, context.topics.commands, desk.carry(), desk.append)
    lanes = app.lanes(AGENT, context.topics.commands, opener)

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def fulfil(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
