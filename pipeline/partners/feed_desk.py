"""What the intake lanes of a worker share: topics, and the feeds of published programmes."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, final

from pipeline.lane.context import LaneContext
from pipeline.lane.ports import Reader
from pipeline.lane.programs import ProgramParts
from pipeline.partners.programs import KEPT
from pipeline.program import Bundle
from pipeline.program.compiler import definition_of
from pipeline.program.feeds import Feed

MESSAGES: Final = "partner-events"
CHANGELOG: Final = "intake-changelog"
BELIEVED_SECONDS: Final = 5.0


@lru_cache(maxsize=KEPT)
def feeds_of(bundle: Bundle) -> dict[str, Feed]:
    """The feeds that a bundle declares. Raises ProgramRefused or BundleRefused."""
    return definition_of(bundle).feeds


@final
class FeedDirectory:
    """Every feed as the newest published programme that names it says. Any thread."""

    def __init__(self, reader: Reader, topic: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._parts = ProgramParts(reader, topic, feeds_of)
        self._monotonic = monotonic
        self._feeds: dict[str, Feed] = {}
        self._read_at = -BELIEVED_SECONDS

    def feed(self, feed_id: str) -> Feed | None:
        """What was read less than 5 s ago is believed, but for a feed that is not known. Raises LaneFailed."""
        now = self._monotonic()
        if feed_id not in self._feeds or now - self._read_at >= BELIEVED_SECONDS:
            found: dict[str, Feed] = {}
            for feeds in self._parts.parts():
                found |= feeds
            self._feeds, self._read_at = found, now
        return self._feeds.get(feed_id)

    def all(self) -> dict[str, Feed]:
        """By id, as far as they were read for `feed`."""
        return self._feeds

    def close(self) -> None:
        self._parts.close()


@final
class FeedDesk:
    """Made once by a worker. Its lanes may be of any partition."""

    def __init__(self, context: LaneContext) -> None:
        self.context = context
        self.messages = context.topic(MESSAGES)
        self.changelog = context.topic(CHANGELOG)
        self.feeds = FeedDirectory(context.program_reader, context.topic("programs"))

    def close(self) -> None:
        self.feeds.close()
