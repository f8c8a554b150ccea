"""One thread per partition: opens the lane, feeds it batches, opens it anew after a failure, closes it when asked."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, final

from pipeline import clock, logs, metrics
from pipeline.lane.facts import LaneFacts, Trouble, trouble_of
from pipeline.lane.garbage import collect_after_batch
from pipeline.lane.ports import Batch, LaneBroken, LaneClosing, LaneFailed
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.remedies import failing, waiting_remedy

BATCHES_OUT_MAX: Final = 2
"""One being processed and one ready to be: more would only be lost when the lane fails."""
IDLE_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
LOST_SECONDS: Final = 15.0
"""A batch that takes so long from the fetcher to its lane is lost; a machine that is merely slow is faster."""

log = logs.logger("accrue.lane")


class OpenLane(Protocol):
    """What a runner runs: the exactly-once lane or a relaying one. Used by the runner's thread alone."""

    @property
    def position(self) -> int: ...

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """Who stands still in the partition. Any thread."""

    def open(self, at: int | None = None) -> int:
        """The position to read from. A lane whose position is not in its changelog can be told to begin `at`."""

    def process(self, batch: Batch) -> None: ...
    def idle(self) -> None:
        """Called about once a second, between batches. May raise LaneFailed."""

    def close(self) -> None: ...


class SystemClock:
    """The clock port over the machine's clocks; a wait ends with LaneClosing as soon as `closing` is set.

    `waits_for` is to be told what the lane waits for, before it waits.
    """

    def __init__(self, closing: threading.Event, waits_for: Callable[[Exception], None]) -> None:
        self._closing = closing
        self.waits_for = waits_for

    def now_ms(self) -> int:
        return clock.now_ms()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise LaneClosing


Opener = Callable[[int, SystemClock], OpenLane]
"""Makes a lane, not yet open, for a partition."""


@final
class Attachment:
    """One opening of a lane, as its consumer sees it: where to read from, and room for batches.

    `fetched` is the end of the last batch cut for it and belongs to the consumer; batches go through `offer` (when
    cut) and `submit` (when the agent delivers them).
    """

    def __init__(self, position: int, room: threading.Event) -> None:
        self.position = position
        self.fetched = position
        self._room = room
        self._lock = threading.Lock()
        self._out = 0
        self._active_at = time.monotonic()
        self.queue: queue.SimpleQueue[Batch | LaneFailed | None] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        return self._out < BATCHES_OUT_MAX

    def offer(self, batch: Batch) -> None:
        """The batch is on its way to the lane."""
        with self._lock:
            self._out += 1
            self._active_at = time.monotonic()
        self.fetched = batch.end

    def submit(self, batch: Batch) -> None:
        """The batch has arrived; the lane takes it from the queue."""
        self.queue.put(batch)

    def fail(self, why: LaneFailed) -> None:
        """Reading for this opening cannot go on: the lane is opened anew, and finds out what is the matter."""
        self.queue.put(why)

    def done(self) -> None:
        with self._lock:
            self._out -= 1
            self._active_at = time.monotonic()
        self._room.set()

    def lost(self) -> bool:
        """Whether a batch that was offered did not arrive: nothing is queued, nothing has moved for a while."""
        with self._lock:
            return self._out > 0 and self.queue.empty() and time.monotonic() - self._active_at > LOST_SECONDS


@final
class LaneRunner:
    """Runs the lane of one partition until it is closed.

    `attachment` is there while the lane is open; another object means another opening. `position` is the last one
    reached, -1 before the first opening. `trouble` is there until the lane has got over it.
    """

    def __init__(self, topic: str, partition: int, opener: Opener, room: threading.Event) -> None:
        self.topic = topic
        self.partition = partition
        self.attachment: Attachment | None = None
        self.position = -1
        self.state = "opening"
        self.trouble: Trouble | None = None
        self._quarantined: tuple[Quarantined, ...] = ()
        self._served = False
        self._begin_at: int | None = None
        self._opener = opener
        self._room = room
        self._closing = threading.Event()
        self._resumed = threading.Event()
        self._clock = SystemClock(self._closing, self._wait_for)
        self._thread = threading.Thread(target=self._run, name=f"lane-{topic}-{partition}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_close(self) -> None:
        """The batch being processed is finished, nothing else is begun."""
        self._closing.set()
        self._resumed.set()
        attachment = self.attachment
        if attachment is not None:
            attachment.queue.put(None)

    def resume(self, at: int | None) -> str:
        """Have a broken lane opened anew, to begin `at`. Returns the state that it was found in. Any thread."""
        state = self.state
        if state == "broken":
            self._begin_at = at
            self._enter("opening")
            self._resumed.set()
        return state

    def facts(self, lag: int) -> LaneFacts:
        """How the lane stands. Any thread."""
        return LaneFacts(
            self.topic, self.partition, self.state, self.position, lag, self.trouble, self._quarantined
        )  # fmt: skip

    def join(self, seconds: float) -> bool:
        """Whether the thread has ended within `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            failure, served = self._live_once()
            if isinstance(failure, LaneBroken):
                self._stand_still(failure)
            elif failure is not None:
                failures = 1 if served else failures + 1
                pause = PAUSE_SECONDS[min(failures, len(PAUSE_SECONDS)) - 1]
                self.trouble = trouble_of(failure, failing(), self.topic, self.partition, self.trouble)
                self._enter("failed")
                details = {} if isinstance(failure, LaneFailed) else {"exc_info": failure}
                log.warning("lane failed", **self._where(), why=str(failure), reopens_in_seconds=pause, **details)
                metrics.lane_reopenings.labels(self.topic, self.partition).inc()
                self._closing.wait(pause)
        self._enter("closed")
        log.info("lane closed", **self._where(), position=self.position)

    def _stand_still(self, failure: LaneBroken) -> None:
        """Until someone has looked and says so."""
        trouble = trouble_of(failure, failure.remedy, self.topic, self.partition, self.trouble)
        self.trouble = trouble
        self._resumed.clear()
        self._enter("broken")
        if self._closing.is_set():
            return
        log.critical("lane broken: the partition stands still", **self._where(), why=trouble.why, remedy=trouble.remedy)
        self._resumed.wait()
        if not self._closing.is_set():
            log.warning("lane resumed", **self._where(), at=self._begin_at)

    def _wait_for(self, why: Exception) -> None:
        self.trouble = trouble_of(why, waiting_remedy(why), self.topic, self.partition, self.trouble)
        self._enter("waiting")

    def _live_once(self) -> tuple[Exception | None, bool]:
        """One opening, from open to close: (what ended it, whether it has processed something)."""
        lane: OpenLane | None = None
        self._served = False
        try:
            self._enter("opening")
            lane = self._opener(self.partition, self._clock)
            at, self._begin_at = self._begin_at, None
            self.position = lane.open() if at is None else lane.open(at)
            self._serve(lane)
        except LaneClosing:
            return None, self._served
        except Exception as error:  # noqa: BLE001 - whatever it is, the other partitions go on
            return error, self._served
        finally:
            self._release(lane)
        return None, self._served

    def _serve(self, lane: OpenLane) -> None:
        """Process batches until the lane is to close."""
        attachment = self.attachment = Attachment(self.position, self._room)
        self._quarantined = lane.quarantined
        self._enter("running")
        self._room.set()
        idle_at = time.monotonic() + IDLE_SECONDS
        while not self._closing.is_set():
            try:
                batch = attachment.queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                batch = None
            if isinstance(batch, LaneFailed):
                raise batch
            if batch is not None and not self._closing.is_set():
                lane.process(batch)
                self.position = lane.position
                self._quarantined = lane.quarantined
                attachment.done()
                self._served = True
                self._well()
                collect_after_batch()
            if time.monotonic() >= idle_at:
                lane.idle()
                self._well()
                idle_at = time.monotonic() + IDLE_SECONDS
                if attachment.lost():
                    raise LaneFailed("a batch that was fetched did not arrive")

    def _well(self) -> None:
        self.trouble = None
        self._enter("running")

    def _release(self, lane: OpenLane | None) -> None:
        self.attachment = None
        if lane is None:
            return
        self.position = max(self.position, lane.position)
        try:
            lane.close()
        except Exception as error:  # noqa: BLE001 - the lane is given up anyway; its successor fences it
            log.warning("lane closed with an error", **self._where(), why=str(error))

    def _enter(self, state: str) -> None:
        if state == self.state and state != "opening":
            return
        self.state = state
        for name in metrics.LANE_STATES:
            metrics.lane_state.labels(self.topic, self.partition, name).set(name == state)

    def _where(self) -> dict[str, object]:
        return {"topic": self.topic, "partition": self.partition}
