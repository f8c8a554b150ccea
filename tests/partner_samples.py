"""Partners and commands for tests of fulfilment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.core.records import FulfillmentCommand
from pipeline.partners.fulfilment import Policies
from pipeline.program.partner_calls import ABSENT, USUAL
from pipeline.program.partners import AnswerRule, BreakerPolicy, CallbackMapping, CallMapping, Fallback, Partner, Secret

NOW_MS = 1_800_000_000_000
FULFIL = CallMapping("POST", "/orders", (("Idempotency-Key", "{fulfillment_id}"),), (("/key", "{fulfillment_id}"),),
                     USUAL, "/id", "/given")  # fmt: skip
ASK = CallMapping("GET", "/orders/{fulfillment_id}", (), (), (*ABSENT, *USUAL), "/id", "/given")
CANCEL = CallMapping("DELETE", "/orders/{fulfillment_id}", (), (), USUAL, "", "")
CALLBACK = CallbackMapping(Secret("HOOK", ""), "/key", (AnswerRule("confirmed", (), (("/state", "done"),)),), "/id", "")
ACME = Partner(
    "acme", "http://127.0.0.1:1", None, None, 10_000, (0, 5_000, 300_000), (5_000, 60_000, 300_000), 60_000, True,
    BreakerPolicy(3, 30_000, 1), 8, 0, FULFIL, ASK, CANCEL, None, (), (), None,
)  # fmt: skip
OTHER = replace(ACME, partner_id="other")


def policies(*partners: Partner, rewards: Iterable[tuple[str, str]] = ()) -> Policies:
    """Those partners, and the providers of rewards by id."""
    return Policies({partner.partner_id: partner for partner in partners}, dict(rewards))


def falling_back(*steps: Fallback, partner: Partner = ACME) -> Partner:
    return replace(partner, fallback=steps)


def command(fulfillment_id: str = "f" * 32, action: str = "fulfil", provider: str = "acme", quantity: int = 2,
            member_id: str = "ann") -> FulfillmentCommand:  # fmt: skip
    return FulfillmentCommand(
        fulfillment_id, member_id, "r-1", action, "gift", provider, quantity, "points", 100, "e-1", "hash",
        NOW_MS, NOW_MS, 0, "",
    )  # fmt: skip
