"""The thread that runs a lane: it opens again what fails, stands still where something is broken, notices loss."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.lane import runner as runner_module
from pipeline.lane.ports import Batch, LaneBroken, LaneFailed
from pipeline.lane.quarantined import Quarantined
from pipeline.lane.runner import Attachment, LaneRunner, SystemClock

WAIT_S = 60.0


class ScriptedLane:
    """A lane that does what a test says, and remembers what happened to it."""

    def __init__(self, on_open: Callable[[], int], on_process: Callable[[Batch], None]) -> None:
        self._on_open = on_open
        self._on_process = on_process
        self.position = -1
        self.closed = False
        self.quarantined: tuple[Quarantined, ...] = ()

    def open(self, at: int | None = None) -> int:
        self.position = self._on_open() if at is None else at
        return self.position

    def process(self, batch: Batch) -> None:
        self._on_process(batch)
        self.position = batch.end

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        self.closed = True


class Script:
    """Makes lanes; `opens` and `processes` say what the first, second, ... call does: an error to raise, or None."""

    def __init__(
        self, opens: list[Exception | None] | None = None, processes: list[Exception | None] | None = None
    ) -> None:
        self.lanes: list[ScriptedLane] = []
        self._opens = iter(opens or [])
        self._processes = iter(processes or [])

    def opener(self, partition: int, clock: SystemClock) -> ScriptedLane:
        lane = ScriptedLane(self._open, self._process)
        self.lanes.append(lane)
        return lane

    def _open(self) -> int:
        error = next(self._opens, None)
        if error is not None:
            raise error
        return 10

    def _process(self, batch: Batch) -> None:
        error = next(self._processes, None)
        if error is not None:
            raise error


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def running(script: Script) -> Iterator[LaneRunner]:
    runner = LaneRunner("topic", 3, script.opener, threading.Event())
    runner.start()
    try:
        yield runner
    finally:
        runner.ask_to_close()
        assert runner.join(WAIT_S)
        assert all(lane.closed for lane in script.lanes)


def deliver(runner: LaneRunner, start: int, end: int) -> Attachment:
    wait_until(lambda: runner.attachment)
    attachment = runner.attachment
    assert attachment is not None
    batch = Batch([(start, 0, b"k", b"v")], start, end, attachment)
    attachment.offer(batch)
    attachment.submit(batch)
    return attachment


def test_a_lane_is_opened_and_processes_what_arrives() -> None:
    with running(Script()) as runner:
        attachment = deliver(runner, 10, 12)

        wait_until(lambda: runner.position == 12)
        assert attachment.has_room
        assert runner.state == "running"
    assert runner.state == "closed"


def test_a_lane_that_fails_is_opened_anew_and_old_batches_go_nowhere() -> None:
    script = Script(opens=[LaneFailed("no broker"), None, None], processes=[LaneFailed("unknown commit")])
    with running(script) as runner:
        old = deliver(runner, 10, 12)
        wait_until(lambda: runner.attachment not in (None, old))

        old.submit(Batch([(12, 0, b"k", b"v")], 12, 13, old))
        deliver(runner, 10, 15)
        wait_until(lambda: runner.position == 15)
    assert len(script.lanes) == 3


def test_a_defect_of_the_lane_itself_does_not_end_its_thread() -> None:
    script = Script(processes=[RuntimeError("a defect")])
    with running(script) as runner:
        old = deliver(runner, 10, 12)
        wait_until(lambda: runner.attachment not in (None, old))
        assert runner.state == "running"


@pytest.mark.parametrize("where", ["open", "process"])
def test_a_broken_lane_stands_still_until_it_is_closed(where: str) -> None:
    broken = LaneBroken("records are lost")
    script = Script(opens=[broken]) if where == "open" else Script(processes=[broken])
    with running(script) as runner:
        if where == "process":
            deliver(runner, 10, 12)
        wait_until(lambda: runner.state == "broken")
        wait_until(lambda: runner.attachment is None)
        assert script.lanes[0].closed, "its store is free for whoever looks into it"
    assert len(script.lanes) == 1


@pytest.mark.parametrize("at", [None, 15])
def test_a_broken_lane_goes_on_when_it_is_told_to(at: int | None) -> None:
    remedy = "mend it, then `accrue lane resume TOPIC PARTITION`"
    script = Script(processes=[LaneBroken("records are lost", remedy)])
    with running(script) as runner:
        assert runner.resume(None) in ("opening", "running"), "there is nothing to resume"
        deliver(runner, 10, 12)
        wait_until(lambda: runner.state == "broken")
        wait_until(lambda: runner.attachment is None)
        trouble = runner.facts(lag=3).trouble
        assert trouble is not None
        assert (trouble.why, trouble.remedy) == ("records are lost", "mend it, then `accrue lane resume topic 3`")

        assert runner.resume(at) == "broken"

        start = 10 if at is None else at
        deliver(runner, start, start + 2)
        wait_until(lambda: runner.position == start + 2)
        wait_until(lambda: runner.state == "running")
        assert runner.facts(lag=0).trouble is None


def test_what_failed_is_told_until_the_lane_has_got_over_it() -> None:
    script = Script(opens=[LaneFailed("no broker"), LaneFailed("no broker still")])
    with running(script) as runner:
        wait_until(lambda: runner.trouble is not None)
        first = runner.trouble
        assert first is not None
        wait_until(lambda: runner.trouble is None or runner.trouble.why == "no broker still")
        assert runner.trouble is None or runner.trouble.since_ms == first.since_ms

        wait_until(lambda: runner.state == "running")
        wait_until(lambda: runner.trouble is None)


def test_a_batch_that_never_arrives_opens_the_lane_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "LOST_SECONDS", 0.05)
    monkeypatch.setattr(runner_module, "IDLE_SECONDS", 0.02)
    script = Script()
    with running(script) as runner:
        wait_until(lambda: runner.attachment)
        attachment = runner.attachment
        assert attachment is not None

        attachment.offer(Batch([(10, 0, b"k", b"v")], 10, 11, attachment))

        wait_until(lambda: runner.attachment not in (None, attachment))


def test_a_lane_that_cannot_be_read_for_is_opened_anew() -> None:
    script = Script()
    with running(script) as runner:
        wait_until(lambda: runner.attachment)
        attachment = runner.attachment
        assert attachment is not None

        attachment.fail(LaneFailed("the offset is not in the log"))

        wait_until(lambda: runner.attachment not in (None, attachment))


def test_there_is_room_for_two_batches() -> None:
    attachment = Attachment(0, threading.Event())
    assert attachment.has_room

    for start in (0, 1):
        attachment.offer(Batch([(start, 0, None, b"v")], start, start + 1, attachment))

    assert not attachment.has_room
    assert attachment.fetched == 2
    attachment.done()
    assert attachment.has_room


def test_a_lane_that_waits_is_closed_at_once() -> None:
    waiting = threading.Event()

    class WaitingLane(ScriptedLane):
        def __init__(self, clock: SystemClock) -> None:
            super().__init__(lambda: 10, lambda _batch: None)
            self._clock = clock

        def process(self, batch: Batch) -> None:
            self._clock.waits_for(LaneFailed("no registry"))
            waiting.set()
            self._clock.wait(10_000)

    runner = LaneRunner("topic", 3, lambda _partition, clock: WaitingLane(clock), threading.Event())
    runner.start()
    deliver(runner, 10, 12)
    assert waiting.wait(WAIT_S)
    wait_until(lambda: runner.state == "waiting")

    runner.ask_to_close()

    assert runner.join(WAIT_S)
    assert runner.position == 10, "what was not committed does not count"
