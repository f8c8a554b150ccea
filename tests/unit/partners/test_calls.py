"""Calls over real HTTP to a partner that misbehaves, and what each of them is taken for."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from partner_samples import ACME, NOW_MS, command, policies

from pipeline.core.records import FulfillmentAttempt
from pipeline.lane.ports import LaneFailed
from pipeline.partners import fulfilment
from pipeline.partners.book import Call
from pipeline.partners.http import ANSWER_BYTES_MAX, make_call, new_session
from pipeline.partners.pool import CallPool
from pipeline.partners.secrets import SecretMissing, secret_text
from pipeline.partners.signing import verify
from pipeline.program.partners import Credentials, Partner, Secret

Handler = Callable[[web.Request], Any]


def called(partner: Partner, handler: Handler | None, environment: dict[str, str] | None = None) -> FulfillmentAttempt:
    """One call to a server that answers so; none at all where `handler` is None."""

    async def scene() -> FulfillmentAttempt:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler or refuse)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        if handler is None:
            await runner.cleanup()
        async with new_session() as session:
            found = await make_call(
                session, call(replace(partner, address=f"http://127.0.0.1:{port}")), lambda: NOW_MS, environment or {}
            )
        if handler is not None:
            await runner.cleanup()
        return found

    return asyncio.run(scene())


async def refuse(_request: web.Request) -> web.Response:
    raise web.HTTPNotFound


def call(partner: Partner, fulfillment_id: str = "f" * 32) -> Call:
    known = policies(partner)
    f = fulfilment.begin(command(fulfillment_id), NOW_MS, known)
    return Call(f, partner, fulfilment.next_call(f, NOW_MS, known))


def answering(status: int, body: object) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


def test_an_answer_is_taken_as_declared() -> None:
    attempt = called(ACME, answering(201, {"id": "A-7", "given": 1}))
    assert (attempt.means, attempt.status, attempt.reference, attempt.quantity) == ("confirmed", 201, "A-7", 1)
    assert (attempt.call, attempt.action, attempt.fulfillment_id) == (1, "fulfil", "f" * 32)


def test_what_was_never_sent_is_known_not_to_be_done() -> None:
    attempt = called(ACME, None)
    assert (attempt.means, attempt.status) == ("retry", 0)


def test_a_timeout_is_unknown_not_failed() -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    attempt = called(replace(ACME, timeout_ms=100), hang)
    assert (attempt.means, attempt.status) == ("unknown", 0) and "100 ms" in attempt.reason


def test_a_broken_connection_is_unknown() -> None:
    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    assert called(ACME, reset).means == "unknown"


def test_a_body_that_hangs_is_unknown() -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    attempt = called(replace(ACME, timeout_ms=200), half)
    assert (attempt.means, attempt.status) == ("unknown", 200)


def test_a_server_error_is_unknown_and_says_why() -> None:
    attempt = called(ACME, answering(503, {"error": "down"}))
    assert attempt.means == "unknown" and attempt.reason == 'HTTP 503: {"error": "down"}'


def test_redirects_are_not_followed() -> None:
    async def elsewhere(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/")

    assert called(ACME, elsewhere).means == "unknown"


def test_only_the_beginning_of_a_large_answer_is_looked_at() -> None:
    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (ANSWER_BYTES_MAX * 20))

    assert called(ACME, large).means == "confirmed"


def test_credentials_and_signature_come_from_where_the_programme_says(tmp_path: Path) -> None:
    secret = "whsec_" + base64.b64encode(b"shared").decode()
    file = tmp_path / "signing"
    file.write_text(secret + "\n")
    seen: dict[str, str] = {}

    async def check(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen["credential"] = headers["x-api-key"]
        seen["id"] = verify([secret], headers, await request.read(), NOW_MS / 1_000)
        seen["key"] = headers["idempotency-key"]
        return web.json_response({})

    partner = replace(
        ACME, credentials=Credentials(Secret("ACME_TOKEN", ""), "X-Api-Key", "Token"), signing=Secret("", str(file))
    )
    assert called(partner, check, {"ACME_TOKEN": "t0k3n"}).means == "confirmed"
    assert seen == {"credential": "Token t0k3n", "id": "f" * 32, "key": "f" * 32}


def test_without_its_secret_no_call_is_made_and_the_reason_names_the_place() -> None:
    partner = replace(ACME, credentials=Credentials(Secret("ACME_TOKEN", ""), "Authorization", "Bearer"))
    attempt = called(partner, answering(200, {}))
    assert (attempt.means, attempt.status) == ("retry", 0) and "ACME_TOKEN is not set" in attempt.reason


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="missing is not readable"):
        secret_text(Secret("", str(tmp_path / "missing")))
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SecretMissing, match="empty is empty"):
        secret_text(Secret("", str(tmp_path / "empty")))


@contextmanager
def pool_with(report: Callable[[list[FulfillmentAttempt]], None]) -> Iterator[CallPool]:
    pool = CallPool(report)
    try:
        yield pool
    finally:
        pool.close(5)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_pool_reports_every_call_and_gives_its_slot_back() -> None:
    found: list[FulfillmentAttempt] = []
    with pool_with(found.extend) as pool:
        calls = [call(ACME, f"{number}") for number in range(5)]
        assert pool.slots.reserve(ACME, 5) == 5
        pool.submit(calls)
        wait_until(lambda: len(found) == 5)
    assert {attempt.fulfillment_id for attempt in found} == {"0", "1", "2", "3", "4"}
    assert {attempt.means for attempt in found} == {"retry"} and pool.slots.taken("acme") == 0


def test_results_wait_for_the_log() -> None:
    found: list[FulfillmentAttempt] = []
    failures = iter([True, False])

    def report(attempts: list[FulfillmentAttempt]) -> None:
        if next(failures, False):
            raise LaneFailed("the log is away")
        found.extend(attempts)

    with pool_with(report) as pool:
        pool.slots.reserve(ACME, 1)
        pool.submit([call(ACME)])
        wait_until(lambda: len(found) == 1)
