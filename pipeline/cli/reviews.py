"""`accrue reviews`: what fraud signals hold, shown with its evidence, and verdicts on it."""

from __future__ import annotations

import getpass
from typing import Any

import click

from pipeline.cli.common import json_option, print_json, print_table, settings_options, utc_text
from pipeline.cli.explain_show import show_alert
from pipeline.lane.verdicts import send_verdict
from pipeline.settings import Settings
from pipeline.sinks.postgres_queries import Row, ledger

read_options = settings_options("postgres_url")


@click.group(short_help="List, show and decide what fraud signals hold.")
def reviews() -> None:
    """What fraud signals hold for review, or freeze, waits here for a verdict."""


@reviews.command("list")
@click.option("--all", "everything", is_flag=True, help="Ended ones, too.")
@click.option("--member", "member_id", help="Only this member's.")
@read_options
@json_option
def list_reviews(everything: bool, member_id: str | None, settings: Settings, as_json: bool) -> None:
    """List open reviews, those that time ends first at the top."""
    with ledger(settings.need("postgres_url")) as tables:
        found = tables.reviews(None if everything else True, member_id)
    if as_json:
        print_json(found)
        return
    print_table(
        ("review", "member", "signal", "status", "holds", "opened", "due", "by default", "reviewers"),
        [
            (
                one["review_id"], one["member_id"], one["signal_id"], one["status"], _holds(one),
                utc_text(one["opened_at"]), utc_text(one["due_at"]) if one["due_at"] else "-",
                one["default_verdict"] if one["due_at"] else "-", one["reviewers"],
            )
            for one in found
        ],
    )  # fmt: skip


@reviews.command()
@click.argument("review_id")
@read_options
@json_option
def show(review_id: str, settings: Settings, as_json: bool) -> None:
    """Show one review: what it holds, what set it off with the evidence of that moment, and all verdicts so far."""
    with ledger(settings.need("postgres_url")) as tables:
        review = _one(tables.review(review_id), review_id)
        changes = tables.review_changes(review_id)
        alerts = [alert for alert in tables.trace(changes[0]["event_id"]).fraud_alerts if _is_of(alert, review)]
    if as_json:
        print_json(review | {"changes": changes, "alerts": alerts})
        return
    click.echo(f"Review {review_id} of member {review['member_id']}: {review['status']}, {_holds(review)}")
    if review["open"] and review["due_at"]:
        click.echo(f"  {review['default_verdict']} by default at {utc_text(review['due_at'])}")
    if review["open"] and review["reviewers"] > 1:
        click.echo("  two different reviewers must agree")
    for change in changes:
        by = f" by {change['reviewer']}: {change['verdict']}" if change["reviewer"] else ""
        why = f", {change['reason']}" if change["reason"] else ""
        click.echo(f"  {utc_text(change['occurred_at'])} {change['status']}{by}{why} (event {change['event_id']})")
    for alert in alerts:
        show_alert(alert)
        for fact in alert["evidence"]:
            click.echo(f"    {fact['name']}: {fact['value']}")


@reviews.command()
@click.argument("review_id")
@click.argument("verdict", type=click.Choice(("approve", "reject")))
@click.option("--reviewer", default=getpass.getuser, show_default="you", help="Who decides.")
@click.option("--reason", default="", help="Why; it is kept with the verdict.")
@click.option("--member", "member_id", help="The member: then PostgreSQL is not asked whether the review is open.")
@settings_options("postgres_url", "bootstrap_servers", "registry_url", "topic_prefix")
@json_option
def decide(
    review_id: str, verdict: str, reviewer: str, reason: str, member_id: str | None, settings: Settings, as_json: bool
) -> None:
    """Give a verdict on a review: `approve` gives what it holds, `reject` takes it.

    The verdict is an event on the log. Above the programme's amount a second, different reviewer must agree.
    """
    first = False
    if member_id is None:
        with ledger(settings.need("postgres_url")) as tables:
            review = _one(tables.review(review_id), review_id)
        if not review["open"]:
            raise click.ClickException(f"review {review_id} is {review['status']}: nothing is held any longer")
        if review["status"] == "endorsed" and review["reviewer"] == reviewer:
            raise click.ClickException(f"{reviewer} has given a verdict: a second, different reviewer must agree")
        member_id = str(review["member_id"])
        first = review["reviewers"] > 1 and (review["status"] == "opened" or review["verdict"] != verdict)
    event = send_verdict(settings, member_id, review_id, verdict, reviewer, reason)
    if as_json:
        print_json({"event_id": event.event_id, "member_id": member_id, "review_id": review_id, "verdict": verdict})
        return
    more = "; a second, different reviewer must agree" if first else ""
    click.echo(f"the verdict on {review_id} is on the log as event {event.event_id}{more}")


def _one(review: Row | None, review_id: str) -> Row:
    if review is None:
        raise click.ClickException(
            f"there is no review {review_id!r}: see `accrue reviews list`, or `accrue sink run postgres` is behind"
        )
    return review


def _is_of(alert: Row, review: Row) -> bool:
    return bool(alert["member_id"] == review["member_id"] and alert["review_id"] == review["review_id"])


def _holds(review: dict[str, Any]) -> str:
    """What waits, in words."""
    if review["freezes"]:
        return "redemptions are frozen" if review["open"] else "redemptions were frozen"
    points = ", ".join(f"{part['points']} {part['unit']}" for part in review["parts"]) or "nothing"
    if review["redemption_id"]:
        return f"{points} of redemption {review['redemption_id']}"
    return f"{points} earned" + (f" with order {review['order_id']}" if review["order_id"] else "")
