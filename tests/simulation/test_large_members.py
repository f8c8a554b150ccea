"""A member that no record of the changelog can hold: the member stops, the partition goes on."""

from __future__ import annotations

import pytest
from seeded_log import DECODER
from world import TOPICS, World

from pipeline.core.records import RewardDecision
from pipeline.lane import keys
from pipeline.lane import state as state_module
from pipeline.lane.quarantined import Quarantined
from pipeline.wire.state import pack_member


@pytest.mark.parametrize("seed", range(12))
def test_a_member_that_grows_too_large_is_quarantined_and_the_others_go_on(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = World(seed, seed % 3)
    free.run(120)
    free.drain(0)
    sizes = {name: len(pack_member(m)) for name, m in free.source.oracle.state(0).members.items() if not m.quarantined}
    largest, *_others = sorted(sizes.values(), reverse=True)
    monkeypatch.setattr(state_module, "MEMBER_BYTES_MAX", largest - 1)

    world = World(seed, seed % 3)
    world.run(120)
    world.drain(0)

    store = world.stores[0]
    on_record = [Quarantined.unpack(value) for key, value in store.items() if key.startswith(keys.QUARANTINED)]
    too_large = {one.member_id for one in on_record if "MemberTooLarge" in one.error}
    assert too_large, "the largest member had to stop"
    last = world.source.log.read(0, world.source.log.end())[-1]
    assert keys.Marker.unpack(store[keys.MARKER]).position > last[0], "the partition goes on to its end"
    expected = [output for output in world.source.oracle.journal(0) if isinstance(output, RewardDecision)]
    assert [d for d in decisions(world) if d.member_id not in too_large] == [
        d for d in expected if d.member_id not in too_large
    ], "nobody else is touched"


def decisions(world: World) -> list[RewardDecision]:
    log = world.broker.log(TOPICS.decisions, world.partition)
    found = [DECODER.output(value or b"") for _, _, _, value in log.read(0, log.end())]
    return [one for one in found if isinstance(one, RewardDecision)]
