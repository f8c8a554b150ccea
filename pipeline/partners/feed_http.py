"""The endpoint for messages of partners' feeds: verified per Standard Webhooks, then put on the log as they came."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import final

from aiohttp import web

from pipeline import clock, logs
from pipeline.core.records import PartnerMessage
from pipeline.lane.ports import LaneFailed
from pipeline.partners.authentic import authentic
from pipeline.partners.signing import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from pipeline.program.feeds import Feed

Known = Callable[[], Mapping[str, Feed]]
"""The feeds there are now; asked for each message, so it must be quick."""
Keep = Callable[[PartnerMessage], None]
"""Puts a message on the log. Raises LaneFailed."""

log = logs.logger("accrue.callbacks")


@final
class FeedEndpoint:
    """POST /feeds/FEED. 204: it is on the log; what becomes of it is decided there. The same once more does no harm.

    401: not signed by the partner, or not just now. 404: no such feed. 503: the log is away, or our secret is missing:
    send it again.
    """

    def __init__(
        self,
        known: Known,
        keep: Keep,
        environment: Mapping[str, str] = os.environ,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self._known = known
        self._keep = keep
        self._environment = environment
        self._now_ms = now_ms

    def add_to(self, app: web.Application) -> None:
        """Its one route."""
        app.router.add_post("/feeds/{feed}", self.take)

    async def take(self, request: web.Request) -> web.Response:
        """Verify one, put it on the log."""
        feed = self._known().get(request.match_info["feed"])
        if feed is None:
            return web.Response(status=404, text="there is no feed of this name\n")
        headers, body = await authentic(request, feed.feed_id, feed.secret, self._environment, self._now_ms())
        message = PartnerMessage(
            feed.feed_id, headers[ID_HEADER], int(headers[TIMESTAMP_HEADER]), headers[SIGNATURE_HEADER], body
        )
        try:
            await asyncio.to_thread(self._keep, message)
        except LaneFailed as error:
            log.warning("a message waits to be sent again", partner=feed.feed_id, why=str(error))
            return web.Response(status=503, text="try again later\n")
        return web.Response(status=204)
