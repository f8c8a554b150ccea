"""The demo's partner over HTTP: down when the members ask for their gift cards, and back a little later."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from pipeline.core.payloads import MemberEnrolled, PointsAdjusted, RedemptionRequested
from pipeline.demo.crew import Crew
from pipeline.demo.report import Check
from pipeline.demo.script import Script
from pipeline.devstack import ports
from pipeline.partners.fulfilment import DONE
from pipeline.partners.overview import standings
from pipeline.program import Bundle, load_program
from pipeline.settings import Settings

PARTNER: Final = "gift-cards"
REWARD: Final = "gift-card"
MEMBERS: Final = 12
PRICE: Final = 150
COMMAND: Final = (sys.executable, "-m", "pipeline.demo.partner_sim")
START_SECONDS: Final = 30.0
_POLL_S: Final = 0.1
_REWARDS: Final = f"\n  - {{id: {REWARD}, price: {PRICE}, provider: {PARTNER}}}\n"
_PARTNERS: Final = """\
partners:
  - id: {name}
    address: http://127.0.0.1:{port}
    timeout: 2s
    retries: [0s, {waits}]
    asks: [{waits}]
    acts_within: 2s
    idempotent: true
    breaker: {{failures: 2, pause: 3s}}
    fulfil:
      path: /orders
      body: {{/key: "{{fulfillment_id}}", /sku: "{{item}}"}}
      answers: [{{means: retry, status: [503]}}]
      reference: /id
    ask: {{path: "/orders/{{fulfillment_id}}"}}
    settlement: {{currency: USD, redeemed_minor: 900}}
"""


@final
class GiftCards:
    """The partner as a process of its own, while the context lasts. It is down until `come_back`."""

    def __init__(self, directory: Path, program: Path) -> None:
        """directory: where its log and its programme go. program: the programme that the partner is added to."""
        self._directory = directory
        self._program = program
        self._port = ports.pick(())
        self._crew = Crew(directory, {}, COMMAND)

    def __enter__(self) -> Self:
        self._crew.start(PARTNER, ["--port", str(self._port), "--down"])
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._crew.check()
            try:
                self.given()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.__exit__(kind, error, trace)

    def bundle(self) -> Bundle:
        """The programme with a reward more, which this partner gives."""
        own = self._directory / "program"
        shutil.copytree(self._program, own)
        rewards = own / "rewards.yaml"
        rewards.write_text(rewards.read_text("utf-8") + _REWARDS, "utf-8")
        waits = ", ".join(["1s"] * 19)
        (own / "partners.yaml").write_text(_PARTNERS.format(name=PARTNER, port=self._port, waits=waits), "utf-8")
        return load_program(own)

    def come_back(self) -> None:
        """From now on it gives what it is asked for."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/mode", b'{"down": false}')
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - our own
            return

    def given(self) -> set[str]:
        """The fulfilments that it says it has given something for."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/given", timeout=10) as answer:
            found: dict[str, object] = json.loads(answer.read())["given"]
        return set(found)

    def check(self, confirmed: set[str]) -> Check:
        """That it gave exactly what was confirmed."""
        given = self.given()
        says = "what the partner over HTTP gave is exactly what was confirmed of it"
        if given == confirmed:
            return Check("I8", says, holds=True, found=f"{len(given)} given, while it was down and afterwards")
        found = f"{len(given - confirmed)} given and not confirmed, {len(confirmed - given)} confirmed and not given"
        return Check("I8", says, holds=False, found=found)


def ask_for_gift_cards(script: Script) -> None:
    """Members redeem points for what the partner gives."""
    for number in range(MEMBERS):
        member = f"gift-{number:02}"
        script.event(member, MemberEnrolled("US", "", ""))
        script.event(member, PointsAdjusted("", PRICE, "welcome", "demo"))
        script.event(member, RedemptionRequested(f"card-{number}", REWARD, 1, "app"))


def states(settings: Settings) -> Counter[str]:
    """How many of its fulfilments are in which state."""
    return Counter({name: number for one in standings(settings) if one.provider == PARTNER
                    for name, number in one.counts.items()})  # fmt: skip


def done(found: Counter[str]) -> int:
    """So many have their outcome."""
    return sum(found[name] for name in DONE)
