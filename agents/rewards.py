"""The rewards agent: the log's records are decided, exactly once."""

from __future__ import annotations

from agents.app import Batches, LaneApp
from pipeline.lane.openers import rewards_opener


def rewards(app: LaneApp) -> None:
    """Register the agent."""
    lanes = app.lanes(app.context.topics.source, rewards_opener(app.context))

    @app.agent(app.batches(lanes.topic), name="rewards")
    async def decide(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
