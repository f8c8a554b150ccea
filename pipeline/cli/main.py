"""The `accrue` command: one group that imports a subject's file only when one of its commands is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Final, cast

import click

from pipeline.cli.errors import known_error

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("pipeline.cli.stack:up", "Start the local stack: Kafka, registry, Redis protocol and PostgreSQL."),
    "down": ("pipeline.cli.stack:down", "End the local stack."),
    "status": ("pipeline.cli.status:status", "Show servers, workers with their lanes, and what stands still."),
    "demo": ("pipeline.cli.demo:demo", "Run the main job on real servers: purchases in, points out, proof at the end."),
    "topics": ("pipeline.cli.topics:topics", "Plan and apply topics.yaml."),
    "schemas": ("pipeline.cli.schemas:schemas", "Check, register and generate from the Avro schemas."),
    "program": ("pipeline.cli.program:program", "Check, test, compare and publish loyalty programmes."),
    "worker": ("pipeline.cli.worker:worker", "Run the pipeline's lanes."),
    "lane": ("pipeline.cli.lane:lane", "Bring a broken lane back."),
    "quarantine": ("pipeline.cli.worker:quarantine", "List and release members whose records are parked."),
    "events": ("pipeline.cli.events:events", "Send live events or import history."),
    "log": ("pipeline.cli.log:log", "Export the event log as JSON lines."),
    "simulate": ("pipeline.cli.simulate:simulate", "Decide a file of events without Kafka."),
    "member": ("pipeline.cli.member:member", "Show a member's balances, tier and latest entries."),
    "notifications": ("pipeline.cli.notifications:notifications", "Preview messages to members; show their feeds."),
    "webhooks": ("pipeline.cli.webhooks:webhooks", "Webhooks of downstream teams: list, replay, enable, disable."),
    "explain": ("pipeline.cli.explain:explain", "Say what became of one event, and why."),
    "ledger": ("pipeline.cli.ledger:ledger", "Verify the ledger's hash chains."),
    "pools": ("pipeline.cli.pools:pools", "See how budgets, stock and voucher codes stand; load codes."),
    "dlq": ("pipeline.cli.dlq:dlq", "List, show and re-drive dead letters."),
    "partners": ("pipeline.cli.partners:partners", "Providers of rewards: status, orders, callbacks, settlement."),
    "reviews": ("pipeline.cli.reviews:reviews", "List, show and decide what fraud signals hold."),
    "fraud": ("pipeline.cli.fraud:fraud", "What fraud signals catch, and whom they wrongly stop."),
    "sink": ("pipeline.cli.sink:sink", "Carry the output topics into PostgreSQL or Redis."),
}
"""Command to (module:object, line for the help). A subject's file exports its command under the command's name."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for; the help is written without importing any."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: Iterable[tuple[str, str]] = [(name, line) for name, (_target, line) in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(list(rows))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a known error becomes one line on stderr and exit code 1, misuse is click's 2."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            line = None if isinstance(error, click.ClickException | click.exceptions.Exit) else known_error(error)
            if line is None:
                raise
            raise click.ClickException(line) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="accrue", message="%(prog)s %(version)s")
def cli() -> None:
    """Accrue: points, tiers and redemptions by configuration, exactly once, on Apache Kafka.

    Exit codes: 0 done, 1 refused, 2 misused. Facts go to stdout (--json for machines), errors to stderr.
    """


def main() -> None:
    """Entry point of the `accrue` command."""
    cli(prog_name="accrue")


if __name__ == "__main__":
    main()
