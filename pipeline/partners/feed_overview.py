"""How partners' feeds stand, read from the changelog of their lanes; messages and orders put on their topic."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, final

import msgspec

from pipeline import clock
from pipeline.core.records import FeedOrder, PartnerMessage
from pipeline.lane.appender import Append, LogAppender
from pipeline.lane.context import LaneContext, connect
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.published import published
from pipeline.partners.feed_desk import CHANGELOG, MESSAGES, feeds_of
from pipeline.partners.feed_state import FEED, FeedState, read_feed
from pipeline.partners.secrets import secret_text
from pipeline.partners.signing import signature
from pipeline.program import Bundle, BundleRefused, ProgramRefused
from pipeline.program.feeds import Feed
from pipeline.settings import Settings
from pipeline.wire.partitioner import partition_of
from pipeline.wire.topics import TOPICS_FILE, Topics

SENT_TOGETHER: Final = 500


class NoSuchFeed(Exception):
    """A feed that nobody has published; the message says which there are."""


@final
class FeedStanding(msgspec.Struct):
    """A feed: `mode` is open, held, releasing or refusing; `parked` messages wait; `counts` of events since ever."""

    feed: str
    mode: str = "open"
    why: str = ""
    author: str = ""
    parked: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)


@final
class FeedLog:
    """Writes messages and orders to the topic of feeds. Any thread; to be closed."""

    def __init__(self, context: LaneContext) -> None:
        self._context = context
        self._appender = LogAppender(context.settings, context.topic(MESSAGES))

    def keep(self, *messages: PartnerMessage) -> None:
        """Raises LaneFailed."""
        encode = self._context.encoder.partner_message
        self._appender.append([self._append(one.partner, encode(one)) for one in messages])

    def order(self, order: FeedOrder) -> None:
        """Raises LaneFailed."""
        self._appender.append([self._append(order.partner, self._context.encoder.feed_order(order))])

    def close(self) -> None:
        self._appender.close()

    def _append(self, partner: str, value: bytes) -> Append:
        key = partner.encode()
        return partition_of(key, self._context.partitions), key, value, 0


def newest_feeds(settings: Settings) -> dict[str, Feed]:
    """Every feed that was ever published, as the newest programme that names it says."""
    found: dict[str, Feed] = {}
    for program in published(settings, Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)):
        try:
            found |= feeds_of(Bundle.from_bytes(program.content))
        except (BundleRefused, ProgramRefused):
            continue  # of another version of the pipeline
    return found


def feed_standings(settings: Settings) -> list[FeedStanding]:
    """Every feed that is published or was heard of, by id. Raises what `connect` raises, and LaneFailed."""
    found = {feed_id: FeedStanding(feed_id) for feed_id in newest_feeds(settings)}
    context = connect(settings)
    reader = KafkaReader(settings)
    topic = context.topic(CHANGELOG)
    try:
        for partition in range(context.partitions):
            for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
                for _offset, _at_ms, key, value in chunk:
                    if key is not None and key[:1] == FEED and value is not None:
                        feed_id = key[1:].decode()
                        found[feed_id] = _standing(feed_id, read_feed(value))
    finally:
        reader.close()
        context.close()
    return [found[feed_id] for feed_id in sorted(found)]


def order_feed(settings: Settings, wanted: str, feed_id: str, author: str, reason: str) -> None:
    """Put an order for a feed on its topic; its lane follows when it comes to it. Raises NoSuchFeed, and what `connect`
    raises."""
    _check(newest_feeds(settings), feed_id)
    with _log(settings) as log:
        log.order(FeedOrder(wanted, feed_id, author, reason, clock.now_ms()))


def send_messages(settings: Settings, feed_id: str, bodies: Iterable[bytes]) -> int:
    """Sign messages as the partner would and put them on the topic; returns how many.

    Each gets an id of its own. Raises NoSuchFeed, SecretMissing, BadSecret, what `connect` raises.
    """
    feed = _check(newest_feeds(settings), feed_id)
    secret = secret_text(feed.secret)
    sent = 0
    with _log(settings) as log:
        waiting: list[PartnerMessage] = []
        for body in bodies:
            sent += 1
            at_s, name = int(time.time()), f"{feed_id}-{time.time_ns()}-{sent}"
            waiting.append(PartnerMessage(feed_id, name, at_s, signature(secret, name, at_s, body), body))
            if len(waiting) == SENT_TOGETHER:
                log.keep(*waiting)
                waiting.clear()
        log.keep(*waiting)
    return sent


@contextmanager
def _log(settings: Settings) -> Iterator[FeedLog]:
    context = connect(settings)
    log = FeedLog(context)
    try:
        yield log
    finally:
        log.close()
        context.close()


def _check(feeds: dict[str, Feed], feed_id: str) -> Feed:
    if feed_id not in feeds:
        known = ", ".join(sorted(feeds)) or "none"
        raise NoSuchFeed(f"no published programme has a feed {feed_id!r}: choose from {known}")
    return feeds[feed_id]


def _standing(feed_id: str, state: FeedState) -> FeedStanding:
    return FeedStanding(feed_id, state.mode or "open", state.why, state.author, state.parked, state.counts)
