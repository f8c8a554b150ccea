"""One run from its seed: servers and processes up, load and faults at once, drained, judged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from pipeline.demo.run import PROGRAM as SHOP
from pipeline.demo.stage import Stage
from pipeline.devstack import LocalStack
from pipeline.history.purchases import DAY_MS
from pipeline.program import load_program
from tests.chaos import schedule, server_faults, worker_faults
from tests.chaos.evidence import rows
from tests.chaos.judge import checks, drain, gather
from tests.chaos.load import Load
from tests.chaos.monitor import Monitor
from tests.chaos.process_logs import ProcessLogs
from tests.chaos.report import Result
from tests.chaos.run_state import BrokenOff, Injected, Run
from tests.chaos.schedule import Fault, Schedule
from tests.chaos.staff import Staff
from tests.chaos.watch import Lines

PARTITIONS: Final = 4
WORKERS: Final = 3
TELL_EVERY_S: Final = 10.0
READY_S: Final = 60.0
TRIES: Final = 4
LEAST_GAP: Final = 0.5
"""Of the planned time between two faults of a track."""

EXECUTORS: Final[dict[str, Callable[[Run, Fault], list[Injected]]]] = {
    schedule.WORKER_KILL: worker_faults.kill,
    schedule.ZOMBIE: worker_faults.zombie,
    schedule.REBALANCE: worker_faults.rebalance,
    schedule.BROKER_KILL: server_faults.down_broker,
    schedule.BROKER_RESTART: server_faults.down_broker,
    schedule.REGISTRY_DOWN: server_faults.down_registry,
    schedule.REDIS_DOWN: server_faults.down_redis,
    schedule.REDIS_FLUSHED: server_faults.flush_redis,
    schedule.POSTGRES_DOWN: server_faults.down_postgres,
    schedule.STORE_FLIPPED: worker_faults.damage_store,
    schedule.STORE_TRUNCATED: worker_faults.damage_store,
    schedule.STORE_REMOVED: worker_faults.damage_store,
    schedule.DISK_FULL: worker_faults.fill_disk,
    **dict.fromkeys(worker_faults.CLOCKS_MS, worker_faults.shift_clock),
    schedule.SINK_FAILPOINT: server_faults.fail_sink,
    **dict.fromkeys(schedule.WORKER_FAILPOINTS, worker_faults.fail_at),
    schedule.PROGRAM: server_faults.activate_program,
    schedule.SCHEMA: server_faults.evolve_schema,
}


def chaos(plan: Schedule, folder: Path, rate: int, lines: Lines) -> Result:
    """Run it all in an empty folder, and end whatever was started. `rate` is the load in records a second."""
    began_s = time.monotonic()
    with ExitStack() as cleanup:
        lines.act("starting Kafka, registry, Redis protocol and PostgreSQL")
        stack = cleanup.enter_context(LocalStack.up(folder / "stack", guarded=True))
        stage = cleanup.enter_context(Stage(folder, partitions=PARTITIONS, workers=WORKERS, stack=stack))
        run = _set_up(plan, stage, stack, rate)
        cleanup.callback(run.staff.end)
        lines.act(f"load and faults, {plan.load_s:.0f} s or until all are done")
        load_began_s = time.monotonic()
        _let_loose(run, plan, lines)
        load_s = time.monotonic() - load_began_s
        lines.act("draining")
        drained_s = drain(run)
        run.monitor.stop()
        run.staff.end()
        evidence, inputs = gather(run, lines)
        lines.act("proving")
        table = rows(run, plan.counts, evidence, inputs)
        return Result(
            plan.seed,
            plan.counts[schedule.WORKER_KILL],
            load_s,
            time.monotonic() - began_s,
            drained_s,
            run.monitor.longest_standstill_s()[0],
            inputs.records,
            evidence.outputs.audit.digest(),
            table,
            checks(run, evidence, drained_s),
            dict(run.load.counts),
        )


def _set_up(plan: Schedule, stage: Stage, stack: LocalStack, rate: int) -> Run:
    """A programme in force, workers and sinks started, and everything that a run consists of."""
    stage.publish(load_program(SHOP), _now_ms() - 100 * DAY_MS)
    staff = Staff(stage, plan.seed)
    log = stage.connection.log
    load = Load(stage.settings, log.full_name, stage.partitions, stage.encoder, plan.seed, rate)
    monitor = Monitor(stage.connection, stage.partitions)
    run = Run(plan.seed, stage, stack, staff, load, monitor, ProcessLogs(stage.directory))
    for name in (*staff.workers, *staff.sinks):
        staff.start(name)
    load.start()
    monitor.start()
    if not run.wait_for(lambda: monitor.latest()[1] > 0, READY_S):
        raise RuntimeError(f"no lane has decided anything within {READY_S:.0f} s: see the logs in {stage.directory}")
    staff.start_supervising()
    return run


def _let_loose(run: Run, plan: Schedule, lines: Lines) -> None:
    """All tracks at once, each in a thread; returns when the last fault is done and the load has ended."""
    began_s = time.monotonic()
    failed: list[BaseException] = []

    def follow(faults: list[Fault]) -> None:
        try:
            planned_s = done_s = 0.0
            for fault in faults:
                # One that had to wait for its worker does not make those behind it come all at once.
                due_s = max(fault.at_s, done_s + (fault.at_s - planned_s) * LEAST_GAP)
                planned_s = fault.at_s
                run.pause(max(0.0, due_s - (time.monotonic() - began_s)))
                _do(run, fault)
                done_s = time.monotonic() - began_s
        except BrokenOff:
            return
        except BaseException as error:  # noqa: BLE001 - raised again below, by the thread that waits
            failed.append(error)
            run.ending.set()

    threads = [threading.Thread(target=follow, args=(faults,), name=name) for name, faults in plan.tracks.items()]
    try:
        for thread in threads:
            thread.start()
        told_s = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.1)
            if time.monotonic() - told_s >= TELL_EVERY_S:
                told_s = time.monotonic()
                _tell(run, plan, lines)
    except BaseException:
        run.ending.set()
        raise
    finally:
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    run.load.finish()
    run.load_ended_s = time.time()


def _do(run: Run, fault: Fault) -> None:
    """Do a fault; again, a few times, while none of its kind did bite: on a slow machine it may have met nothing."""
    for _ in range(TRIES):
        injected = EXECUTORS[fault.kind](run, fault)
        run.injected.extend(injected)
        if not injected or any(each.bit is not False for each in run.injected if each.kind == fault.kind):
            return


def _tell(run: Run, plan: Schedule, lines: Lines) -> None:
    done = Counter(injected.kind for injected in run.injected)
    log, decided = run.monitor.latest()
    bit = sum(bool(injected.bit) for injected in run.injected)
    seconds, partition, _since = run.monitor.longest_standstill_s()
    lines.tell(
        f"{done[schedule.WORKER_KILL]} of {plan.counts[schedule.WORKER_KILL]} kills, {done.total()} of "
        f"{sum(count for kind, count in plan.counts.items() if kind not in schedule.WORKER_FAILPOINTS)} faults besides "
        f"failpoints, {bit} did bite; log {log:,}, to decide {log - decided:,}; "
        f"longest standstill {seconds:.1f} s (partition {partition})"
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
