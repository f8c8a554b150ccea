"""`accrue dlq`: dead letters listed, shown and re-driven."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from pipeline.cli.common import iso_time, json_option, print_json, print_json_line, print_table, settings_options
from pipeline.core.events import Event
from pipeline.core.reasons import DEAD_LETTER_REASONS
from pipeline.settings import Settings
from pipeline.sinks.assemble import decoder_of, topics_of
from pipeline.sinks.dead_letters import DeadLetters, Letter, Redriven
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.json_events import control_to_json, event_to_json

_PLACE = re.compile(r"(\d{1,9}):(\d{1,18})")

kafka_options = settings_options("bootstrap_servers", "registry_url", "topic_prefix")


class Place(click.ParamType):
    """PARTITION:OFFSET."""

    name = "PARTITION:OFFSET"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        match = _PLACE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no place such as 2:17, a partition and an offset", param, ctx)
        return int(match[1]), int(match[2])


@click.group()
def dlq() -> None:
    """List, show and re-drive dead letters."""


@dlq.command("list")
@click.option("--reason", default="", help="Only letters of this reason.")
@kafka_options
@json_option
def list_letters(reason: str, settings: Settings, as_json: bool) -> None:
    """List dead letters by partition and offset; with --json one document a line."""
    if reason and reason not in DEAD_LETTER_REASONS:
        click.echo(f"Note: {reason!r} is none of {', '.join(DEAD_LETTER_REASONS)}", err=True)
    with _letters(settings) as letters:
        found = letters.all(reason)
        if as_json:
            for letter in found:
                print_json_line(_summary(letter))
            return
        columns = ("place", "recorded", "reason", "event", "member", "detail")
        print_table(columns, ([row[column] for column in columns] for row in map(_summary, found)))


@dlq.command()
@click.argument("place", type=Place())
@kafka_options
@json_option
def show(place: tuple[int, int], settings: Settings, as_json: bool) -> None:
    """Show one dead letter whole, with the event that it holds where that can be read."""
    with _letters(settings) as letters:
        letter = letters.at(*place)
    whole = _whole(letter, decoder_of(settings))
    if as_json:
        print_json(whole)
        return
    content = letter.content
    click.echo(f"Dead letter {letter.place}: {content.reason}")
    click.echo(f"  {DEAD_LETTER_REASONS.get(content.reason, '')}")
    click.echo(f"  {content.detail}")
    for name in ("source", "recorded", "event", "member", "traceparent", "key", "value"):
        click.echo(f"  {name:<12} {whole[name]}")
    if whole["content"] is not None:
        click.echo("The record as it was read:")
        print_json(whole["content"])


@dlq.command()
@click.argument("places", type=Place(), nargs=-1)
@click.option("--reason", default="", help="All letters of this reason.")
@click.option("--all", "everything", is_flag=True, help="All letters.")
@kafka_options
@json_option
def redrive(
    places: tuple[tuple[int, int], ...], reason: str, everything: bool, settings: Settings, as_json: bool
) -> None:
    """Send the original records to where they were read once more: those at PLACES, of one reason, or all.

    A record that was applied meanwhile is recognised as a duplicate; one that fails again becomes a new dead letter.
    Exits with 1 if some letter could not be sent.
    """
    if bool(places) + bool(reason) + everything != 1:
        raise click.UsageError("name letters as PARTITION:OFFSET, or give --reason or --all: exactly one of the three")
    with _letters(settings) as letters:
        chosen: Iterable[Letter]
        chosen = [letters.at(*place) for place in places] if places else letters.all(reason)
        results = list(letters.redrive(chosen))
    problems = [result for result in results if result.problem]
    repeats = sum(1 for result in results if result.same_as)
    if as_json:
        print_json([_result(result) for result in results])
    else:
        print_table(
            ("letter", "reason", "sent to", "note"),
            [
                (
                    result.letter.place,
                    result.letter.content.reason,
                    _result(result)["sent_to"] or "-",
                    result.problem or (f"the same record as {result.same_as}" if result.same_as else ""),
                )
                for result in results
            ],
        )
        sent = len(results) - len(problems) - repeats
        click.echo(f"{sent} sent, {repeats} the same as another, {len(problems)} not sent")
    if problems:
        raise click.ClickException(
            f"{len(problems)} of {len(results)} letters were not sent; the first, {problems[0].letter.place}: "
            f"{problems[0].problem}"
        )


@contextmanager
def _letters(settings: Settings) -> Iterator[DeadLetters]:
    topics = topics_of(settings)
    letters = DeadLetters(settings, topics, decoder_of(settings))
    try:
        yield letters
    finally:
        letters.close()


def _summary(letter: Letter) -> dict[str, str]:
    content = letter.content
    return {
        "place": letter.place,
        "recorded": iso_time(content.timestamp_ms),
        "reason": content.reason,
        "event": content.event_id,
        "member": content.member_id,
        "source": f"{content.topic}[{content.partition}]:{content.offset}",
        "detail": content.detail,
    }


def _whole(letter: Letter, decoder: Decoder) -> dict[str, Any]:
    content = letter.content
    return _summary(letter) | {
        "traceparent": content.traceparent,
        "key": content.key.hex(),
        "value": content.value.hex(),
        "content": _readable(content.value, content.timestamp_ms, decoder),
    }


def _readable(value: bytes, recorded_at_ms: int, decoder: Decoder) -> dict[str, Any] | None:
    """The record as JSON, or None where it is unreadable, which is then why it is a dead letter."""
    try:
        record = decoder.decode(value, recorded_at_ms)
    except Undecodable:
        return None
    return event_to_json(record) if isinstance(record, Event) else control_to_json(record, recorded_at_ms)


def _result(result: Redriven) -> dict[str, str]:
    sent_to = f"{result.topic}[{result.partition}]:{result.offset}" if result.topic else ""
    return {
        "letter": result.letter.place,
        "reason": result.letter.content.reason,
        "sent_to": sent_to,
        "problem": result.problem,
        "same_as": result.same_as,
    }
