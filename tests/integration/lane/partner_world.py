"""Partners as processes of their own, a programme that names them, and what must be so in the end."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lane_world import LaneWorld, now_ms, wait_until
from served_process import ServedProcess

from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome, MemberEnrolled, PointsAdjusted, RedemptionRequested
from pipeline.core.records import FulfillmentCommand, LedgerEntry

PRICE = 10
PARTNER = """\
  - id: {name}
    address: http://127.0.0.1:{port}
    timeout: 500ms
    retries: [{retries}]
    asks: [{asks}]
    acts_within: 2s
    idempotent: true
    breaker: {{failures: 8, pause: 500ms, probes: 2}}
    concurrency: 16
    fulfil:
      path: /orders
      headers: {{Idempotency-Key: "{{fulfillment_id}}"}}
      body: {{/key: "{{fulfillment_id}}", /sku: "{{item}}", /pieces: "{{quantity}}"}}
      reference: /id
    ask:
      path: "/orders/{{fulfillment_id}}"
      answers: [{{means: failed, where: {{/state: refused}}}}]
    cancel: {{method: DELETE, path: "/orders/{{fulfillment_id}}"}}
    callback:
      signing: {{env: PARTNER_HOOK}}
      fulfillment_id: /key
      reference: /id
      answers:
        - {{means: confirmed, where: {{/state: done}}}}
        - {{means: failed, where: {{/state: refused}}}}
    settlement: {{currency: EUR, redeemed_minor: 700}}
"""


class PartnerProcess(ServedProcess):
    """`pipeline.demo.partner_sim` as a process."""

    def __init__(self, *options: str) -> None:
        super().__init__("-m", "pipeline.demo.partner_sim", *options)

    def told(self) -> dict[str, Any]:
        """What it says it has given."""
        with urllib.request.urlopen(self.url("/given"), timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def given(self) -> set[str]:
        return set(self.told()["given"])

    def behave(self, **mode: object) -> None:
        request = urllib.request.Request(
            self.url("/mode"), json.dumps(mode).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10):
            return


def program_with(folder: Path, ports: Mapping[str, int], attempts: int = 18) -> Path:
    """A programme whose reward `NAME-gift` is given by the partner NAME at its port."""
    folder.mkdir()
    (folder / "program.yaml").write_text(
        "program: gifts\nzone: UTC\nenrolment: automatic\ncurrencies: [EUR]\nunits: {points: {expires: never}}\n"
    )
    rewards = "".join(f"  - {{id: {name}-gift, price: {PRICE}, provider: {name}}}\n" for name in ports)
    rule = "{id: base, on: transaction_completed, award: {points: {per: 100, of: event.amount_minor}}}"
    (folder / "rules.yaml").write_text(f"rules:\n  - {rule}\n")
    (folder / "rewards.yaml").write_text(f"rewards:\n{rewards}")
    retries, asks = (", ".join([first] + ["300ms"] * attempts) for first in ("0s", "100ms"))
    texts = [PARTNER.format(name=name, port=port, retries=retries, asks=asks) for name, port in ports.items()]
    (folder / "partners.yaml").write_text("partners:\n" + "".join(texts))
    return folder


def fund(world: LaneWorld, members: int, points: int) -> None:
    """Members with points to spend."""
    for number in range(members):
        at_ms = now_ms()
        member = f"m-{number}"
        world.send(Event(f"join-{number}", member, at_ms, "crm", "", {}, MemberEnrolled("US", "", ""), at_ms))
        gift = PointsAdjusted("points", points, "a gift", "ada")
        world.send(Event(f"fund-{number}", member, at_ms, "crm", "", {}, gift, at_ms))
    world.flush()


def redeem(world: LaneWorld, number: int, member: str, reward: str) -> None:
    at_ms = now_ms()
    request = RedemptionRequested(f"r-{number}", reward, 1, "")
    world.send(Event(f"redeem-{number}", member, at_ms, "app", "", {}, request, at_ms))


def outcomes(world: LaneWorld) -> dict[str, str]:
    """By fulfilment what the log says became of it; each is said once."""
    found: dict[str, str] = {}
    for partition in range(world.partitions):
        for _offset, at_ms, _key, value in world.records("derived-events", partition):
            event = world.connection.decoder.decode(value or b"", at_ms)
            if isinstance(event, Event) and isinstance(event.payload, FulfillmentOutcome):
                assert event.payload.fulfillment_id not in found, "an outcome was written twice"
                found[event.payload.fulfillment_id] = event.payload.outcome
    return found


def outcome_times(world: LaneWorld) -> dict[str, int]:
    """By fulfilment the time in ms of the record that told of its outcome."""
    found: dict[str, int] = {}
    for partition in range(world.partitions):
        for _offset, at_ms, _key, value in world.records("derived-events", partition):
            event = world.connection.decoder.decode(value or b"", at_ms)
            if isinstance(event, Event) and isinstance(event.payload, FulfillmentOutcome):
                found[event.payload.fulfillment_id] = at_ms
    return found


def commands(world: LaneWorld) -> dict[str, FulfillmentCommand]:
    """The commands to fulfil, by id."""
    found = [one for partition in range(world.partitions) for one in world.outputs("reward-fulfillments", partition)]
    return {one.fulfillment_id: one for one in found if isinstance(one, FulfillmentCommand) and one.action == "fulfil"}


def wait_for_outcomes(world: LaneWorld, number: int) -> None:
    """Until so many fulfilments have come to an end."""

    def ended() -> bool:
        world.crew.check()
        return len(outcomes(world)) >= number

    wait_until(ended, f"the end of {number} fulfilments")
    world.wait_until_quiet()


def entries(world: LaneWorld) -> list[LedgerEntry]:
    found = [one for partition in range(world.partitions) for one in world.outputs("ledger-entries", partition)]
    return [one for one in found if isinstance(one, LedgerEntry)]


def check_reward_or_points(world: LaneWorld, partners: Mapping[str, PartnerProcess]) -> int:
    """What partners gave is exactly what was confirmed and redeemed; all else is with the members. Returns how many
    were confirmed."""
    found, asked = outcomes(world), commands(world)
    assert found.keys() == asked.keys()
    for name, partner in partners.items():
        confirmed = {key for key, outcome in found.items() if outcome == "confirmed" and asked[key].provider == name}
        assert partner.given() == confirmed, name
        redeemed = sum(entry.amount for entry in entries(world) if entry.credit == f"partner:{name}:redeemed")
        assert redeemed == PRICE * len(confirmed), name
    held = sum(entry.amount for entry in entries(world) if entry.kind == "hold")
    released = sum(entry.amount for entry in entries(world) if entry.kind in ("void", "redeem"))
    assert held == released == PRICE * len(asked)
    return sum(outcome == "confirmed" for outcome in found.values())
