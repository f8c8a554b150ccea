"""The Faust consumer that delivers one message per batch: a thread fetches, the event loop feeds the agents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage
from mode import Service

from pipeline import logs
from pipeline.lane.fetcher import Fetcher
from pipeline.lane.ports import Batch

CLOSE_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 5.0

log = logs.logger("accrue.consumer")

Item = tuple[str, frozenset[int]] | tuple[str, int, Batch] | BaseException
"""What a fetching thread tells the event loop: a topic's new assignment, a batch of a partition, or why it ended."""
NewFetcher = Callable[[Callable[[frozenset[int]], None]], Fetcher]
"""Makes a fetcher, on the thread that is to use it; it is given whom to tell about assignments."""


class LaneConsumer(Consumer):
    """Faust asks it to subscribe and to stop; positions, seeking and commits are the fetchers' and the lanes' own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._assigned: dict[str, frozenset[int]] = {}
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._flowing = False

    # ---- the fetching threads

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Called by Faust once its agents are there; which topics follows from the lane sets."""
        if self._threads:
            return
        loop = asyncio.get_running_loop()
        fetchers: Mapping[str, NewFetcher] = self.app.fetchers()  # type: ignore[attr-defined]  # of agents.app.LaneApp
        for topic, make in fetchers.items():
            name = f"fetcher-{topic}"
            self._threads.append(threading.Thread(target=self._run, args=(loop, topic, make), name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop, topic: str, make: NewFetcher) -> None:
        def tell(item: Item) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._items.put_nowait, item)

        try:
            fetcher = make(lambda assigned: tell((topic, assigned)))
            while not self._ending.is_set():
                for partition, batch in fetcher.fetch():
                    tell((topic, partition, batch))
            fetcher.close(CLOSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - told to the event loop, which ends the worker with it
            tell(error)

    @Service.task
    async def _deliver(self) -> None:
        while not self.should_stop:
            item = await self._items.get()
            if isinstance(item, BaseException):
                log.critical("consumer failed", exc_info=item)
                await self.crash(item)
                return
            if len(item) == 2:
                await self._take_assignment(*item)
                continue
            topic, partition, batch = item
            if partition in self._assigned.get(topic, ()):  # else its lane is closed and another worker reads it
                await self.callback(self._to_message(TP(topic, partition), batch))

    async def _take_assignment(self, topic: str, assigned: frozenset[int]) -> None:
        self._assigned[topic] = assigned
        await self.app.topics.on_partitions_assigned(self.assignment())
        if not self._flowing:  # resuming clears the agents' queues, so it is done once and before any batch
            self._flowing = True
            self.app.flow_control.resume()

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        """A message whose value is a whole batch; Faust carries it without looking."""
        time_s = record.records[0][1] / 1000.0
        message = ConsumerMessage(tp.topic, tp.partition, record.start, time_s, 0, [], None, record, None, 0, 0, tp)
        # Streams skip messages of another generation than the app's; which opening a batch is for, the batch knows.
        message.generation_id = self.app.consumer_generation_id
        return message

    async def on_stop(self) -> None:
        """Let the batches at hand be committed, then leave the groups; bounded, whatever the broker does."""
        self._ending.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLOSE_SECONDS + LEAVE_SECONDS
        for thread in self._threads:
            await loop.run_in_executor(None, thread.join, max(deadline - loop.time(), 0))
            if thread.is_alive():
                log.warning("consumer does not close; its lanes are fenced by the next owner", thread=thread.name)

    # ---- what Faust expects of a consumer and lanes have no use for

    def assignment(self) -> set[TP]:
        return {TP(topic, partition) for topic, partitions in self._assigned.items() for partition in partitions}

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Positions are published by the fetcher."""
        return False

    async def verify_all_partitions_active(self) -> None:
        """Offsets move per batch; the lanes' own watchdog looks for what got lost."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return False

    async def perform_seek(self) -> None:
        """Only the fetcher seeks."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Only the fetcher seeks."""

    async def _seek(self, partition: TP, offset: int) -> None:
        """Only the fetcher seeks."""

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, Any]:
        return {}

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def position(self, tp: TP) -> int | None:
        return None

    def highwater(self, tp: TP) -> int:
        return 0

    async def highwaters(self, *tps: TP) -> Mapping[TP, int]:
        return {}

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        return {}

    def topic_partitions(self, topic: str) -> int | None:
        return None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        return partition

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        raise RuntimeError(f"topic {topic} is created by `accrue topics apply`, never by a worker")
