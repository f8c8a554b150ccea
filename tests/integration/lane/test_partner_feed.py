"""A partner's feed on real servers: signed messages over HTTP and by hand become points; held, released, refused."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from lane_world import LaneWorld, wait_until

from pipeline.core import reasons
from pipeline.core.records import DeadLetter, LedgerEntry
from pipeline.devstack import Settings
from pipeline.partners.feed_state import FEED, HELD, OPEN, FeedState, read_feed
from pipeline.partners.signing import signed_headers
from pipeline.wire.partitioner import partition_of

pytestmark = pytest.mark.kafka

OCCURRED_S = int(time.time()) - 60
SECRET = {"MILES_SECRET": "whsec_c2VjcmV0"}
FEEDS = """\
feeds:
  - id: miles
    signing: {env: MILES_SECRET}
    events:
      - type: transaction_completed
        fields: {event_id: /id, member_id: /card, occurred_at: /at, order_id: /id, amount_minor: /paid, currency: /cur}
        decimals: {amount_minor: 2}
        time: s
    limits: {amount_minor: 100000, events: 20, every: 365d}
"""
RULES = """\
rules:
  - {id: base, on: transaction_completed, award: {points: {per: 100, of: event.amount_minor}}}
  - id: theirs
    on: transaction_completed
    when: event.source == "partner:miles"
    award: {points: 1000}
"""


def program(folder: Path) -> Path:
    folder.mkdir()
    settings = "program: miles\nzone: UTC\nenrolment: automatic\ncurrencies: [USD]\nunits: {points: {expires: never}}\n"
    for name, text in {"program.yaml": settings, "rules.yaml": RULES, "partners.yaml": FEEDS}.items():
        (folder / name).write_text(text)
    return folder


def sale(number: int, paid: float = 12.5) -> bytes:
    told = {"id": f"s-{number}", "card": f"m-{number % 5}", "at": OCCURRED_S, "paid": paid, "cur": "USD"}
    return json.dumps(told).encode()


def command(world: LaneWorld, *arguments: str) -> Result:
    """`accrue ARGUMENTS`, with the feed's secret."""
    return world.accrue(*arguments, **SECRET)


def send(world: LaneWorld, *bodies: bytes) -> None:
    file = world.folder / "messages.jsonl"
    file.write_bytes(b"\n".join(bodies))
    sent = command(world, "partners", "feed", "send", "miles", str(file))
    assert sent.exit_code == 0, sent.stderr


def standing(world: LaneWorld) -> dict[str, Any]:
    (found,) = json.loads(command(world, "partners", "feed", "status", "--json").stdout)
    return dict(found)


def wait_for(world: LaneWorld, **wanted: object) -> None:
    """Until the feed stands so, in the changelog of its lane; `taken` and `refused` are counts."""
    home = partition_of(b"miles", world.partitions)

    def stands() -> bool:
        world.crew.check()
        states = [value for _, _, key, value in world.records("intake-changelog", home) if key == FEED + b"miles"]
        state = read_feed(states[-1] or b"") if states else FeedState()
        found = {"mode": state.mode, "why": state.why, "parked": state.parked, **state.counts}
        return all(found.get(name) == value for name, value in wanted.items())

    wait_until(stands, f"feed with {wanted}")


def posted(address: str, body: bytes, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def earned(world: LaneWorld) -> dict[str, int]:
    """Points by event."""
    found: dict[str, int] = {}
    for partition in range(world.partitions):
        for entry in world.outputs("ledger-entries", partition):
            if isinstance(entry, LedgerEntry) and entry.kind == "earn":
                found[entry.event_id] = found.get(entry.event_id, 0) + entry.amount
    return found


def letters(world: LaneWorld) -> list[str]:
    found = [one for partition in range(world.partitions) for one in world.outputs("dead-letters", partition)]
    return [one.reason for one in found if isinstance(one, DeadLetter)]


def test_what_a_partner_tells_becomes_points_once_and_is_held_and_released(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    with LaneWorld(settings, prefix, tmp_path, 2, program(tmp_path / "program")) as world:
        world.worker("one", environment=SECRET)
        world.crew.start("listener", ["partners", "listen"], SECRET)
        wait_until(lambda: "callbacks: " in world.crew.log("listener").read_text(), "the listener")
        address = world.crew.log("listener").read_text().split("callbacks: ")[1].split("/callbacks/")[0]
        message = sale(1)
        headers = signed_headers(SECRET["MILES_SECRET"], "msg-1", int(time.time()), message)
        assert [posted(f"{address}/feeds/miles", message, **headers) for _ in range(2)] == [204, 204]
        assert posted(f"{address}/feeds/miles", sale(2), **headers) == 401
        assert posted(f"{address}/feeds/nobody", message, **headers) == 404

        send(world, *(sale(number) for number in range(1, 11)), sale(11, paid=9_999), b"nonsense")
        wait_for(world, taken=10, refused=2, mode=OPEN)
        send(world, *(sale(number) for number in range(10, 25)))
        wait_for(world, taken=20, mode=HELD, parked=4)
        held = standing(world)
        assert (held["mode"], held["parked"]) == ("held", 4) and "21 events in the stretch" in held["why"]
        assert command(world, "partners", "feed", "release", "miles", "--author", "ada").exit_code == 0
        wait_for(world, mode=OPEN, parked=0, taken=24)

        assert command(world, "partners", "feed", "hold", "miles", "--reason", "broken into").exit_code == 0
        send(world, sale(30))
        wait_for(world, mode=HELD, parked=1, why="broken into")
        assert command(world, "partners", "feed", "refuse", "miles", "--reason", "not theirs").exit_code == 0
        wait_for(world, mode=OPEN, parked=0, refused=3)
        assert "choose from miles" in command(world, "partners", "feed", "hold", "mles").stderr
        world.wait_until_quiet()

        assert earned(world) == {f"s-{number}": 1_012 for number in (*range(1, 11), *range(11, 25))}
        assert sorted(letters(world)) == sorted([reasons.FEED_LIMIT, reasons.NOT_MAPPED, reasons.FEED_REFUSED])
        world.check_against_oracle()

        world.crew.stop("one")
        home = str(partition_of(b"miles", world.partitions))
        for topic in ("partner-events", "fulfillment-attempts", "notifications"):
            ended = reset(world, topic, home, "end")
            assert reset(world, topic, home, "start")["before"] == ended["after"]


def reset(world: LaneWorld, topic: str, partition: str, to: str) -> dict[str, Any]:
    """`accrue lane reset`, and what it says it has done."""
    done = command(world, "lane", "reset", topic, partition, "--to", to, "--force", "--json")
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))
