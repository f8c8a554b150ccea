"""Signing and verifying per Standard Webhooks: the official vectors, and agreement with the reference package."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from pipeline.partners.signing import BadSecret, NotVerified, signature, signed_headers, verify

FILE = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "standard_webhooks.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"] if FILE.is_file() else []
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def given_headers(vector: dict[str, Any]) -> dict[str, str]:
    found = {
        "webhook-id": vector.get("id"),
        "webhook-timestamp": vector.get("timestamp"),
        "webhook-signature": vector.get("header_signature"),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


@pytest.mark.skipif(not VECTORS, reason=f"the published vectors are not at {FILE}")
def test_official_vectors_pass() -> None:
    seen = set()
    for vector in VECTORS:
        payload = vector.get("payload", "").encode()
        if vector.get("op") == "sign":
            assert signature(vector["secret"], vector["id"], vector["timestamp"], payload) == vector["signature"]
            known_by = vector.get("public", vector["secret"])
            headers = {**given_headers(vector), "webhook-signature": vector["signature"]}
            assert verify([known_by], headers, payload, vector["timestamp"]) == vector["id"]
            with pytest.raises(NotVerified):
                verify([known_by], headers, payload + b" ", vector["timestamp"])
            seen.add(vector["signature"].split(",")[0])
        elif vector["expect"] == "configuration_error":
            with pytest.raises(BadSecret):
                signature(vector["secret"], "msg-1", 1_000, payload)
        else:
            try:
                verify([vector["secret"]], given_headers(vector), payload, vector.get("now", 1_614_265_330))
                found = "valid"
            except NotVerified:
                found = "invalid"
            assert found == vector["expect"], vector["name"]
            seen.add(found)
    assert seen == {"v1", "v1a", "valid", "invalid"}


@given(key=st.binary(min_size=1, max_size=64), message_id=st.from_regex(r"[a-zA-Z0-9_]{1,40}", fullmatch=True),
       payload=st.text(max_size=200))  # fmt: skip
def test_signing_agrees_with_the_standardwebhooks_package(key: bytes, message_id: str, payload: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        payload.encode()
    except UnicodeEncodeError:
        return
    theirs = Webhook(secret).sign(message_id, now, payload)

    headers = signed_headers(secret, message_id, int(now.timestamp()), payload.encode())

    assert headers["webhook-signature"] == theirs
    with contextlib.suppress(ValueError):  # it verifies first, and then reads JSON, which this payload is not
        Webhook(secret).verify(payload, headers)
    assert verify([secret], headers, payload.encode(), now.timestamp()) == message_id


def test_either_of_two_secrets_verifies_while_one_is_replaced() -> None:
    headers = signed_headers(SECRET, "msg-1", 1_000, b"{}")
    other = "whsec_" + base64.b64encode(b"another").decode()

    assert verify([other, SECRET], headers, b"{}", 1_000) == "msg-1"
    with pytest.raises(NotVerified, match="no signature"):
        verify([other], headers, b"{}", 1_000)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = signed_headers(SECRET, "msg-1", 1_000, b"{}")
    del headers[name]

    with pytest.raises(NotVerified, match=name):
        verify([SECRET], headers, b"{}", 1_000)


def test_a_repeated_message_is_refused_after_five_minutes() -> None:
    headers = signed_headers(SECRET, "msg-1", 1_000, b"{}")

    verify([SECRET], headers, b"{}", 1_300)
    with pytest.raises(NotVerified, match="301 s old"):
        verify([SECRET], headers, b"{}", 1_301)


def test_a_bad_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(BadSecret) as refused:
        signature("whsec_hush!", "msg-1", 1_000, b"{}")
    assert "hush" not in str(refused.value)
