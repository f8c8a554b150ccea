"""`accrue notifications`: how messages will read, what stands in a member's feed, and how members are reached."""

from __future__ import annotations

import click

from pipeline import clock
from pipeline.cli.common import iso_time, json_option, print_json, settings_options
from pipeline.notify.feed import Contact, Feeds
from pipeline.notify.policy import policy_of, shown, zone_of
from pipeline.program import load_program
from pipeline.program.notifications import CHANNELS
from pipeline.program.templates import samples
from pipeline.settings import Settings

feed_options = settings_options("redis_url", "topic_prefix", "app_id")


@click.group(short_help="Preview messages to members; show their feeds.")
def notifications() -> None:
    """Messages to members; docs/notifications.md says how they travel."""


@notifications.command()
@click.argument("directory", metavar="PROGRAM", type=click.Path(exists=True, file_okay=False))
@click.argument("kind")
@click.option("--language", default="", help="Of the text; the programme's first one without it.")
@click.option("--channel", type=click.Choice(CHANNELS), default=CHANNELS[0], show_default=True)
@json_option
def preview(directory: str, kind: str, language: str, channel: str, as_json: bool) -> None:
    """Show a message of a programme's directory with sample values; no server is needed."""
    policy = policy_of(load_program(directory))
    terms = policy.terms
    if terms is None:
        raise click.ClickException(f"{directory} has no notifications.yaml: write one, then preview it")
    found = [message for message in terms.of_kind(kind) if message.channel == channel]
    if not found:
        known = ", ".join(f"{message.kind} by {message.channel}" for message in terms.messages)
        raise click.ClickException(f"the programme has no message of {kind} by {channel}; it has {known}")
    if language and language not in terms.languages:
        raise click.ClickException(f"the programme does not speak {language!r}; it has {', '.join(terms.languages)}")
    values = samples(kind, policy.local(clock.now_ms())) | {"program": policy.program_id}
    text = shown(found[0], language, values)
    spoken = language or terms.languages[0]
    if as_json:
        print_json({"kind": kind, "channel": channel, "language": spoken, "title": text.title, "body": text.body})
    else:
        click.echo(f"{text.title}\n\n{text.body}")


@notifications.command()
@click.argument("member_id")
@click.option("--mark-read", is_flag=True, help="They count as read from now on.")
@feed_options
@json_option
def feed(member_id: str, mark_read: bool, settings: Settings, as_json: bool) -> None:
    """Show what stands in a member's feed, newest first."""
    feeds = _feeds(settings)
    try:
        messages = feeds.feed(member_id)
        if mark_read and messages:
            feeds.mark_read(member_id, [str(message["id"]) for message in messages])
    finally:
        feeds.close()
    if as_json:
        print_json({"member_id": member_id, "messages": messages})
        return
    if not messages:
        click.echo(f"the feed of {member_id} is empty")
    for message in messages:
        mark = " " if message["read"] else "*"
        click.echo(f"{mark} {iso_time(message['at_ms'])}  {message['title']}\n    {message['body']}")


@notifications.command()
@click.argument("member_id")
@click.option("--email", help="Where e-mail goes; empty for nowhere.")
@click.option("--push", metavar="SERVICE:ADDRESS", help="Where push messages go; empty for nowhere.")
@click.option("--language", help="Of the texts; empty for the programme's first one.")
@click.option("--zone", help="Time zone of quiet times; empty for the programme's.")
@click.option("--off", multiple=True, type=click.Choice(CHANNELS), help="A channel that the member does not want.")
@click.option("--on", multiple=True, type=click.Choice(CHANNELS), help="A channel that is wanted again.")
@click.option("--consent", multiple=True, metavar="NAME", help="What the member agrees to.")
@click.option("--revoke", multiple=True, metavar="NAME", help="What the member agrees to no more.")
@feed_options
@json_option
def contact(
    member_id: str,
    email: str | None,
    push: str | None,
    language: str | None,
    zone: str | None,
    off: tuple[str, ...],
    on: tuple[str, ...],
    consent: tuple[str, ...],
    revoke: tuple[str, ...],
    settings: Settings,
    as_json: bool,
) -> None:
    """Show how a member is reached, or change what the options name."""
    if zone and zone_of(zone) is None:
        raise click.BadParameter(f"{zone!r} is no time zone: write one such as Europe/Berlin", param_hint="--zone")
    feeds = _feeds(settings)
    try:
        known = feeds.contact(member_id)
        changed = Contact(
            known.email if email is None else email.strip(),
            known.language if language is None else language.strip(),
            (known.off | set(off)) - set(on),
            known.push if push is None else push.strip(),
            known.zone if zone is None else zone.strip(),
            (known.consents | set(consent)) - set(revoke),
        )
        if changed != known:
            feeds.set_contact(member_id, changed)
    finally:
        feeds.close()
    facts = {
        "member_id": member_id,
        "email": changed.email,
        "push": changed.push,
        "language": changed.language,
        "zone": changed.zone,
        "off": sorted(changed.off),
        "consents": sorted(changed.consents),
    }
    if as_json:
        print_json(facts)
    else:
        click.echo("\n".join(f"{name}: {value or '-'}" for name, value in facts.items()))


def _feeds(settings: Settings) -> Feeds:
    return Feeds(settings.need("redis_url"), settings.app_id, settings.topic_prefix)
