"""`accrue sink`: carries the output topics into PostgreSQL and Redis."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from pipeline import logs, metrics
from pipeline.cli.common import json_option, print_json, settings_options
from pipeline.settings import Settings
from pipeline.sinks import assemble
from pipeline.sinks.redis_target import RedisTarget

gaps_option = click.option(
    "--accept-gaps", is_flag=True, help="Go on where the log no longer holds what was not read yet."
)
unknown_option = click.option(
    "--reject-unknown-schemas",
    is_flag=True,
    help="Set records aside whose schema the registry does not know, instead of waiting for it.",
)
sink_options = settings_options(
    "bootstrap_servers", "registry_url", "postgres_url", "redis_url", "topic_prefix", "app_id"
)


@click.group()
def sink() -> None:
    """Carry the output topics into PostgreSQL or Redis."""


@sink.command()
@click.argument("name", type=click.Choice(assemble.SINKS))
@sink_options
@gaps_option
@unknown_option
@click.option("--until-end", is_flag=True, help="Stop once everything that is there now was carried.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics; 0 takes a free port.")
@click.option("--log-level", type=click.Choice(("DEBUG", "INFO", "WARNING", "ERROR")), default="INFO")
def run(
    name: str,
    settings: Settings,
    accept_gaps: bool,
    reject_unknown_schemas: bool,
    until_end: bool,
    metrics_port: int | None,
    log_level: str,
) -> None:
    """Run a sink until SIGTERM or SIGINT; the batch under way is finished first.

    It goes on where the target stands, and from the beginning in an empty one. Several instances may run at once.
    """
    logs.configure(log_level)
    built = assemble.sink(name, settings, accept_gaps=accept_gaps, reject_unknown_schemas=reject_unknown_schemas)
    if metrics_port is not None:
        logs.logger("accrue.sink").info("metrics served", port=metrics.serve(metrics_port))
    with stop_on_signals() as stop:
        built.run(stop, until_end=until_end)


@sink.command()
@click.argument("name", type=click.Choice(["redis"]))
@sink_options
@unknown_option
@json_option
def rebuild(name: str, settings: Settings, reject_unknown_schemas: bool, as_json: bool) -> None:
    """Delete what the sink wrote and write it again from the beginning of the log. Other keys are left alone.

    A sink that runs meanwhile notices and helps. PostgreSQL is not rebuilt: give the sink an empty database instead.
    """
    logs.configure("WARNING")
    target = RedisTarget(settings.need("redis_url"), assemble.keys_of(settings))
    try:
        deleted = target.wipe()
    finally:
        target.close()
    with stop_on_signals() as stop:
        built = assemble.sink(name, settings, accept_gaps=False, reject_unknown_schemas=reject_unknown_schemas)
        built.run(stop, until_end=True)
        if stop.is_set():
            raise click.ClickException("stopped before the end: run `accrue sink run redis` to go on")
    if as_json:
        print_json({"members_deleted": deleted, "rebuilt": True})
    else:
        click.echo(f"{deleted} members were deleted; Redis was filled again from the beginning of the log.")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
