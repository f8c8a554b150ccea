"""Reads webhooks.yaml: the subscriptions of downstream teams."""

from __future__ import annotations

from typing import Final

from pipeline.core.notices import KINDS
from pipeline.program.call_keys import (
    MAX_STEPS,
    RETRIES,
    SECRET_KEYS,
    SPAN,
    read_address,
    read_secret,
    read_span,
    read_spans,
)
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Name, Text
from pipeline.program.webhooks import Webhook
from pipeline.program.yaml_nodes import Node

MAX_WEBHOOKS: Final = 100
TIMEOUT_MS: Final = 10_000
TIMEOUT_MAX_MS: Final = 30_000
"""A delivery must have ended before another worker may take it up."""
KEYS: Final[Keys] = {
    "id": Key(Name(), "The subscription's name.", required=True),
    "url": Key(Text("https?://.+", "https://crm.example/hooks/accrue"), "What is posted to.", required=True),
    "on": Key(Items(Choice(KINDS), len(KINDS)), "What it is told of.", required=True),
    "signing": Key(Fields(SECRET_KEYS, ("env", "file")), "Its secret, per Standard Webhooks.", required=True),
    "timeout": Key(SPAN, "How long an answer is waited for, at most 30s.", default="10s"),
    "retries": Key(Items(SPAN, MAX_STEPS, ordered=True), "How long to wait before each attempt."),
}
FILE_KEYS: Final[Keys] = {
    "webhooks": Key(Items(Fields(KEYS), MAX_WEBHOOKS, id_key="id"), "Who is told.", required=True)
}


def read_webhooks(report: Report, source: Source, node: Node) -> dict[str, Webhook]:
    """The subscriptions by id."""
    section = Section(report, source, node, "webhooks.yaml", FILE_KEYS)
    section.require("webhooks")
    found: dict[str, Webhook] = {}
    for item in section.items("webhooks", "webhooks", MAX_WEBHOOKS):
        webhook = _webhook(report, source, Section(report, source, item, "a webhook", KEYS))
        if webhook is None:
            continue
        if webhook.webhook_id in found:
            reason = f"there are two webhooks `{webhook.webhook_id}`"
            report.error(source, item.start, reason, "give one of them another id")
        found[webhook.webhook_id] = webhook
    return found


def _webhook(report: Report, source: Source, own: Section) -> Webhook | None:
    if not own.readable or not own.require("id", "url", "on", "signing"):
        return None
    webhook_id = own.identifier("id")
    own.what = f"webhook `{webhook_id}`"
    kinds: list[str] = []
    for scalar in own.texts("on", "kinds of notifications"):
        if scalar.value in KINDS:
            kinds.append(scalar.value)
        else:
            reason = f"there is no kind of notification `{shorten(scalar.value)}`"
            report.error(source, scalar.start, reason, closest(scalar.value, KINDS))
    url = read_address(own, "url")
    signing = read_secret(own.section("signing", f"signing of {own.what}", SECRET_KEYS))
    timeout_ms = read_span(own, "timeout", TIMEOUT_MS, TIMEOUT_MAX_MS)
    retries_ms = read_spans(report, source, own, "retries", RETRIES)
    if webhook_id is None or signing is None:
        return None
    return Webhook(webhook_id, url, tuple(kinds), signing, timeout_ms, retries_ms)
