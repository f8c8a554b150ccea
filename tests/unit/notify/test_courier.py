"""Deliveries over real HTTP: signed, posted once each, and what each answer is taken for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from time import time

import pytest
from aiohttp import web
from core_bench import NOON_MS, notification
from standardwebhooks.webhooks import Webhook as Judge

from pipeline.notify.courier import UNDER_WAY_MAX, Courier, deliver, payload
from pipeline.notify.hooks import DELIVERED, GONE, RETRIED, Delivery
from pipeline.partners.http import new_session
from pipeline.program.partners import Secret
from pipeline.program.webhooks import Webhook

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
CRM = Webhook("crm", "", ("points_earned",), Secret("CRM", ""), 500, (0,))
ENVIRONMENT = {"CRM": SECRET}
Handler = Callable[[web.Request], Awaitable[web.Response]]


def delivered(
    handler: Handler, environment: Mapping[str, str] = ENVIRONMENT, *, there: bool = True, now_ms: int = NOON_MS
) -> tuple[str, str]:
    """One delivery to a server that answers so, or that is not there."""

    async def scene() -> tuple[str, str]:
        app = web.Application()
        app.router.add_post("/hook", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        if not there:
            await runner.cleanup()
        async with new_session() as session:
            found = await deliver(session, Delivery(b"k", replace(CRM, url=url), notification()), now_ms, environment)
        if there:
            await runner.cleanup()
        return found

    return asyncio.run(scene())


def answering(status: int, **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, DELIVERED), (202, DELIVERED), (410, GONE), (400, RETRIED), (404, RETRIED), (429, RETRIED), (503, RETRIED)],
)
def test_only_success_is_delivered_and_only_410_is_gone(status: int, outcome: str) -> None:
    assert delivered(answering(status)) == (outcome, "" if outcome == DELIVERED else f"HTTP {status}")


def test_a_redirect_is_not_followed() -> None:
    assert delivered(answering(302, Location="http://127.0.0.1:9/elsewhere")) == (RETRIED, "HTTP 302")


def test_silence_and_absence_are_tried_again() -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    assert delivered(hang) == (RETRIED, "no answer within 500 ms")
    assert delivered(hang, there=False)[0] == RETRIED


def test_a_secret_that_is_not_there_is_named_and_nothing_is_sent() -> None:
    calls: list[web.Request] = []

    async def note(request: web.Request) -> web.Response:
        calls.append(request)
        return web.Response()

    outcome, why = delivered(note, {})
    assert outcome == RETRIED
    assert "CRM is not set" in why
    assert calls == []


def test_another_implementation_of_standard_webhooks_verifies_what_is_posted() -> None:
    posted: list[tuple[bytes, dict[str, str]]] = []

    async def note(request: web.Request) -> web.Response:
        posted.append((await request.read(), dict(request.headers)))
        return web.Response(status=204)

    delivered(note, now_ms=int(time() * 1_000))
    ((body, headers),) = posted
    found = Judge(SECRET).verify(body, headers)
    assert headers["webhook-id"] == "n-1"
    assert found["type"] == "points_earned"
    assert found["timestamp"] == "2026-03-02T11:00:00Z"
    assert (found["data"]["member_id"], found["data"]["points"], found["data"]["balance"]) == ("m-1", 125, 4_885)


def test_the_same_notification_is_posted_as_the_same_bytes() -> None:
    assert payload(notification()) == payload(notification())
    assert set(json.loads(payload(notification()))) == {"type", "timestamp", "data"}


def test_a_worker_bounds_what_is_under_way_to_a_webhook_and_tells_of_every_end() -> None:
    ended: list[str] = []
    told = threading.Event()
    courier = Courier(lambda: NOON_MS, {})

    def tell(_delivery: Delivery, outcome: str, _why: str) -> None:
        ended.append(outcome)
        if len(ended) == 2:
            told.set()

    assert courier.free("crm") == UNDER_WAY_MAX
    courier.submit([Delivery(b"a", CRM, notification()), Delivery(b"b", CRM, notification())], tell)
    assert told.wait(10)
    courier.close()
    assert ended == [RETRIED, RETRIED]
    assert courier.free("crm") == UNDER_WAY_MAX
