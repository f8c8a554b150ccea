"""The partners agent: what becomes of each fulfilment by a partner is kept exactly once; calls are made beside it."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.partners.lane import partner_opener

AGENT: Final = "partners"


def partners(app: LaneApp) -> None:
    """Register the agent."""
    desk = app.desk
    lanes = app.lanes(AGENT, desk.attempts, partner_opener(desk))

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def keep(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
