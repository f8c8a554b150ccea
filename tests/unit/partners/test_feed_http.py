"""Messages of feeds over real HTTP: verified, put on the log as they came; nothing else is believed."""

from __future__ import annotations

import pytest
from aiohttp import web
from endpoint import answered
from feed_samples import AT_MS, FEED, SECRET, body, sale

from pipeline.core.records import PartnerMessage
from pipeline.lane.ports import LaneFailed
from pipeline.partners.feed_http import FeedEndpoint
from pipeline.partners.signing import signed_headers

BODY = body(sale(1))
SIGNED = signed_headers(SECRET, "msg-1", AT_MS // 1_000, BODY)


def sent(
    headers: dict[str, str], feed: str = "airmiles", secret: str = SECRET, log_is_away: bool = False
) -> tuple[int, list[PartnerMessage]]:
    """The answer's status, and what went to the log."""
    logged: list[PartnerMessage] = []

    def keep(message: PartnerMessage) -> None:
        if log_is_away:
            raise LaneFailed("the log is away")
        logged.append(message)

    app = web.Application()
    FeedEndpoint(lambda: {"airmiles": FEED}, keep, {"AIRMILES_SECRET": secret}, lambda: AT_MS).add_to(app)
    return answered(app, f"/feeds/{feed}", BODY, headers), logged


def test_a_signed_message_is_put_on_the_log_as_it_came() -> None:
    status, (message,) = sent(SIGNED)

    assert status == 204
    assert message == PartnerMessage("airmiles", "msg-1", AT_MS // 1_000, SIGNED["webhook-signature"], BODY)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed_headers("whsec_b3RoZXI=", "msg-1", AT_MS // 1_000, BODY),
        signed_headers(SECRET, "msg-1", AT_MS // 1_000 - 301, BODY),
        signed_headers(SECRET, "msg-1", AT_MS // 1_000, BODY + b" "),
    ],
    ids=["unsigned", "another secret", "too old", "another body"],
)
def test_what_the_partner_has_not_signed_just_now_is_refused(headers: dict[str, str]) -> None:
    assert sent(headers) == (401, [])


def test_nobody_else_has_a_feed() -> None:
    assert sent(SIGNED, feed="nobody") == (404, [])


@pytest.mark.parametrize("trouble", [{"secret": ""}, {"log_is_away": True}], ids=["no secret", "no log"])
def test_what_cannot_be_taken_now_is_to_be_sent_again(trouble: dict[str, object]) -> None:
    assert sent(SIGNED, **trouble) == (503, [])  # type: ignore[arg-type]
