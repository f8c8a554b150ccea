"""The pools agent: what members ask of budgets, stock and voucher codes is answered, exactly once."""

from __future__ import annotations

from typing import Final

from agents.app import Batches, LaneApp
from pipeline.lane.pools import PoolsCore
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_opener import table_opener

AGENT: Final = "pools"


def pools(app: LaneApp) -> None:
    """Register the agent."""
    context, topics = app.context, app.context.topics

    def core_of(partition: int, table: Table, out: Outbox) -> PoolsCore:
        return PoolsCore(topics, partition, context.partitions, context.decoder, context.encoder, table, out)

    lanes = app.lanes(
        AGENT, topics.pool_requests, table_opener(context, topics.pool_requests, topics.pool_changelog, core_of)
    )

    @app.agent(app.batches(lanes.topic), name=AGENT)
    async def answer(batches: Batches) -> None:
        async for batch in batches:
            lanes.submit(batch)
