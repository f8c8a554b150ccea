"""Standard Webhooks: what we send is signed, what comes in is verified; by a shared secret (v1) or a key pair (v1a)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SHARED: Final = "whsec_"
PRIVATE: Final = "whsk_"
PUBLIC: Final = "whpk_"
SYMMETRIC: Final = "v1,"
ASYMMETRIC: Final = "v1a,"
KEY_BYTES: Final = 32
TOLERANCE_SECONDS: Final = 300
ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
TIMESTAMP_DIGITS_MAX: Final = 12


class BadSecret(Exception):
    """A secret or key that is none. The message never holds it."""


class NotVerified(Exception):
    """Who sent this cannot be believed; the message says why."""


def signature(secret: str, message_id: str, timestamp_s: int, payload: bytes) -> str:
    """The value of the signature header, over `id.timestamp.payload`: `v1,` and HMAC-SHA256 as base64, or with a
    private key (`whsk_`) `v1a,` and Ed25519. Raises BadSecret.
    """
    signed = _signed(message_id, str(timestamp_s), payload)
    if secret.startswith(PRIVATE):
        key = _bytes_of(secret.removeprefix(PRIVATE))
        if len(key) != 2 * KEY_BYTES:
            raise BadSecret(f"a {PRIVATE} secret holds {2 * KEY_BYTES} bytes, this one {len(key)}: copy it whole")
        found = Ed25519PrivateKey.from_private_bytes(key[:KEY_BYTES]).sign(signed)
        return ASYMMETRIC + base64.b64encode(found).decode()
    return SYMMETRIC + base64.b64encode(hmac.digest(_shared(secret), signed, hashlib.sha256)).decode()


def signed_headers(secret: str, message_id: str, timestamp_s: int, payload: bytes) -> dict[str, str]:
    """The three headers of a message. Raises BadSecret."""
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp_s),
        SIGNATURE_HEADER: signature(secret, message_id, timestamp_s, payload),
    }


def verify(secrets: Iterable[str], headers: Mapping[str, str], payload: bytes, now_s: float) -> str:
    """The id of a message that was signed with one of `secrets` (several while one is being replaced), shared ones or
    public keys (`whpk_`).

    `headers` are by lower-case name. Raises NotVerified, or BadSecret.
    """
    missing = [name for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER) if not headers.get(name)]
    if missing:
        raise NotVerified(f"the headers {', '.join(missing)} are missing")
    text = headers[TIMESTAMP_HEADER]
    if not text.isascii() or not text.isdigit() or len(text) > TIMESTAMP_DIGITS_MAX:
        raise NotVerified(f"{TIMESTAMP_HEADER} is no time in seconds since 1970")
    ahead_s = int(text) - now_s
    if abs(ahead_s) > TOLERANCE_SECONDS:
        age = f"{abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'old'}"
        raise NotVerified(
            f"{TIMESTAMP_HEADER} is {age}, more than {TOLERANCE_SECONDS} s: it may be repeated by another"
        )
    given = headers[SIGNATURE_HEADER].split(" ")
    signed = _signed(headers[ID_HEADER], text, payload)
    for secret in secrets:
        if _verified(secret, given, signed):
            return headers[ID_HEADER]
    raise NotVerified(f"no signature in {SIGNATURE_HEADER} is of a secret that we know")


def _verified(secret: str, given: list[str], signed: bytes) -> bool:
    if not secret.startswith(PUBLIC):
        expected = (
            SYMMETRIC + base64.b64encode(hmac.digest(_shared(secret), signed, hashlib.sha256)).decode()
        ).encode()
        return any(hmac.compare_digest(one.encode(), expected) for one in given)
    key = _bytes_of(secret.removeprefix(PUBLIC))
    if len(key) != KEY_BYTES:
        raise BadSecret(f"a {PUBLIC} key holds {KEY_BYTES} bytes, this one {len(key)}: copy it whole")
    public = Ed25519PublicKey.from_public_bytes(key)
    for one in given:
        if one.startswith(ASYMMETRIC):
            try:
                public.verify(base64.b64decode(one.removeprefix(ASYMMETRIC), validate=True), signed)
            except (InvalidSignature, binascii.Error, ValueError):
                continue
            return True
    return False


def _signed(message_id: str, timestamp: str, payload: bytes) -> bytes:
    return b".".join((message_id.encode(), timestamp.encode(), payload))


def _shared(secret: str) -> bytes:
    return _bytes_of(secret.removeprefix(SHARED))


def _bytes_of(text: str) -> bytes:
    """The bytes of base64, padded or not."""
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise BadSecret("a signing secret must be base64 behind its prefix: copy it as it was handed out")
    return key
