"""What a lane tells the world: metrics per commit, log lines for openings, waits and every record that went astray."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, final

from pipeline import logs, metrics
from pipeline.lane.changelog import Progress, Restored
from pipeline.lane.outputs import LaneOutputs
from pipeline.lane.remedies import waiting_remedy
from pipeline.lane.table import Outbox

RESTORE_LINE_SECONDS: Final = 5.0

log = logs.logger("accrue.lane")


@final
class LaneObserver:
    """Implements the observers of `pipeline.lane.lane` and `pipeline.lane.table_lane`; used by the lane's thread.

    `waits_for` is told what is waited for.
    """

    def __init__(self, topic: str, partition: int, waits_for: Callable[[Exception], None]) -> None:
        self._waits_for = waits_for
        self._log = log.bind(topic=topic, partition=partition)
        labels = (topic, str(partition))
        self._labels = labels
        self._records = metrics.lane_records.labels(*labels)
        self._outputs = metrics.lane_outputs.labels(*labels)
        self._batch_records = metrics.lane_batch_records.labels(topic)
        self._commit_seconds = metrics.lane_commit_seconds.labels(topic)
        self._duplicates = metrics.lane_duplicates.labels(*labels)
        self._parked = metrics.lane_parked.labels(*labels)
        self._quarantines = metrics.lane_quarantines.labels(*labels)
        self._waits = metrics.lane_waits.labels(*labels)
        self._to_go = metrics.lane_restore_to_go.labels(*labels)
        self._restored_records = metrics.lane_restored_records.labels(*labels)
        self._open_seconds = metrics.lane_restore_seconds.labels(topic)
        self._made_at_s = self._line_at_s = time.monotonic()
        self._waiting = False

    def restoring(self, progress: Progress) -> None:
        self._to_go.set(progress.to_go)
        now_s = time.monotonic()
        if now_s - self._line_at_s < RESTORE_LINE_SECONDS:
            return
        seconds = max(now_s - self._made_at_s, 1e-3)
        self._line_at_s = now_s
        self._log.info(
            "lane restores",
            records=progress.records,
            to_go=progress.to_go,
            percent=round(100 * (1 - progress.to_go / max(progress.total, 1)), 1),
            mb_per_s=round(progress.size_bytes / 1e6 / seconds, 1),
            seconds=round(seconds, 1),
        )

    def opened(self, position: int, restored: Restored, seconds: float) -> None:
        self._to_go.set(0)
        self._restored_records.inc(restored.records)
        self._open_seconds.observe(seconds)
        if restored.wiped:
            self._log.warning("store wiped and rebuilt", why=restored.wiped)
        self._log.info(
            "lane opened",
            position=position,
            restored=restored.records,
            restored_mb=round(restored.size_bytes / 1e6, 1),
            seconds=round(seconds, 3),
        )

    def waiting(self, why: Exception, seconds: float) -> None:
        self._waits.inc()
        self._waits_for(why)
        if not self._waiting:
            self._waiting = True
            self._log.warning("lane waits", why=str(why), remedy=waiting_remedy(why))

    def committed(self, records: int, outputs: LaneOutputs, seconds: float) -> None:
        """A commit of the lane that decides members."""
        self.applied(records, outputs, seconds)
        if outputs.duplicates:
            self._duplicates.inc(outputs.duplicates)
        if outputs.parked_records:
            self._parked.inc(outputs.parked_records)
        if outputs.quarantines:
            self._quarantines.inc(outputs.quarantines)

    def applied(self, records: int, outputs: LaneOutputs | Outbox, seconds: float) -> None:
        """A commit of any lane."""
        if self._waiting:
            self._waiting = False
            self._log.info("lane goes on")
        self._records.inc(records)
        self._batch_records.observe(records)
        self._commit_seconds.observe(seconds)
        self._outputs.inc(outputs.count)
        for reason, count in outputs.rejections.items():
            metrics.lane_rejections.labels(*self._labels, reason).inc(count)
        for note in outputs.notes:
            self._log.warning(
                f"record {note.what}",
                offset=note.offset,
                reason=note.reason,
                detail=note.detail,
                event_id=note.event_id,
                member_id=note.member_id,
                traceparent=note.traceparent,
            )
