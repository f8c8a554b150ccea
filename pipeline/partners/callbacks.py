"""The endpoint for what partners send by themselves: verified per Standard Webhooks, then put on the log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Final, final

from aiohttp import web

from pipeline import clock, logs
from pipeline.core.records import FulfillmentAttempt
from pipeline.lane.ports import LaneFailed
from pipeline.partners.authentic import authentic
from pipeline.partners.mapping import REASON_MAX, meaning, parsed, text_at, whole_at
from pipeline.program.partners import Partner

BODY_MAX: Final = 262_144
IDS_MAX: Final = 200

log = logs.logger("accrue.callbacks")

Known = Callable[[], Mapping[str, Partner]]
"""The partners there are now; asked for each callback, so it must be quick."""
Report = Callable[[list[FulfillmentAttempt]], None]


@final
class Callbacks:
    """POST /callbacks/PARTNER. 204: it is on the log, or says nothing of use; the same once more does no harm.

    401: not signed by the partner. 404: no such partner, or it has no `callback`. 422: not what the programme declares.
    503: the log is away, or our secret is missing: send it again.
    """

    def __init__(
        self,
        known: Known,
        report: Report,
        environment: Mapping[str, str] = os.environ,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self._known = known
        self._report = report
        self._environment = environment
        self._now_ms = now_ms

    def app(self) -> web.Application:
        """The one route."""
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_post("/callbacks/{partner}", self.take)
        return app

    async def take(self, request: web.Request) -> web.Response:
        """Verify one, understand it, put it on the log."""
        partner = self._known().get(request.match_info["partner"])
        if partner is None or partner.callback is None:
            return web.Response(status=404, text="no partner of this name sends callbacks\n")
        secret = partner.callback.secret
        _headers, body = await authentic(request, partner.partner_id, secret, self._environment, self._now_ms())
        attempt = self._understood(partner, body)
        if attempt is None:
            log.warning("callback not understood", provider=partner.partner_id)
            return web.Response(status=422, text="no fulfilment's id where it should be\n")
        if attempt.means != "unknown":
            try:
                await asyncio.to_thread(self._report, [attempt])
            except LaneFailed as error:
                log.warning("callback waits to be sent again", provider=partner.partner_id, why=str(error))
                return web.Response(status=503, text="try again later\n")
        return web.Response(status=204)

    def _understood(self, partner: Partner, body: bytes) -> FulfillmentAttempt | None:
        """What it says; None without an id that could be ours."""
        mapping = partner.callback
        assert mapping is not None, "asked before"
        document = parsed(body)
        fulfillment_id = text_at(document, mapping.fulfillment_id) or ""
        if not 0 < len(fulfillment_id) <= IDS_MAX:
            return None
        means = meaning(mapping.answers, 200, document)
        at_ms = self._now_ms()
        return FulfillmentAttempt(
            fulfillment_id, partner.partner_id, 0, "callback", means, 200,
            (text_at(document, mapping.reference) or "")[:REASON_MAX], whole_at(document, mapping.quantity),
            "" if means == "confirmed" else body[:REASON_MAX].decode("utf-8", "replace"), at_ms, at_ms,
        )  # fmt: skip
