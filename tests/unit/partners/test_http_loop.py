"""The loop for HTTP calls: what is under way when it is closed."""

from __future__ import annotations

import asyncio

from pipeline.partners.http_loop import HttpLoop


def test_what_is_under_way_ends_before_the_loop_does() -> None:
    loop, ended = HttpLoop("test"), []

    async def work(number: int) -> None:
        loop.session()
        ended.append(number)

    loop.start([work(1), work(2)])

    assert loop.close(10)
    assert sorted(ended) == [1, 2]


def test_what_does_not_end_in_time_is_left_and_told_of() -> None:
    loop = HttpLoop("test")

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    loop.start([wait_for_ever()])

    assert not loop.close(0.01)
