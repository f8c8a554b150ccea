"""What partners send by themselves, over real HTTP: verified, understood, put on the log; nothing else is believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from endpoint import answered
from partner_samples import ACME, CALLBACK, NOW_MS

from pipeline.core.records import FulfillmentAttempt
from pipeline.lane.ports import LaneFailed
from pipeline.partners.callbacks import Callbacks
from pipeline.partners.signing import signed_headers

SECRET = "whsec_c2VjcmV0"
PARTNERS = {"acme": replace(ACME, callback=CALLBACK), "silent": ACME}
DONE = json.dumps({"key": "f-1", "state": "done", "id": "A-7"}).encode()


def sent(
    body: bytes,
    headers: dict[str, str],
    partner: str = "acme",
    environment: dict[str, str] | None = None,
    log_is_away: bool = False,
) -> tuple[int, list[FulfillmentAttempt]]:
    """The answer's status, and what went to the log."""
    logged: list[FulfillmentAttempt] = []

    def report(attempts: list[FulfillmentAttempt]) -> None:
        if log_is_away:
            raise LaneFailed("the log is away")
        logged.extend(attempts)

    found = {"HOOK": SECRET} if environment is None else environment
    app = Callbacks(lambda: PARTNERS, report, found, lambda: NOW_MS).app()
    return answered(app, f"/callbacks/{partner}", body, headers), logged


def signed(body: bytes, secret: str = SECRET, at_ms: int = NOW_MS) -> dict[str, str]:
    return signed_headers(secret, "cb-1", at_ms // 1_000, body)


def test_a_signed_callback_is_put_on_the_log() -> None:
    status, (attempt,) = sent(DONE, signed(DONE))

    assert status == 204
    assert (attempt.fulfillment_id, attempt.provider, attempt.call) == ("f-1", "acme", 0)
    assert (attempt.action, attempt.means, attempt.reference) == ("callback", "confirmed", "A-7")


@pytest.mark.parametrize(
    "headers",
    [{}, signed(DONE, "whsec_b3RoZXI="), signed(DONE, at_ms=NOW_MS - 301_000), signed(DONE + b" ")],
    ids=["unsigned", "another secret", "too old", "another body"],
)
def test_what_is_not_signed_by_the_partner_is_refused(headers: dict[str, str]) -> None:
    assert sent(DONE, headers) == (401, [])


@pytest.mark.parametrize("partner", ["nobody", "silent"])
def test_who_sends_no_callbacks_is_not_heard(partner: str) -> None:
    assert sent(DONE, signed(DONE), partner) == (404, [])


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"key": ""}', json.dumps({"key": "x" * 300}).encode()])
def test_without_a_fulfilments_id_it_is_not_understood(body: bytes) -> None:
    assert sent(body, signed(body)) == (422, [])


def test_what_means_nothing_is_taken_and_left() -> None:
    body = json.dumps({"key": "f-1", "state": "shipping"}).encode()
    assert sent(body, signed(body)) == (204, [])


def test_it_is_to_be_sent_again_while_the_log_is_away_or_our_secret_is_missing() -> None:
    assert sent(DONE, signed(DONE), log_is_away=True) == (503, [])
    assert sent(DONE, signed(DONE), environment={}) == (503, [])
