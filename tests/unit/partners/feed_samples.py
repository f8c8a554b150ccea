"""A feed and its messages that the tests share."""

from __future__ import annotations

import json

from pipeline.program.feeds import Feed, FeedEvent, FeedLimits
from pipeline.program.partners import Secret

AT_MS = 1_772_357_400_000  # 2026-03-01T09:30:00Z
SECRET = "whsec_c2VjcmV0"
FEED = Feed(
    "airmiles",
    Secret("AIRMILES_SECRET", ""),
    "",
    "/sales",
    (
        FeedEvent(
            "transaction_completed",
            (("/kind", "sale"),),
            (
                ("event_id", "/id"), ("member_id", "/card"), ("occurred_at", "/at"), ("order_id", "/id"),
                ("amount_minor", "/paid"), ("currency", "/currency"), ("country", "/land"),
            ),
            (("channel", "partner"), ("attributes.desk", "north")),
            (("amount_minor", 2),),
            "s",
        ),
        FeedEvent("", (("/kind", "ping"),), (), (), (), "iso"),
    ),
    FeedLimits(),
)  # fmt: skip


def sale(number: int, **changes: object) -> dict[str, object]:
    """One of a message's items: 12.50 USD by m-1."""
    made: dict[str, object] = {
        "kind": "sale", "id": number, "card": "m-1", "at": AT_MS // 1000, "paid": 12.5, "currency": "USD", "land": "US",
    }  # fmt: skip
    return made | changes


def body(*items: object) -> bytes:
    return json.dumps({"sales": items}).encode()
