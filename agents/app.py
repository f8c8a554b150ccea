"""The Faust application of a worker: group, assignment and agents are Faust's, exactly-once is the lanes'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import faust
from faust.app.base import BootStrategy
from faust.types import StreamT

from pipeline.lane.board import Board
from pipeline.lane.context import LaneContext
from pipeline.lane.faust_consumer import NewFetcher
from pipeline.lane.faust_transport import BatchTopic, NoTables
from pipeline.lane.fetcher import Fetcher
from pipeline.lane.kafka import group_consumer_config
from pipeline.lane.lane_set import LaneSet, ToRecord, plain_record
from pipeline.lane.ports import Batch
from pipeline.lane.runner import Opener
from pipeline.notify.post import Post
from pipeline.partners.desk import Desk
from pipeline.partners.feed_desk import FeedDesk

BROKER: Final = "lane://"


class LaneBootStrategy(BootStrategy):
    """Lanes have producers of their own; metrics have a server of their own."""

    enable_kafka_producer = False
    enable_web = False


class LaneApp(faust.App):
    """One worker. Agents ask for lanes of a topic, then hand them the batches that Faust delivers."""

    BootStrategy = LaneBootStrategy

    def __init__(self, context: LaneContext, board: Board) -> None:
        settings = context.settings
        super().__init__(
            settings.app_id,
            broker=BROKER,
            Topic=BatchTopic,
            TableManager=NoTables,
            datadir=settings.data_dir / settings.app_id / "faust",
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            web_enabled=False,
            worker_redirect_stdouts=False,
        )
        self.context = context
        self._desk: Desk | None = None
        self._feed_desk: FeedDesk | None = None
        self._post: Post | None = None
        self._board = board

    @property
    def desk(self) -> Desk:
        """What the agents for fulfilment share, made when the first of them asks."""
        if self._desk is None:
            self._desk = Desk(self.context)
        return self._desk

    @property
    def feed_desk(self) -> FeedDesk:
        """What the lanes of partners' feeds share, made when the agent asks."""
        if self._feed_desk is None:
            self._feed_desk = FeedDesk(self.context)
        return self._feed_desk

    @property
    def post(self) -> Post:
        """What sends messages to members, made when the agent asks."""
        if self._post is None:
            self._post = Post(self.context)
        return self._post

    def close_desk(self) -> None:
        """Once the lanes are closed: calls to partners and messages under way are waited for, a little."""
        if self._desk is not None:
            self._desk.close()
        if self._feed_desk is not None:
            self._feed_desk.close()
        if self._post is not None:
            self._post.close()

    def lanes(self, agent: str, topic: str, opener: Opener, to_record: ToRecord = plain_record) -> LaneSet:
        """The lanes of one source topic, opened as its partitions are assigned to this worker."""
        lanes = LaneSet(agent, topic, opener, to_record)
        self._board.add(lanes)
        return lanes

    def batches(self, topic: str) -> Any:
        """The channel for an agent over `topic`: whole batches, neither decoded nor acknowledged one by one."""
        return self.topic(topic, acks=False, value_type=bytes)

    def fetchers(self) -> dict[str, NewFetcher]:
        """By source topic what makes its fetcher; asked for by the consumer once all agents are there."""
        return {topic: self._new_fetcher(lanes) for topic, lanes in self._board.lane_sets.items()}

    def _new_fetcher(self, lanes: LaneSet) -> NewFetcher:
        settings = self.context.settings

        def make(on_assigned: Callable[[frozenset[int]], None]) -> Fetcher:
            return Fetcher(group_consumer_config(settings, lanes.agent), lanes, settings.batch_limit, on_assigned)

        return make


Batches = StreamT[Batch]
"""What an agent iterates over."""
