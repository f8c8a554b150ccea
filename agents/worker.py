"""Runs a worker in the foreground: waits for what it needs, starts the chosen agents, drains on SIGTERM."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import faust
from confluent_kafka import KafkaException

from agents.app import LaneApp
from agents.fulfilment import fulfilment
from agents.intake import intake
from agents.notifications import notifications
from agents.partners import partners
from agents.pools import pools
from agents.relay import relay
from agents.rewards import rewards
from pipeline import logs
from pipeline.lane.context import LaneContext, connect
from pipeline.lane.garbage import collect_between_batches
from pipeline.lane.heaps import bound_heaps
from pipeline.lane.worker_http import WorkerServer
from pipeline.lane.worker_records import on_record
from pipeline.settings import Settings
from pipeline.wire.schemas import RegistryUnavailable

AGENTS: Final[Mapping[str, Callable[[LaneApp], None]]] = {
    "rewards": rewards,
    "relay": relay,
    "intake": intake,
    "fulfilment": fulfilment,
    "partners": partners,
    "pools": pools,
    "notifications": notifications,
}
PATIENCE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 1.0

log = logs.logger("accrue.worker")


def run(settings: Settings, agents: Sequence[str], server: WorkerServer) -> None:
    """Run until SIGTERM or SIGINT, then let the batches at hand be committed; does not return.

    The lanes go on the board of `server`, which serves already.

    Raises what `connect` raises; for servers that are not there yet only after a minute.
    """
    bound_heaps()
    context = wait_for_servers(settings)
    app = LaneApp(context, server.board)
    for name in agents:
        AGENTS[name](app)
    app.finalize()
    collect_between_batches()
    worker = faust.Worker(app, override_logging=False, quiet=True, redirect_stdouts=False, loglevel="WARNING")
    worker.spinner = None  # stdout is for facts, not for a terminal's amusement
    log.info("worker started", agents=list(agents), app_id=settings.app_id, partitions=context.partitions)
    with on_record(settings, server, agents):
        try:
            worker.execute_from_commandline()
        finally:
            app.close_desk()
            context.close()
            log.info("worker stopped")


def wait_for_servers(settings: Settings) -> LaneContext:
    """The lanes' context; brokers and registry may come up after the worker."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return connect(settings)
        except (KafkaException, RegistryUnavailable, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("worker waits for its servers", why=str(error))
        time.sleep(PAUSE_SECONDS)
