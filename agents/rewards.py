"""The rewards agent: the log's records are decided, exactly once."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.lane.openers import rewards_opener

AGENT: Final = "rewards"


def rewards(app: LaneApp) -> None:
    """Register the agent."""
    lanes = app.lanes(AGENT, app.context.topics.source, rewards_opener(app.context))

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def decide(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
