"""The notifications agent: what members are to be told is kept until each channel has taken it."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.notify.lane import notification_opener

AGENT: Final = "notifications"


def notifications(app: LaneApp) -> None:
    """Register the agent."""
    post = app.post
    lanes = app.lanes(AGENT, post.notifications, notification_opener(post))

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def deliver(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
