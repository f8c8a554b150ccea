"""Whether what comes in over HTTP is of whom it says: verified per Standard Webhooks, or answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from pipeline import logs
from pipeline.partners.secrets import SecretMissing, secret_text
from pipeline.partners.signing import BadSecret, NotVerified, verify
from pipeline.program.partners import Secret

SECOND_MS: Final = 1_000

log = logs.logger("accrue.callbacks")


async def authentic(
    request: web.Request, name: str, secret: Secret, environment: Mapping[str, str], now_ms: int
) -> tuple[Mapping[str, str], bytes]:
    """(headers by lower-case name, body) of a request that the partner called `name` has signed.

    Raises HTTPUnauthorized where it has not, or not just now; HTTPServiceUnavailable where our secret is missing.
    """
    body = await request.read()
    headers = {key.lower(): value for key, value in request.headers.items()}
    try:
        verify([secret_text(secret, environment)], headers, body, now_ms / SECOND_MS)
    except NotVerified as refused:
        log.warning("a message is refused", partner=name, why=str(refused))
        raise web.HTTPUnauthorized(text=f"{refused}\n") from refused
    except (SecretMissing, BadSecret) as error:
        log.error("a message cannot be verified", partner=name, why=str(error))
        raise web.HTTPServiceUnavailable(text="try again later\n") from error
    return headers, body
