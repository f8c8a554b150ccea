"""Requests and answers as partners.yaml declares them: nothing about a partner is code."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from partner_samples import ACME, FULFIL, NOW_MS, command, policies

from pipeline.partners import fulfilment
from pipeline.partners.mapping import meaning, parsed, request_of, text_at, values_of, whole_at
from pipeline.program.partner_calls import ABSENT, USUAL
from pipeline.program.partners import AnswerRule

VALUES = values_of(
    fulfilment.begin(command("a/b é"), NOW_MS, policies(ACME)), replace(ACME, items=(("gift", "SKU 1"),))
)


def test_a_request_is_filled_from_the_fulfilment() -> None:
    call = replace(
        FULFIL,
        path="/orders/{fulfillment_id}",
        body=(("/order/sku", "{item}"), ("/order/pieces", "{quantity}"), ("/note", "{points} {unit}"), ("/a~1b", "x")),
    )
    request = request_of(ACME, call, VALUES)

    assert request.url == "http://127.0.0.1:1/orders/a%2Fb%20%C3%A9"
    assert json.loads(request.body) == {
        "order": {"sku": "SKU 1", "pieces": 2}, "note": "100 points", "a/b": "x"
    }  # fmt: skip
    assert request.headers["Content-Type"] == "application/json"


def test_voucher_codes_that_were_drawn_for_it_go_along() -> None:
    given = command()
    given.codes = "AB-1\nAB-2"
    values = values_of(fulfilment.begin(given, NOW_MS, policies(ACME)), ACME)
    assert json.loads(request_of(ACME, replace(FULFIL, body=(("/codes", "{codes}"),)), values).body) == {
        "codes": "AB-1\nAB-2"
    }


def test_without_body_nothing_is_sent() -> None:
    request = request_of(ACME, replace(FULFIL, body=()), VALUES)
    assert request.body == b"" and "Content-Type" not in request.headers


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {}, "confirmed"),
        (202, {}, "pending"),
        (429, {}, "retry"),
        (401, {}, "retry"),
        (422, {}, "failed"),
        (500, {}, "unknown"),
        (503, {}, "unknown"),
        (302, {}, "unknown"),
        (200, {"state": "queued"}, "pending"),
        (200, {"items": [{"ok": False}]}, "failed"),
    ],
)
def test_what_an_answer_means(status: int, body: object, expected: str) -> None:
    rules = (
        AnswerRule("pending", (200,), (("/state", "queued"),)),
        AnswerRule("failed", (), (("/items/0/ok", "false"),)),
        *USUAL,
    )
    assert meaning(rules, status, body) == expected


def test_a_question_that_is_answered_404_means_that_nothing_is_known() -> None:
    assert meaning((*ABSENT, *USUAL), 404, None) == "absent"


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [("/a", "1"), ("/b/1", "x"), ("/b/9", None), ("/c", None), ("", None), ("/d", "true"), ("/e", None), ("/f", None)],
)
def test_values_are_found_by_pointer(pointer: str, expected: str | None) -> None:
    assert text_at({"a": 1, "b": [0, "x"], "d": True, "e": None, "f": {"g": 1}}, pointer) == expected


def test_what_is_no_json_has_no_values() -> None:
    assert parsed(b"<html>") is None and parsed(b"") is None and parsed(b"[" * 100_000) is None
    assert text_at(None, "/a") is None
    assert (whole_at({"n": 3}, "/n"), whole_at({"n": "-3"}, "/n"), whole_at({"n": "9" * 30}, "/n")) == (3, 0, 0)
