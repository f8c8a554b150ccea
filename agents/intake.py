"""The intake agent: messages of partners' feeds become events, exactly once, or are held or refused."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.partners.intake_lane import intake_opener

AGENT: Final = "intake"


def intake(app: LaneApp) -> None:
    """Register the agent."""
    desk = app.feed_desk
    lanes = app.lanes(AGENT, desk.messages, intake_opener(desk))

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def take_in(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
