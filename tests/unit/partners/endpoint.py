"""Asks an endpoint over real HTTP, once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import ClientSession, web


def answered(app: web.Application, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status that the application answers a POST with."""

    async def scene() -> int:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        async with ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            status = answer.status
        await runner.cleanup()
        return status

    return asyncio.run(scene())
