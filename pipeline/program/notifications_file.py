"""Reads notifications.yaml: what members are told, by which channel, in which languages and words."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Final

from pipeline.core.notices import KINDS
from pipeline.program.notifications import (
    CHANNELS,
    EMAIL,
    IN_APP,
    NO_DIGEST,
    WARNS_MS,
    Message,
    MessageText,
    NotificationTerms,
)
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Length, Name, Named, Text, Whole
from pipeline.program.templates import BadTemplate, check_template
from pipeline.program.yaml_nodes import Node

MAX_MESSAGES: Final = len(KINDS) * len(CHANNELS)
MAX_LANGUAGES: Final = 40
LANGUAGE: Final = Text("[a-z]{2,3}(-[A-Z]{2})?", "de")
SENDER: Final = Text(r"[^\r\n]*[^\s@<>]+@[^\s@<>]+>?", "Corner Shop <points@shop.example>")
QUIET: Final = Text("([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", "22:00-08:00")
TIME: Final = Text("([01][0-9]|2[0-3]):([0-5][0-9])", "18:00")
MOST: Final = 1_000
LIMITABLE: Final = tuple(channel for channel in CHANNELS if channel != IN_APP)
"""The feed disturbs nobody."""
TEMPLATE: Final = Text(r"[\s\S]+", "You have {{ balance|number }} points")
TEXT_KEYS: Final[Keys] = {
    "title": Key(TEMPLATE, "One line: the e-mail's subject, the headline in the feed.", required=True),
    "body": Key(TEMPLATE, "What the member reads.", required=True),
}
MESSAGE_KEYS: Final[Keys] = {
    "id": Key(Name(), "The message's name.", required=True),
    "on": Key(Choice(KINDS), "What it tells of.", required=True),
    "channel": Key(Choice(CHANNELS), "How it reaches the member.", required=True),
    "text": Key(Named(Fields(TEXT_KEYS), names=LANGUAGE), "Templates by language.", required=True),
    "digest": Key(TIME, "All of a day are told together at this time of the programme's day."),
    "consent": Key(Name(), "What a member must have agreed to, else nothing is sent."),
}
MOST_KEYS: Final[Keys] = {channel: Key(Whole(1, MOST), "So many; further ones are dropped.") for channel in LIMITABLE}
FILE_KEYS: Final[Keys] = {
    "languages": Key(
        Items(LANGUAGE, MAX_LANGUAGES, ordered=True), "Every text has all; the first is the default.", required=True
    ),
    "sender": Key(SENDER, "Who e-mail comes from."),
    "quiet": Key(QUIET, "Between these times of the programme's day only feeds are written to."),
    "most_per_day": Key(Fields(MOST_KEYS), "How many messages a member gets by a channel in a day."),
    "warning": Key(Length(months=False), "How long before points expire `points_expiring` tells so.", default="14d"),
    "messages": Key(Items(Fields(MESSAGE_KEYS), MAX_MESSAGES, id_key="id"), "The messages.", required=True),
}


def read_notifications(report: Report, source: Source, node: Node) -> NotificationTerms | None:
    """What the file says, or None where it is wrong."""
    section = Section(report, source, node, "notifications.yaml", FILE_KEYS)
    if not section.require("languages", "messages"):
        return None
    languages = _languages(report, source, section)
    sender = _sender(section)
    quiet = _quiet(section)
    most = _most(section)
    messages: list[Message] = []
    for item in section.items("messages", "messages", MAX_MESSAGES):
        message = _message(report, source, item, languages)
        if message is None:
            continue
        for other in messages:
            if other.message_id == message.message_id:
                report.error(source, item.start, f"there are two messages `{other.message_id}`", "rename one")
            elif (other.kind, other.channel) == (message.kind, message.channel):
                reason = (
                    f"messages `{other.message_id}` and `{message.message_id}` tell of the same by the same channel"
                )
                report.error(source, item.start, reason, "keep one: a member is told once")
        messages.append(message)
    if any(message.channel == EMAIL for message in messages) and not sender and "sender" not in section:
        section.refuse("messages", "a message goes out as e-mail, and there is no `sender`", "add `sender: ...`")
    if not languages:
        return None
    return NotificationTerms(languages, sender, quiet, tuple(messages), most, _warns_ms(section))


def _languages(report: Report, source: Source, section: Section) -> tuple[str, ...]:
    found: list[str] = []
    for scalar in section.texts("languages", "languages"):
        if re.fullmatch(LANGUAGE.pattern, scalar.value):
            found.append(scalar.value)
        else:
            reason = f"`{shorten(scalar.value)}` is not a language"
            report.error(source, scalar.start, reason, "write a code such as en, de or pt-BR")
    return tuple(found)


def _sender(section: Section) -> str:
    scalar = section.scalar("sender", "an address")
    if scalar is None:
        return ""
    _, address = parseaddr(scalar.value)
    if re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address) and re.fullmatch(SENDER.pattern, scalar.value):
        return scalar.value
    section.refuse("sender", f"`{shorten(scalar.value)}` is not an address", f"write one such as {SENDER.example}")
    return ""


def _quiet(section: Section) -> tuple[int, int]:
    scalar = section.scalar("quiet", "two times of day")
    if scalar is None:
        return 0, 0
    found = re.fullmatch(QUIET.pattern, scalar.value)
    if found is None:
        section.refuse("quiet", f"`{shorten(scalar.value)}` are not two times of day", f'write "{QUIET.example}"')
        return 0, 0
    hour, minute, until_hour, until_minute = (int(part) for part in found.groups())
    start, end = hour * 60 + minute, until_hour * 60 + until_minute
    if start == end:
        section.refuse("quiet", "the quiet time has no length", "leave `quiet` out, or let it end at another time")
    return start, end


def _most(section: Section) -> tuple[tuple[str, int], ...]:
    own = section.section("most_per_day", "`most_per_day`", MOST_KEYS)
    if own is None:
        return ()
    found = {channel: own.integer(channel, 1, MOST) for channel in LIMITABLE}
    return tuple((channel, most) for channel, most in found.items() if most)


def _warns_ms(section: Section) -> int:
    length_ms = section.length_ms("warning")
    return WARNS_MS if length_ms is None else length_ms


def _digest(section: Section) -> int:
    scalar = section.scalar("digest", "a time of day")
    if scalar is None:
        return NO_DIGEST
    found = re.fullmatch(TIME.pattern, scalar.value)
    if found is None:
        section.refuse("digest", f"`{shorten(scalar.value)}` is no time of day", f'write "{TIME.example}"')
        return NO_DIGEST
    return int(found[1]) * 60 + int(found[2])


def _message(report: Report, source: Source, node: Node, languages: tuple[str, ...]) -> Message | None:
    section = Section(report, source, node, "a message", MESSAGE_KEYS)
    if not section.readable or not section.require("id", "on", "channel", "text"):
        return None
    message_id = section.identifier("id")
    kind, channel = section.choice("on", KINDS, ""), section.choice("channel", CHANNELS, "")
    if message_id is None:
        return None
    section.what = f"message `{message_id}`"
    digest = _digest(section)
    by_language = section.section("text", f"text of {section.what}", None)
    if by_language is None or not kind or not channel:
        return None
    for language in by_language:
        if languages and language not in languages:
            reason = f"`{shorten(language)}` is not one of the programme's languages"
            report.error(source, by_language.key_start(language), reason, closest(language, languages))
    if not by_language.require(*languages):
        return None
    texts: list[tuple[str, MessageText]] = []
    for language in languages:
        own = by_language.section(language, f"text `{language}` of {section.what}", TEXT_KEYS)
        if own is None or not own.require("title", "body"):
            continue
        templates = [_template(own, key, kind) for key in ("title", "body")]
        texts.append((language, MessageText(*templates)))
    return Message(message_id, kind, channel, tuple(texts), digest, section.identifier("consent") or "")


def _template(section: Section, key: str, kind: str) -> str:
    scalar = section.scalar(key, "a text")
    if scalar is None:
        return ""
    try:
        check_template(scalar.value, kind)
    except BadTemplate as bad:
        line = f" (line {bad.line} of the text)" if "\n" in scalar.value.strip() else ""
        section.refuse(key, f"`{key}`{line}: {bad.reason}", bad.suggestion)
    return scalar.value
