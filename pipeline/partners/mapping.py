"""From a fulfilment to an HTTP request, and from an answer to what it means, as partners.yaml declares it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, final
from urllib.parse import quote

from pipeline.partners.fulfilment import Fulfilment
from pipeline.program.partners import AnswerRule, CallMapping, Partner

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
REASON_MAX: Final = 300


@final
class Request:
    """What is sent: `body` is JSON, or empty for none."""

    __slots__ = ("body", "headers", "method", "url")

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body


def values_of(f: Fulfilment, partner: Partner) -> dict[str, str | int]:
    """What placeholders stand for."""
    return {
        "fulfillment_id": f.fulfillment_id,
        "member_id": f.member_id,
        "redemption_id": f.redemption_id,
        "reward_id": f.gives,
        "item": dict(partner.items).get(f.gives, f.gives),
        "quantity": f.quantity,
        "unit": f.unit,
        "points": f.points,
        "reference": f.reference,
        "codes": f.codes,
    }


def request_of(partner: Partner, call: CallMapping, values: Mapping[str, str | int]) -> Request:
    """The request of a call, but for credentials and signature."""
    path = _PLACEHOLDER.sub(lambda found: quote(str(values[found[1]]), safe=""), call.path)
    headers = {name: _filled(text, values) for name, text in call.headers}
    body = b""
    if call.body:
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(_document(call.body, values), ensure_ascii=False, separators=(",", ":")).encode()
    return Request(call.method, partner.address + path, headers, body)


def _filled(text: str, values: Mapping[str, str | int]) -> str:
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)


def _document(body: Sequence[tuple[str, str]], values: Mapping[str, str | int]) -> dict[str, Any]:
    """Nested mappings from pointers. A text that is one placeholder of a number becomes the number."""
    document: dict[str, Any] = {}
    for pointer, text in body:
        *folders, name = _parts(pointer)
        inner = document
        for folder in folders:
            inner = inner.setdefault(folder, {})
        whole = _PLACEHOLDER.fullmatch(text)
        inner[name] = values[whole[1]] if whole is not None else _filled(text, values)
    return document


def meaning(rules: Sequence[AnswerRule], status: int, document: object) -> str:
    """What an answer means: by the first rule that fits, else `unknown`."""
    for rule in rules:
        if rule.statuses and status not in rule.statuses:
            continue
        if all(text_at(document, pointer) == wanted for pointer, wanted in rule.values):
            return rule.means
    return "unknown"


def parsed(body: bytes) -> object:
    """The JSON of an answer, or None where it is none."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def value_at(document: object, pointer: str) -> object:
    """What stands at a JSON pointer, None where there is nothing."""
    if not pointer:
        return None
    found = document
    for part in _parts(pointer):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isascii() and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def text_at(document: object, pointer: str) -> str | None:
    """The scalar at a JSON pointer as text (`true`, `12`), None where there is none."""
    found = value_at(document, pointer)
    if isinstance(found, str):
        return found
    if isinstance(found, bool | int):
        return json.dumps(found)
    return None


def whole_at(document: object, pointer: str) -> int:
    """The whole number at a pointer, 0 where there is none."""
    text = text_at(document, pointer) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
