"""Serves the endpoints for what partners send, callbacks and feeds, as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Final

from aiohttp import web

from pipeline import logs
from pipeline.lane.context import connect
from pipeline.lane.ports import LaneFailed
from pipeline.partners.callbacks import Callbacks
from pipeline.partners.desk import Desk
from pipeline.partners.feed_http import FeedEndpoint
from pipeline.partners.feed_overview import FeedLog, newest_feeds
from pipeline.partners.overview import newest_partners
from pipeline.program.feeds import Feed
from pipeline.program.partners import Partner
from pipeline.settings import Settings

REREAD_SECONDS: Final = 10.0

log = logs.logger("accrue.callbacks")


def listen(settings: Settings, host: str, port: int, tell: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT; `tell` is given the port that was taken. Programmes are looked at every 10 s.

    Raises what `connect` raises, OSError where the port is taken, and LaneFailed where Kafka is away at the start.
    """
    context = connect(settings)
    desk = Desk(context)
    feed_log = FeedLog(context)
    partners, feeds = newest_partners(settings), newest_feeds(settings)
    ending = threading.Event()

    def known() -> dict[str, Partner]:
        return partners

    def known_feeds() -> dict[str, Feed]:
        return feeds

    def look_again() -> None:
        nonlocal partners, feeds
        while not ending.wait(REREAD_SECONDS):
            try:
                partners, feeds = newest_partners(settings), newest_feeds(settings)
            except LaneFailed as error:
                log.warning("programmes are not to be had; the known ones count", why=str(error))

    threading.Thread(target=look_again, name="programmes", daemon=True).start()
    try:
        app = Callbacks(known, desk.report).app()
        FeedEndpoint(known_feeds, feed_log.keep).add_to(app)
        asyncio.run(_serve(app, host, port, tell))
    finally:
        ending.set()
        feed_log.close()
        desk.close()
        context.close()


async def _serve(app: web.Application, host: str, port: int, tell: Callable[[int], None]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    tell(runner.addresses[0][1])
    await ended.wait()
    await runner.cleanup()
