"""Webhooks over real Kafka and HTTP: one id per cause, whoever is down, killed or gone; orders by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_endpoint import Endpoint, taken
from lane_world import LaneWorld, now_ms, wait_until
from standardwebhooks.webhooks import Webhook as Judge

from pipeline.core.events import Event
from pipeline.core.payloads import TransactionCompleted
from pipeline.devstack import Settings
from pipeline.notify.waiting import LEASE_MS
from pipeline.wire.times import time_text

pytestmark = pytest.mark.kafka

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PURCHASES = 6
AHEAD_MS = LEASE_MS + 30_000
"""So far the worker's clock goes on while it is away: what it had under way is taken up anew."""


def program_in(folder: Path, crm: str, bi: str) -> Path:
    folder.mkdir()
    (folder / "program.yaml").write_text(
        "program: corner\nzone: UTC\nenrolment: automatic\ncurrencies: [EUR]\nunits: {points: {expires: never}}\n"
    )
    (folder / "rules.yaml").write_text(
        "rules:\n  - id: base\n    on: transaction_completed\n    award: {points: {per: 100, of: event.amount_minor}}\n"
    )
    retries = ", ".join(["0s", *["300ms"] * 19])
    (folder / "webhooks.yaml").write_text(f"""\
webhooks:
  - {{id: crm, url: "{crm}", on: [points_earned], signing: {{env: CRM_SECRET}}, timeout: 5s, retries: [{retries}]}}
  - {{id: bi, url: "{bi}", on: [points_earned], signing: {{env: BI_SECRET}}, timeout: 5s, retries: [0s, 5s]}}
""")
    return folder


def buy(world: LaneWorld, number: int) -> None:
    at_ms = now_ms()
    purchase = TransactionCompleted(f"o-{number}", 10_000, "EUR", "", "", "", [])
    world.send(Event(f"buy-{number}", f"m-{number}", at_ms, "shop", "", {}, purchase, at_ms))


def ids(found: list[dict[str, Any]]) -> set[str]:
    return {one["headers"]["webhook-id"] for one in found}


def test_each_cause_is_delivered_under_one_id_while_endpoints_are_down_killed_gone_and_replayed(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    ahead = tmp_path / "ahead"
    secrets = {"CRM_SECRET": SECRET, "BI_SECRET": SECRET, "ACCRUE_CLOCK_FILE": str(ahead)}
    with Endpoint() as crm, Endpoint() as bi:
        program = program_in(tmp_path / "program", crm.url("/in"), bi.url("/in"))
        with LaneWorld(settings, prefix, tmp_path, 2, program) as world:
            world.worker("one", environment=secrets)
            bi.answers(204)
            began = now_ms()
            for number in range(PURCHASES):
                buy(world, number)
            world.flush()
            wait_until(lambda: len(ids(taken(bi))) == PURCHASES, "deliveries to the one that is up")
            wait_until(lambda: len(ids(crm.got())) == PURCHASES, "attempts at the one that is down")
            world.crew.kill("one")
            crm.answers(204)
            ahead.write_text(str(AHEAD_MS))
            world.crew.restart("one")
            wait_until(lambda: ids(taken(crm)) == ids(crm.got()), "deliveries that waited over the kill")
            causes = {json.loads(one["body"])["data"]["event_id"]: one for one in taken(crm)}
            assert set(causes) == {f"buy-{number}" for number in range(PURCHASES)}
            assert ids(list(causes.values())) == ids(taken(bi))
            for one in taken(crm):
                Judge(SECRET).verify(one["body"].encode(), one["headers"])
            ahead.unlink()

            crm.answers(410)
            buy(world, PURCHASES)
            world.flush()
            wait_until(lambda: standing(world, "crm")["disabled_at_ms"] > 0, "crm gone")
            told = len(crm.got())
            buy(world, PURCHASES + 1)
            world.flush()
            wait_until(lambda: len(ids(taken(bi))) == PURCHASES + 2, "deliveries to the other")
            assert len(crm.got()) == told
            refused = world.accrue("webhooks", "replay", "crm", "--since", since(began))
            assert refused.exit_code == 1 and "is disabled" in refused.output

            crm.answers(204)
            assert world.accrue("webhooks", "enable", "crm").exit_code == 0
            replayed = world.accrue("webhooks", "replay", "crm", "--since", since(began))
            assert replayed.output == f"{PURCHASES + 2} notifications are sent to crm once more\n"
            wait_until(lambda: ids(taken(crm)) == ids(taken(bi)), "what was replayed")
            world.wait_until_quiet()
            assert world.ends_in_order("one")
            told_as = {(one["headers"]["webhook-id"], one["body"]) for one in (*crm.got(), *bi.got())}
            assert len(told_as) == PURCHASES + 2  # whatever comes again comes as it was


def since(at_ms: int) -> str:
    return str(time_text(at_ms))


def standing(world: LaneWorld, webhook_id: str) -> dict[str, Any]:
    shown = world.accrue("webhooks", "list", "--json")
    assert shown.exit_code == 0, shown.output
    (found,) = [one for one in json.loads(shown.output) if one["webhook_id"] == webhook_id]
    return dict(found)
