"""A load of seeded events on a test's log: purchases, refunds, redemptions, repeats, damage, aborted transactions."""

from __future__ import annotations

import threading
from random import Random

from lane_world import DAY_MS, WAIT_S, LaneWorld, enrolments, now_ms

from pipeline.core.events import Event
from pipeline.core.payloads import (
    Payload,
    RedemptionRequested,
    ReferralAccepted,
    TransactionCompleted,
    TransactionRefunded,
)
from pipeline.lane.kafka import new_transactional_producer
from pipeline.wire.partitioner import partition_of


class Load(threading.Thread):
    """Appends seeded events at about `rate` a second until it is stopped; some in transactions, some of which abort."""

    def __init__(self, world: LaneWorld, members: int, rate: int, seed: int) -> None:
        super().__init__(name="load", daemon=True)
        self._world = world
        self._members = members
        self._rate = rate
        self._random = Random(seed)
        self._ending = threading.Event()
        self._producer = new_transactional_producer(world.settings, f"{world.settings.app_id}-load")
        self._sent: list[Event] = []
        self.count = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._producer.init_transactions(30)
            for event in enrolments(self._members):
                self._world.send(event)
            per_round = max(self._rate // 20, 1)
            while not self._ending.wait(0.05):
                for _ in range(per_round):
                    self._one()
                self._world.flush()
        except BaseException as error:
            self.error = error
            raise

    def finish(self) -> int:
        """Stop and return how many events were sent."""
        self._ending.set()
        self.join(WAIT_S)
        assert self.error is None, self.error
        assert not self.is_alive(), "the load does not end"
        return self.count

    def _one(self) -> None:
        draw = self._random.random()
        if draw < 0.03 and self._sent:
            self._world.send(self._random.choice(self._sent))  # a producer repeats itself
        elif draw < 0.033:
            self._in_transaction(commit=draw < 0.0315)
        elif draw < 0.038:
            member = f"m-{self._random.randrange(self._members)}".encode()
            value = self._random.choice((b"no avro", self._world.encoder.event(self._event())[:-1]))
            self._world.appender.append(member, value, now_ms())
        else:
            event = self._event()
            self._world.send(event)
            self._sent = [*self._sent[-200:], event]
        self.count += 1

    def _in_transaction(self, *, commit: bool) -> None:
        self._producer.begin_transaction()
        for _ in range(3):
            event = self._event()
            key = event.member_id.encode()
            partition = partition_of(key, self._world.partitions)
            self._producer.produce(
                self._world.topics.name("member-events"), self._world.encoder.event(event), key, partition
            )
        self._producer.flush(30)
        if commit:
            self._producer.commit_transaction(30)
        else:
            self._producer.abort_transaction(30)

    def _event(self) -> Event:
        at_ms = now_ms()
        number = self._random.getrandbits(60)
        member = f"m-{self._random.randrange(self._members)}"
        occurred = at_ms - self._random.choice((0, 3_600_000, 20 * DAY_MS))
        return Event(f"e-{number:x}", member, occurred, "shop", "", {}, self._payload(member), at_ms)

    def _payload(self, member: str) -> Payload:
        draw = self._random
        order = f"o-{draw.randrange(10**6)}"
        kind = draw.random()
        if kind < 0.75:
            return TransactionCompleted(order, draw.randrange(100, 30_000), "USD", "app", "", "US", [])
        if kind < 0.8:
            return TransactionRefunded(order, 100, "USD", "")
        if kind < 0.97:
            return RedemptionRequested(f"r-{draw.getrandbits(60):x}", draw.choice(("coffee", "voucher-5")), 1, "")
        return ReferralAccepted(f"ref-{draw.getrandbits(60):x}", f"m-{draw.randrange(self._members)}")
