"""What notifications.yaml says: which messages tell members what, by which channel and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

IN_APP: Final = "in_app"
EMAIL: Final = "email"
PUSH: Final = "push"
CHANNELS: Final = (IN_APP, EMAIL, PUSH)
NO_DIGEST: Final = -1
WARNS_MS: Final = 14 * 86_400_000
"""So long before points expire members are told, unless the programme says otherwise."""


@final
@dataclass(frozen=True, slots=True)
class MessageText:
    """Templates of one language."""

    title: str
    body: str


@final
@dataclass(frozen=True, slots=True)
class Message:
    """What one kind of notification becomes on one channel; `texts` are by language and have every language.

    `digest` is the minute of the local day at which all since the last time are told together, or NO_DIGEST. `consent`
    names what a member must have agreed to, or is empty.
    """

    message_id: str
    kind: str
    channel: str
    texts: tuple[tuple[str, MessageText], ...]
    digest: int = NO_DIGEST
    consent: str = ""


@final
@dataclass(frozen=True, slots=True)
class NotificationTerms:
    """All messages of a programme. The first of `languages` is for members of whom no other is known.

    `quiet` are two minutes of the local day, between which only feeds are written to; equal ones mean never. Over
    midnight the first one is the greater. `most_per_day` is how many messages a member gets by a channel in a day,
    `warns_ms` how long before points expire they are told.
    """

    languages: tuple[str, ...]
    sender: str
    quiet: tuple[int, int]
    messages: tuple[Message, ...]
    most_per_day: tuple[tuple[str, int], ...] = ()
    warns_ms: int = WARNS_MS

    @property
    def kinds(self) -> frozenset[str]:
        """What has to be told to whoever sends the messages."""
        return frozenset(message.kind for message in self.messages)

    def of_kind(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message.kind == kind]

    def message(self, message_id: str) -> Message | None:
        return next((message for message in self.messages if message.message_id == message_id), None)


def text_in(message: Message, language: str) -> MessageText:
    """The text in a language, else in the programme's first."""
    texts = dict(message.texts)
    return texts.get(language) or message.texts[0][1]
