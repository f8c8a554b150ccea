"""The Faust transport behind `lane://`: whole batches in, nothing out; lanes have their own producers."""

from __future__ import annotations

from typing import Any

from faust.events import Event
from faust.tables.manager import TableManager
from faust.topics import Topic
from faust.transport.base import Transport
from faust.transport.conductor import Conductor
from faust.transport.consumer import Fetcher
from faust.transport.producer import Producer

from pipeline.lane.faust_consumer import LaneConsumer


class LaneTransport(Transport):
    """Registered under the entry point group `faust.transports`."""

    Consumer = LaneConsumer
    Producer = Producer
    Fetcher = Fetcher
    Conductor = Conductor
    default_port = 9092
    driver_version = "lane"


class BatchTopic(Topic):
    """A topic whose messages are batches already: nothing is decoded per message."""

    def _compile_decode(self) -> None:
        """Faust would put a compiled decoder of single messages in the place of `decode`."""

    async def decode(self, message: Any, *, propagate: bool = False) -> Any:
        return Event(self.app, None, message.value, None, message)


class NoTables(TableManager):
    """Lanes keep their own tables: nothing to recover, so the worker need not wait for it."""

    async def on_start(self) -> None:
        await self._update_channels()
