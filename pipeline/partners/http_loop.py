"""An asyncio loop on a thread of its own, for HTTP calls that nothing else must wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, final

import aiohttp

from pipeline.partners.http import new_session

END_SECONDS: Final = 1.0
"""So long connections may take to be closed."""


@final
class HttpLoop:
    """Shared by all that is started on it, with one session. To be closed."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def start(self, works: list[Coroutine[Any, Any, None]]) -> None:
        """Run these. Any thread."""
        if works:
            self._loop.call_soon_threadsafe(self._start, works)

    def session(self) -> aiohttp.ClientSession:
        """Where calls are made; for what runs on the loop."""
        if self._session is None:
            self._session = new_session()
        return self._session

    def close(self, seconds: float) -> bool:
        """Wait so long for what is under way, and end. Returns whether all of it ended; what did not is left."""
        ending = asyncio.run_coroutine_threadsafe(self._end(seconds), self._loop)
        try:
            ended = ending.result(seconds + END_SECONDS)
        except TimeoutError:
            ended = False
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        return ended

    def _start(self, works: list[Coroutine[Any, Any, None]]) -> None:
        for work in works:
            task = self._loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self, seconds: float) -> bool:
        left: set[asyncio.Task[None]] = set()
        if self._tasks:
            _done, left = await asyncio.wait(self._tasks, timeout=seconds)
        if self._session is not None:
            await self._session.close()
        return not left
