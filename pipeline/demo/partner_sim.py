"""`python -m pipeline.demo.partner_sim`: a partner as a process of its own that misbehaves by a seed, yet never lies.

POST /orders gives, once for each key; GET /orders/KEY says what is known; DELETE takes back. GET /given is for judges,
POST /mode changes what goes wrong from now on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any, Final, final

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from pipeline.partners.signing import signed_headers

FAULTS: Final = (
    "error_before",  # 500, and nothing was done
    "error_after",  # 500, although it was done
    "hang_before",  # no answer, and nothing was done
    "hang_after",  # no answer, although it was done
    "late",  # no answer, and it is done when nobody waits any more
    "reset_after",  # the connection breaks after it was done
    "busy",  # 429
    "slow",  # an answer, after a while
)
HANG_SECONDS: Final = 30.0
CALLBACK_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 0.2


@final
class Sim:
    """What the partner has given, and how it behaves: `faults` is the share of calls that go wrong, from 0 to 1.

    `refuses` is the share of orders that it refuses for good. While it is `down` every call ends in 503, while it
    `hangs` in nothing at all.
    """

    def __init__(
        self, seed: int, faults: float, refuses: float, late_seconds: float, callbacks: str, secret: str
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable misbehaviour, nothing secret
        self.faults = faults
        self.refuses = refuses
        self.late_seconds = late_seconds
        self.callbacks = callbacks
        self.secret = secret
        self.down = False
        self.hangs = False
        self.given: dict[str, int] = {}
        self.refused: set[str] = set()
        self.calls = 0
        self._later: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_post("/orders", self.order)
        app.router.add_get("/orders/{key}", self.ask)
        app.router.add_delete("/orders/{key}", self.cancel)
        app.router.add_get("/given", self.tell)
        app.router.add_post("/mode", self.mode)
        return app

    async def order(self, request: web.Request) -> web.StreamResponse:
        """Give, or refuse, or go wrong."""
        key = str((await request.json())["key"])
        return await self._answer(request, lambda: self._give(key), key)

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """What became of an order."""
        key = request.match_info["key"]
        return await self._answer(request, lambda: self._known(key), "")

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Take back."""
        key = request.match_info["key"]
        return await self._answer(request, lambda: self._take_back(key), "")

    async def tell(self, _request: web.Request) -> web.StreamResponse:
        """For judges: everything that was given and not taken back, by key with the number of pieces."""
        return web.json_response({"given": self.given, "refused": sorted(self.refused), "calls": self.calls})

    async def mode(self, request: web.Request) -> web.StreamResponse:
        """Change how it behaves: `faults`, `refuses`, `down`, `hangs`."""
        for name, value in (await request.json()).items():
            if name not in ("faults", "refuses", "down", "hangs"):
                return web.json_response({"error": f"{name} cannot be set"}, status=400)
            setattr(self, name, value)
        return web.json_response({})

    async def _answer(
        self, request: web.Request, act: Callable[[], tuple[int, dict[str, Any]]], key: str
    ) -> web.StreamResponse:
        self.calls += 1
        if self.down:
            return web.json_response({"error": "down"}, status=503)
        if self.hangs:
            await asyncio.sleep(HANG_SECONDS)
        fault = self._random.choice(FAULTS) if self._random.random() < self.faults else ""
        if fault == "busy":
            return web.json_response({"error": "busy"}, status=429)
        if fault in ("error_before", "hang_before", "late"):
            if fault == "late":
                self._do_later(self.late_seconds, act)
            if fault != "error_before":
                await asyncio.sleep(HANG_SECONDS)
            return web.json_response({"error": "internal"}, status=500)
        status, body = act()
        if key and self.callbacks:
            self._call_back(key, body, times=2 if self._random.random() < 0.5 else 1)
        if fault == "reset_after" and request.transport is not None:
            request.transport.abort()
        elif fault == "hang_after":
            await asyncio.sleep(HANG_SECONDS)
        elif fault == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        return web.json_response(body, status=500 if fault == "error_after" else status)

    def _give(self, key: str) -> tuple[int, dict[str, Any]]:
        if key in self.refused:
            return 422, {"state": "refused"}
        if key not in self.given:
            if self._random.random() < self.refuses:
                self.refused.add(key)
                return 422, {"state": "refused"}
            self.given[key] = 1
        return 201, {"id": f"S-{key[:8]}", "state": "done"}

    def _known(self, key: str) -> tuple[int, dict[str, Any]]:
        if key in self.refused:
            return 200, {"state": "refused"}
        if key in self.given:
            return 200, {"id": f"S-{key[:8]}", "state": "done"}
        return 404, {"state": "unknown"}

    def _take_back(self, key: str) -> tuple[int, dict[str, Any]]:
        self.given.pop(key, None)
        self.refused.add(key)
        return 200, {"state": "cancelled"}

    def _do_later(self, seconds: float, act: Callable[[], object]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            act()

        self._keep(later())

    def _call_back(self, key: str, body: dict[str, Any], times: int) -> None:
        payload = json.dumps({"key": key, **body}).encode()

        async def send() -> None:
            async with ClientSession(timeout=ClientTimeout(total=CALLBACK_SECONDS)) as session:
                for _ in range(times):
                    headers = signed_headers(self.secret, f"cb-{key}", int(time.time()), payload)
                    try:
                        async with session.post(self.callbacks, data=payload, headers=headers):
                            pass
                    except (ClientError, TimeoutError):
                        continue  # nobody listens: it is asked, then

        self._keep(send())

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def main() -> None:
    """Serve until it is ended; the port is printed first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="A free one by default.")
    parser.add_argument("--down", action="store_true", help="Every call ends in 503 until POST /mode says otherwise.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--refuses", type=float, default=0.0)
    parser.add_argument("--late-seconds", type=float, default=2.0)
    parser.add_argument("--callbacks", default="", help="Address that outcomes are sent to, too.")
    parser.add_argument("--secret", default="", help="By which they are signed.")
    given = parser.parse_args()
    sim = Sim(given.seed, given.faults, given.refuses, given.late_seconds, given.callbacks, given.secret)
    sim.down = given.down

    async def serve() -> None:
        runner = web.AppRunner(sim.app(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", given.port)
        await site.start()
        print(runner.addresses[0][1])  # noqa: T201 - whoever starts it needs the port
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
