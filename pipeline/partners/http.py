"""One call to a partner over HTTP, and what its end means; nothing of it is ever believed without an answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp

from pipeline.core.records import FulfillmentAttempt
from pipeline.partners.book import Call
from pipeline.partners.mapping import REASON_MAX, Request, meaning, parsed, request_of, text_at, values_of, whole_at
from pipeline.partners.secrets import SecretMissing, secret_text
from pipeline.partners.signing import BadSecret, signed_headers
from pipeline.program.partners import CallMapping, Partner

ANSWER_BYTES_MAX: Final = 65_536
USER_AGENT: Final = "accrue"
SECOND_MS: Final = 1_000


def new_session() -> aiohttp.ClientSession:
    """Connections are kept; how many are open at a time is for the slots. To be made on the loop that uses it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=0, ttl_dns_cache=60),
        headers={"User-Agent": USER_AGENT},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


async def make_call(
    session: aiohttp.ClientSession, call: Call, now_ms: Callable[[], int], environment: Mapping[str, str] = os.environ
) -> FulfillmentAttempt:
    """Call the partner once. Whatever happens, it is told as what is known of it."""
    partner, started_ms = call.partner, now_ms()
    mapping = _mapping(call)
    status, body = 0, b""
    try:
        request = _request(call, mapping, started_ms, environment)
    except (SecretMissing, BadSecret) as error:
        return _attempt(call, "retry", 0, "", 0, str(error), started_ms, now_ms())
    timeout = aiohttp.ClientTimeout(total=partner.timeout_ms / SECOND_MS)
    try:
        async with session.request(
            request.method, request.url, data=request.body or None, headers=request.headers,
            timeout=timeout, allow_redirects=False,
        ) as answer:  # fmt: skip
            status = answer.status
            body = await _read(answer)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        # Nothing was sent: there was no connection to send it by.
        return _attempt(call, "retry", 0, "", 0, _text(error), started_ms, now_ms())
    except TimeoutError:
        why = f"no answer within {partner.timeout_ms} ms"
        return _attempt(call, "unknown", status, "", 0, why, started_ms, now_ms())
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _attempt(call, "unknown", status, "", 0, _text(error), started_ms, now_ms())
    document = parsed(body)
    means = meaning(mapping.answers, status, document)
    reason = "" if means == "confirmed" else f"HTTP {status}: {body[:200].decode('utf-8', 'replace')}".strip(": ")
    reference = (text_at(document, mapping.reference) or "")[:REASON_MAX]
    return _attempt(call, means, status, reference, whole_at(document, mapping.quantity), reason, started_ms, now_ms())


def _mapping(call: Call) -> CallMapping:
    partner = call.partner
    found = {"fulfil": partner.fulfil, "ask": partner.ask, "cancel": partner.cancel}[call.kind]
    assert found is not None, f"{partner.partner_id} declares no {call.kind}"
    return found


def _request(call: Call, mapping: CallMapping, now_ms: int, environment: Mapping[str, str]) -> Request:
    partner: Partner = call.partner
    request = request_of(partner, mapping, values_of(call.f, partner))
    if partner.credentials is not None:
        secret = secret_text(partner.credentials.secret, environment)
        request.headers[partner.credentials.header] = f"{partner.credentials.prefix} {secret}".strip()
    if partner.signing is not None:
        secret = secret_text(partner.signing, environment)
        request.headers |= signed_headers(secret, call.f.fulfillment_id, now_ms // SECOND_MS, request.body)
    return request


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body, as far as it is looked at."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            answer.close()  # the rest is not wanted, nor the connection that it would come by
            break
    return b"".join(parts)


def _attempt(
    call: Call, means: str, status: int, reference: str, quantity: int, reason: str, started_ms: int, ended_ms: int
) -> FulfillmentAttempt:
    return FulfillmentAttempt(
        call.f.fulfillment_id, call.partner.partner_id, call.f.calls, call.kind, means, status, reference, quantity,
        reason[:REASON_MAX], started_ms, ended_ms,
    )  # fmt: skip


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
