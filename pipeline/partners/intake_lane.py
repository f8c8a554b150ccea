"""The intake lane of one partition: messages of feeds become events, and parked ones go on once they are released."""

from __future__ import annotations

from typing import Final, final

from pipeline import logs, metrics
from pipeline.lane.runner import Opener, OpenLane, SystemClock
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane
from pipeline.lane.table_opener import CoreLane
from pipeline.partners.feed_desk import FeedDesk
from pipeline.partners.feed_state import OPEN
from pipeline.partners.intake import Intake, Places

COUNTED: Final = ("taken", "repeated", "refused")

log = logs.logger("accrue.intake")


@final
class IntakeWork:
    """What an intake lane does; used by its thread."""

    def __init__(self, desk: FeedDesk, partition: int) -> None:
        context = desk.context
        self._desk = desk
        self._places = Places(
            desk.messages, partition, context.partitions, context.topics.derived, context.topics.dead_letters
        )
        self._intake: Intake | None = None
        self._modes: dict[str, str] = {}

    def new_intake(self, table: Table, outbox: Outbox) -> Intake:
        context = self._desk.context
        self._intake = Intake(table, outbox, self._desk.feeds, context.decoder, context.encoder, self._places)
        return self._intake

    def work_off(self, lane: TableLane, _now_ms: int) -> None:
        """Go on with what was released, and tell how the feeds stand. Raises LaneFailed."""
        assert self._intake is not None, "the lane is open"
        lane.perform(self._intake.release)
        for feed_id, state in self._intake.state.feeds():
            metrics.feed_held.labels(feed_id).set(state.mode != OPEN)
            metrics.feed_parked.labels(feed_id).set(state.parked)
            for name in COUNTED:
                metrics.feed_counts.labels(feed_id, name).set(state.counts.get(name, 0))
            if self._modes.get(feed_id, OPEN) != state.mode:
                say = log.info if state.mode == OPEN else log.warning
                say("feed", feed=feed_id, mode=state.mode or "open", why=state.why, parked=state.parked)
            self._modes[feed_id] = state.mode


def intake_opener(desk: FeedDesk) -> Opener:
    """Opens the lanes that take in partners' feeds."""

    def open_lane(partition: int, clock: SystemClock) -> OpenLane:
        work = IntakeWork(desk, partition)
        return CoreLane(
            desk.context, desk.messages, desk.changelog, partition, clock, work.new_intake, work.work_off, at_once=True
        )

    return open_lane
