"""The core of an intake lane: messages of partners' feeds in, events for the log out, what is too much held or refused.

Mapping, limits and secret are those of the newest published programme when a message is decided. That is no matter of
replay: what was made of a message is on the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Protocol, final

from pipeline.core import reasons
from pipeline.core.events import Event
from pipeline.core.records import FeedOrder, PartnerMessage
from pipeline.lane.letters import Letters
from pipeline.lane.ports import Record
from pipeline.lane.table import Outbox, Table
from pipeline.partners.feed_limits import amount_of, beyond, count, stretch_end, too_many
from pipeline.partners.feed_mapping import NotMapped, events_of
from pipeline.partners.feed_state import HELD, OPEN, REFUSING, RELEASING, FeedState, FeedTable
from pipeline.partners.secrets import SecretMissing, secret_text
from pipeline.partners.signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    BadSecret,
    NotVerified,
    verify,
)
from pipeline.program.feeds import Feed
from pipeline.program.partners import Secret
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.partitioner import partition_of

RELEASED_MAX: Final = 500
FORGOTTEN_MAX: Final = 500
DIGEST_BYTES: Final = 16
ORDERS: Final = {"hold": HELD, "release": RELEASING, "refuse": REFUSING}


class Feeds(Protocol):
    """Feeds by id as the newest programme that names them says; None for none. Raises LaneFailed."""

    def feed(self, feed_id: str) -> Feed | None: ...


class Refused(Exception):
    """A message that goes to dead-letters: a typed reason, and in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@final
@dataclass(frozen=True, slots=True)
class Places:
    """Where an intake lane reads and writes: topics by full name, and its partition of so many."""

    source: str
    partition: int
    partitions: int
    derived: str
    dead_letters: str


@final
@dataclass(slots=True)
class Fresh:
    """The events of a message that are new and allowed, each as it is written and with its digest; what they add to the
    counts of members and to the totals of currencies; and why others are left out."""

    events: list[tuple[Event, bytes, bytes]] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    faults: list[str] = field(default_factory=list)


@final
class Intake:
    """Implements `pipeline.lane.table_lane.Core`; `release` is for its `perform`."""

    def __init__(
        self,
        table: Table,
        outbox: Outbox,
        feeds: Feeds,
        decoder: Decoder,
        encoder: Encoder,
        places: Places,
        secret_of: Callable[[Secret], str] = secret_text,
    ) -> None:
        self.state = FeedTable(table)
        self._outbox = outbox
        self._feeds = feeds
        self._decoder = decoder
        self._encoder = encoder
        self._places = places
        self._letters = Letters(outbox, encoder, places.source, places.partition, places.dead_letters)
        self._secret_of = secret_of
        self._newest_ms = 0

    def apply(self, record: Record) -> None:
        """Take a message or an order; what is neither, or is refused, is put aside. Raises RegistryUnavailable."""
        _offset, at_ms, key, value = record
        self._newest_ms = max(self._newest_ms, at_ms)
        try:
            found = self._decoder.output(value or b"")
        except Undecodable as error:
            self._letters.put_aside(record, error.reason, error.detail)
            return
        if not isinstance(found, PartnerMessage | FeedOrder):
            self._letters.put_aside(record, reasons.UNKNOWN_TYPE, f"{type(found).__name__} is no message of a feed")
            return
        places = self._places
        if key != found.partner.encode() or partition_of(key, places.partitions) != places.partition:
            detail = f"key is {key!r}, partner {found.partner!r}: send it under its partner's id, by murmur2 of the key"
            self._letters.put_aside(record, reasons.WRONG_PARTITION, detail)
        elif isinstance(found, FeedOrder):
            self._order(found)
        else:
            self._message(found, record)

    def finish(self) -> None:
        """Forget what is over by the time of the newest record."""
        if self._newest_ms:
            self.state.forget(self._newest_ms, FORGOTTEN_MAX)

    def release(self) -> None:
        """Go on with messages that wait for nothing any more, some of each feed."""
        for feed_id, state in self.state.feeds():
            if state.mode not in (RELEASING, REFUSING):
                continue
            for _ in range(min(state.parked, RELEASED_MAX)):
                record = self.state.first_parked(feed_id, state)
                if state.mode == REFUSING:
                    state.count("refused")
                    self._letters.put_aside(record, reasons.FEED_REFUSED, state.why or "the feed was held")
                elif not self._released(record, state):
                    break
                self.state.drop_first(feed_id, state)
            if not state.parked:
                state.mode, state.why, state.author = OPEN, "", ""
            self.state.save(feed_id, state)

    # ---- inner

    def _order(self, order: FeedOrder) -> None:
        state = self.state.feed(order.partner)
        if order.order not in ORDERS or (state.mode == OPEN and order.order != "hold"):
            return
        state.mode, state.why, state.author = ORDERS[order.order], order.reason, order.author
        self.state.save(order.partner, state)

    def _message(self, message: PartnerMessage, record: Record) -> None:
        state = self.state.feed(message.partner)
        if state.mode == OPEN:
            feed = self._feeds.feed(message.partner)
            if feed is None:
                detail = f"no published programme has a feed {message.partner!r}"
                self._letters.put_aside(record, reasons.UNKNOWN_FEED, detail)
                return
            why = self._taken(feed, message, record, state, all_at_once=False)
            if why:
                state.mode, state.why, state.author = HELD, why, ""
        if state.mode != OPEN:
            self.state.park(message.partner, state, record)
        self.state.save(message.partner, state)

    def _released(self, record: Record, state: FeedState) -> bool:
        """Whether a parked message was taken or refused; else its feed is held again."""
        message = self._decoder.output(record[3] or b"")
        assert isinstance(message, PartnerMessage), "only such are parked"
        feed = self._feeds.feed(message.partner)
        why = "no published programme has this feed any more"
        if feed is not None:
            why = self._taken(feed, message, record, state, all_at_once=True)
        if why:
            state.mode, state.why, state.author = HELD, why, ""
        return not why

    def _taken(
        self, feed: Feed, message: PartnerMessage, record: Record, state: FeedState, *, all_at_once: bool
    ) -> str:
        """Take what a message tells of, or put it aside; returns why its feed must be held instead, mostly "".

        `all_at_once` takes it however much there was in this stretch: people have released it.
        """
        at_ms = record[1]
        try:
            self._check_signature(feed, message)
            fresh = self._fresh(feed, events_of(feed, message.body), at_ms)
        except (SecretMissing, BadSecret) as error:
            return str(error)
        except NotMapped as error:
            state.count("refused")
            self._letters.put_aside(record, reasons.NOT_MAPPED, str(error))
            return ""
        except Refused as error:
            state.count("refused")
            self._letters.put_aside(record, error.reason, str(error))
            return ""
        too_much = "" if all_at_once else too_many(feed.limits, state, len(fresh.events), fresh.totals, at_ms)
        if too_much:
            return too_much
        count(feed.limits, state, len(fresh.events), fresh.totals, at_ms)
        ends_ms = stretch_end(feed.limits, at_ms)
        for member_id, events in fresh.members.items():
            self.state.put_member_events(feed.feed_id, member_id, ends_ms, events)
        for event, encoded, digest in fresh.events:
            self.state.see(digest, at_ms)
            self._outbox.send(self._places.derived, event.member_id.encode(), encoded)
        state.count("taken", len(fresh.events))
        state.count("repeated", fresh.repeated)
        if fresh.faults:
            state.count("refused")
            left_out = f"{len(fresh.faults)} events of the message were left out; " if len(fresh.faults) > 1 else ""
            self._letters.put_aside(record, reasons.FEED_LIMIT, left_out + fresh.faults[0])
        return ""

    def _check_signature(self, feed: Feed, message: PartnerMessage) -> None:
        """By the time at which it was signed: whether that was just now, the endpoint has asked; here a message may
        come late, re-driven or released. Raises Refused, SecretMissing, BadSecret."""
        headers = {
            ID_HEADER: message.message_id,
            TIMESTAMP_HEADER: str(message.sent_at_s),
            SIGNATURE_HEADER: message.signature,
        }
        try:
            verify([self._secret_of(feed.secret)], headers, message.body, message.sent_at_s)
        except NotVerified as error:
            raise Refused(reasons.BAD_SIGNATURE, str(error)) from error

    def _fresh(self, feed: Feed, events: list[Event], at_ms: int) -> Fresh:
        """What of these is new, and within the limits of single events and members."""
        fresh, limits = Fresh(), feed.limits
        ends_ms = stretch_end(limits, at_ms)
        known: set[bytes] = set()
        for event in events:
            encoded = self._encoder.event(event)
            name = b"\0".join((feed.feed_id.encode(), encoded))
            digest = blake2b(name, digest_size=DIGEST_BYTES).digest()
            if digest in known or self.state.seen(digest):
                fresh.repeated += 1
                continue
            fault = beyond(limits, event, at_ms)
            if not fault and limits.member_events:
                member = event.member_id
                before = fresh.members.get(member)
                if before is None:
                    before = self.state.member_events(feed.feed_id, member, ends_ms)
                if before >= limits.member_events:
                    fault = f"the member has had {before} events, and member_events is {limits.member_events}"
                else:
                    fresh.members[member] = before + 1
            if fault:
                fresh.faults.append(f"event {event.event_id} of member {event.member_id}: {fault}")
                continue
            known.add(digest)
            fresh.events.append((event, encoded, digest))
            amount, currency = amount_of(event)
            if amount > 0:
                fresh.totals[currency] = fresh.totals.get(currency, 0) + amount
        return fresh
