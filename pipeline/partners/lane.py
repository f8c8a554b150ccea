"""The fulfilment lane of one partition: records first, calls after the commit, and due work by the wall clock."""

from __future__ import annotations

from typing import final

from pipeline import metrics
from pipeline.lane.runner import Opener, OpenLane, SystemClock
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane
from pipeline.lane.table_opener import CoreLane
from pipeline.partners.book import Book, Call
from pipeline.partners.breaker import STATES
from pipeline.partners.desk import Desk
from pipeline.partners.fulfilment import DONE, OPEN_STATES


@final
class PartnerWork:
    """What a lane of fulfilments does; used by its thread. What was planned and not committed gives its slots back."""

    def __init__(self, desk: Desk, partition: int) -> None:
        self._desk = desk
        self._partition = partition
        self._book: Book | None = None

    def new_book(self, table: Table, outbox: Outbox) -> Book:
        desk, topics = self._desk, self._desk.context.topics
        self._book = Book(
            table, outbox, desk.programs, desk.context.decoder, desk.context.encoder, desk.attempts, self._partition,
            topics.derived, topics.dead_letters,
        )  # fmt: skip
        return self._book

    def work_off(self, lane: TableLane, now_ms: int) -> None:
        """Plan what is due, commit it, then have the calls made. Raises LaneFailed."""
        slots, calls = self._desk.pool.slots, list[Call]()

        def plan() -> None:
            assert self._book is not None, "the lane is open"
            calls.extend(self._book.plan(now_ms, slots))

        try:
            lane.perform(plan)
        except BaseException:
            for call in calls:
                slots.give_back(call.partner.partner_id, 1)
            raise
        self._desk.pool.submit(calls)
        self._measure()

    def _measure(self) -> None:
        assert self._book is not None, "the lane is open"
        state, partition = self._book.state, self._partition
        for provider in state.partners():
            known = state.partner(provider)
            for name in STATES:
                metrics.partner_breaker.labels(provider, partition, name).set(known.breaker.state == name)
            for name in (*OPEN_STATES, *DONE):
                metrics.partner_fulfillments.labels(provider, partition, name).set(known.counts.get(name, 0))
            metrics.partner_paused.labels(provider, partition).set(known.paused)
            metrics.partner_contradictions.labels(provider, partition).set(known.contradictions)


def partner_opener(desk: Desk) -> Opener:
    """Opens the lanes that keep the fulfilments by partners."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        work = PartnerWork(desk, partition)
        return CoreLane(
            desk.context, desk.attempts, desk.changelog, partition, clock, work.new_book, work.work_off, at_once=True
        )

    return open_lane
