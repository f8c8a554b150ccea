"""A member that no record of the changelog can hold: the member stops, the partition goes on."""

from __future__ import annotations

import pytest
from invariants import Outputs
from seeded_events import PARTITIONS
from world import World

from pipeline.core.payloads import MemberQuarantined
from pipeline.core.records import RewardDecision
from pipeline.lane import changes as changes_module
from pipeline.lane import keys
from pipeline.lane.quarantined import Quarantined
from pipeline.wire.state import pack_member


@pytest.mark.parametrize("seed", range(12))
def test_a_member_that_grows_too_large_is_quarantined_and_the_others_go_on(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = World(seed)
    free.run()
    free.drain()
    sizes = [
        len(pack_member(member))
        for partition in range(PARTITIONS)
        for member in free.log.oracle.state(partition).members.values()
        if not member.quarantined
    ]
    # Times are packed as differences: a few bytes less at the time of a release must not let the member in again.
    monkeypatch.setattr(changes_module, "MEMBER_BYTES_MAX", max(sizes) - 8)

    world = World(seed)
    world.run()
    world.drain()

    too_large: set[str] = set()
    still = 0
    for partition in range(PARTITIONS):
        content = world.lanes.disks[0, partition].content
        on_record = [Quarantined.unpack(value) for key, value in content.items() if key.startswith(keys.QUARANTINED)]
        still += sum("MemberTooLarge" in one.error for one in on_record)
        outputs = Outputs(world, partition)
        for _, event in outputs.derived:
            if isinstance(event.payload, MemberQuarantined) and "MemberTooLarge" in event.payload.error:
                too_large.add(event.member_id)
        expected = [one for one in world.log.journal(partition, RewardDecision) if isinstance(one, RewardDecision)]
        assert [one for one in outputs.decisions if one.member_id not in too_large] == [
            one for one in expected if one.member_id not in too_large
        ], "nobody else is touched"
    assert too_large, "the largest member had to stop"
    assert still, "and is on record as long as it stands still"
