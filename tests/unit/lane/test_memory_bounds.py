"""What a worker keeps in memory is bounded for the whole process, however many lanes it has."""

from __future__ import annotations

import platform

import pytest

from pipeline.lane.cache_share import LEAST, CacheShare
from pipeline.lane.heaps import bound_heaps
from pipeline.settings import InvalidSettings, load


def test_lanes_share_what_may_be_kept_and_get_back_what_others_leave() -> None:
    share = CacheShare(4_000)
    share.join()
    assert share.per_generation() == 2_000
    for _ in range(3):
        share.join()
    assert share.per_generation() == 500, "four lanes with two generations each"
    share.leave()
    share.leave()
    assert share.per_generation() == 1_000


def test_many_lanes_still_hold_the_members_of_a_batch() -> None:
    share = CacheShare(10)
    for _ in range(50):
        share.join()

    assert share.per_generation() == LEAST


@pytest.mark.parametrize("name", ["store_cache_mb", "store_buffers_mb", "cached_members"])
def test_the_bounds_are_settings(name: str) -> None:
    assert getattr(load({f"ACCRUE_{name.upper()}": "7"}), name) == 7
    with pytest.raises(InvalidSettings, match=name.upper()):
        load({f"ACCRUE_{name.upper()}": "none"})


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_heaps_are_shared_and_hold_nothing_large() -> None:
    assert bound_heaps()
