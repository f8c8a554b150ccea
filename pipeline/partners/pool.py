"""Makes the calls to partners outside any transaction, as asyncio tasks on a thread of its own; results are logged."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final, final

from pipeline import clock, logs, metrics
from pipeline.core.records import FulfillmentAttempt
from pipeline.lane.ports import LaneFailed
from pipeline.partners.book import Call
from pipeline.partners.http import make_call
from pipeline.partners.http_loop import HttpLoop
from pipeline.partners.slots import CallSlots

REPORT_MAX: Final = 500
REPORT_PAUSE_SECONDS: Final = 1.0
SECOND_MS: Final = 1_000

log = logs.logger("accrue.partners")

Report = Callable[[list[FulfillmentAttempt]], None]
"""Puts results on the log. Raises LaneFailed where that is away."""


@final
class CallPool:
    """Shared by the lanes of a worker; `slots` bound what it is given. A result that gets lost with the process counts
    as unknown, which its lane notices by the time.
    """

    def __init__(self, report: Report, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self.slots = CallSlots()
        self._report = report
        self._now_ms = now_ms
        self._results: queue.SimpleQueue[FulfillmentAttempt | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._http = HttpLoop("partner-calls")
        self._reporting = threading.Thread(target=self._report_all, name="partner-results", daemon=True)
        self._reporting.start()

    def submit(self, calls: list[Call]) -> None:
        """Make these calls, each in a slot that was reserved for it. Any thread."""
        self._http.start([self._make(call) for call in calls])

    def close(self, seconds: float) -> None:
        """Wait so long for calls under way and put their results on the log; others are left to their timeouts."""
        if not self._http.close(seconds):
            log.warning("calls to partners are left under way; they count as unknown")
        self._closing.set()
        self._results.put(None)
        self._reporting.join(seconds)

    # ---- on the loop

    async def _make(self, call: Call) -> None:
        partner_id = call.partner.partner_id
        try:
            attempt = await make_call(self._http.session(), call, self._now_ms)
        except Exception:
            log.exception("a call ended in a defect; it counts as unknown", provider=partner_id)
            raise
        finally:
            self.slots.give_back(partner_id, 1)
        seconds = (attempt.ended_at_ms - attempt.started_at_ms) / SECOND_MS
        metrics.partner_calls.labels(partner_id, attempt.action, attempt.means).inc()
        metrics.partner_call_seconds.labels(partner_id).observe(max(seconds, 0.0))
        self._results.put(attempt)

    # ---- on the thread that reports

    def _report_all(self) -> None:
        while True:
            first = self._results.get()
            if first is None:
                return
            found = [first]
            while len(found) < REPORT_MAX and not self._results.empty():
                following = self._results.get()
                if following is None:
                    self._results.put(None)
                    break
                found.append(following)
            self._report_some(found)

    def _report_some(self, found: list[FulfillmentAttempt]) -> None:
        """Until they are on the log, or the worker ends: then they count as unknown."""
        while True:
            try:
                self._report(found)
            except LaneFailed as error:
                log.warning("results of calls wait for the log", results=len(found), why=str(error))
                if self._closing.wait(REPORT_PAUSE_SECONDS):
                    return
            else:
                return
