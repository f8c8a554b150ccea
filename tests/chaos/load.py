"""The load: events of every kind for as long as faults come, some repeated, some out of order, some late."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from random import Random
from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import (
    CustomEvent,
    MemberEnrolled,
    OnboardingCompleted,
    Payload,
    PointsAdjusted,
    RedemptionRequested,
    ReferralAccepted,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.history.append import Appender, NotDelivered
from pipeline.settings import Settings
from pipeline.wire.codec import Encoder

ROUND_S: Final = 0.05
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
REMEMBERED: Final = 5_000
SHARE: Final = 0.1
"""Of repeated, of reordered and of late records each."""
EARLY_SHARE: Final = 0.04
HELD_BACK_MAX_S: Final = 20.0
REFUND_OF: Final = 200

Sent = tuple[bytes, bytes]
"""(key, value)."""


class Load(threading.Thread):
    """Appends about `rate` records a second until it is stopped; `counts` says how many of which kind."""

    def __init__(self, settings: Settings, topic: str, partitions: int, encoder: Encoder, seed: int, rate: int) -> None:
        super().__init__(name="load", daemon=True)
        self._settings = settings
        self._topic = topic
        self._partitions = partitions
        self._encoder = encoder
        self._random = Random(f"load/{seed}")
        self._rate = rate
        self._ending = threading.Event()
        self._appender = self._new_appender()
        self._members: list[str] = []
        self._orders: list[tuple[str, str]] = []
        self._remembered: list[Sent] = []
        self._held: list[tuple[float, int, Sent, int]] = []
        self._evolved: tuple[int, bytes] | None = None
        self._number = 0
        self.counts: Counter[str] = Counter()
        self.by_schema: dict[int, list[str]] = {}
        """Schema id to ids of events that were written with it."""
        self.error: BaseException | None = None

    @property
    def waiting(self) -> int:
        """Records that the broker has not acknowledged yet."""
        return self._appender.waiting

    def evolve(self, schema_id: int, added: bytes) -> None:
        """From now on half of the purchases are written with this schema, whose added fields encode to `added`."""
        self.by_schema[schema_id] = []
        self._evolved = (schema_id, added)

    def run(self) -> None:
        try:
            while not self._ending.wait(ROUND_S):
                for _ in range(max(1, round(self._rate * ROUND_S))):
                    self._one()
                self._send_held(time.monotonic())
            self._send_held(float("inf"))
            self._flush()
        except BaseException as error:
            self.error = error
            raise

    def finish(self) -> None:
        """Stop; everything that was begun is on the log when this returns. Raises what ended the load, if anything."""
        self._ending.set()
        self.join()
        if self.error is not None:
            raise self.error

    # ---- sending

    def _new_appender(self) -> Appender:
        return Appender(self._settings, self._topic, self._partitions)

    def _send(self, sent: Sent, timestamp_ms: int) -> None:
        try:
            self._appender.append(*sent, timestamp_ms)
        except NotDelivered:
            self._give_up_appender()
        self.counts["records"] += 1

    def _flush(self) -> None:
        try:
            self._appender.flush()
        except NotDelivered:
            self._give_up_appender()

    def _give_up_appender(self) -> None:
        """What the broker did not take is lost to the producer alone: the log says what was."""
        self.counts["producers that gave up"] += 1
        self._appender = self._new_appender()

    def _send_held(self, until_s: float) -> None:
        while self._held and self._held[0][0] <= until_s:
            _due_s, _number, sent, timestamp_ms = heapq.heappop(self._held)
            self._send(sent, timestamp_ms)
            self.counts["reordered"] += 1

    # ---- one record

    def _one(self) -> None:
        draw = self._random
        chance = draw.random()
        now_ms = time.time_ns() // 1_000_000
        if chance < SHARE and self._remembered:
            self._send(draw.choice(self._remembered), now_ms)
            self.counts["repeated"] += 1
            return
        if chance < SHARE + 0.012 and self._members:
            self._send(self._malformed(now_ms), now_ms)
            self.counts["malformed"] += 1
            return
        sent, timestamp_ms = self._event(now_ms)
        if draw.random() < SHARE:
            due_s = time.monotonic() + draw.uniform(0.5, HELD_BACK_MAX_S)
            heapq.heappush(self._held, (due_s, self._number, sent, timestamp_ms))
        else:
            self._send(sent, timestamp_ms)
        if len(self._remembered) < REMEMBERED:
            self._remembered.append(sent)
        else:
            self._remembered[draw.randrange(REMEMBERED)] = sent

    def _event(self, now_ms: int) -> tuple[Sent, int]:
        """A new event with the timestamp of its record; some say that they occurred long before, some after it."""
        draw = self._random
        self._number += 1
        member, payload = self._payload()
        timestamp_ms = occurred_ms = now_ms
        chance = draw.random()
        if chance < SHARE:
            occurred_ms -= draw.randrange(60 * MINUTE_MS, 60 * DAY_MS)
            self.counts["late"] += 1
        elif chance < SHARE + EARLY_SHARE:
            timestamp_ms += draw.randrange(4 * MINUTE_MS)
            occurred_ms = timestamp_ms + draw.randrange(4 * MINUTE_MS + 50_000)
            self.counts["early"] += 1
        event_id = f"e-{self._number}"
        if draw.random() < 0.004 and self._number > 20:
            event_id = f"e-{self._number - draw.randrange(1, 20)}"  # an id that another event has already
        event = Event(event_id, member, occurred_ms, "shop", "", {}, payload, timestamp_ms)
        value = self._encoder.event(event)
        if self._evolved is not None and isinstance(payload, TransactionCompleted) and draw.random() < 0.5:
            schema_id, added = self._evolved
            value = b"\0" + schema_id.to_bytes(4, "big") + value[5:] + added
            self.by_schema[schema_id].append(event_id)
        return (member.encode(), value), timestamp_ms

    def _payload(self) -> tuple[str, Payload]:
        draw = self._random
        kind = draw.random()
        if kind < 0.07 or len(self._members) < 20:
            member = f"m-{len(self._members)}"
            self._members.append(member)
            return member, MemberEnrolled(draw.choice(("US", "DE")), "", "")
        member = draw.choice(self._members)
        if kind < 0.65:
            order = f"o-{self._number}"
            self._orders = [*self._orders[-REFUND_OF:], (member, order)]
            return member, TransactionCompleted(order, draw.randrange(100, 30_000), "USD", "app", "", "US", [])
        if kind < 0.71 and self._orders:
            member, order = draw.choice(self._orders)
            return member, TransactionRefunded(order, draw.randrange(1, 5_000), "USD", "")
        if kind < 0.79:
            return member, PointsAdjusted("", draw.choice((-40, 150, 300)), "goodwill", "desk")
        if kind < 0.91:
            reward = draw.choice(("coffee", "voucher-5", "voucher-5", "cinema-ticket"))
            return member, RedemptionRequested(f"r-{self._number}", reward, 1, "")
        if kind < 0.95:
            return member, ReferralAccepted(f"ref-{self._number}", draw.choice(self._members))
        if kind < 0.97:
            return member, OnboardingCompleted(draw.choice(("profile", "app")), "")
        return member, CustomEvent("review_written", {"characters": draw.randrange(400)})

    def _malformed(self, now_ms: int) -> Sent:
        """A record that is no event of ours, or stands where it does not belong."""
        member = self._random.choice(self._members)
        payload = TransactionCompleted(f"x-{self._number}", 500, "USD", "", "", "", [])
        value = self._encoder.event(Event(f"x-{self._number}", member, now_ms, "shop", "", {}, payload, now_ms))
        key = member.encode()
        return self._random.choice(
            [(key, b"no avro"), (key, value[:-2]), (b"other-key", value), (key, b"\0\x7f\xff\xff\xfe" + value[5:])]
        )
