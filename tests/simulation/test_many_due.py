"""A tick with more due work than one transaction holds, and a lane that dies in the middle of it."""

from __future__ import annotations

import pytest
from fake_store import FakeDisk, FakeStore
from many_due import LOTS_EACH, ManyDue, killed_and_worked_off


@pytest.mark.parametrize("place", ["send", "commit:before", "commit:on its way", "commit:after", "store.write:before"])
@pytest.mark.parametrize("store", ["kept", "lost"])
def test_lots_due_at_one_instant_are_worked_off_in_many_transactions_whenever_the_lane_dies(
    place: str, store: str
) -> None:
    disks = [FakeDisk()]
    many = ManyDue(1_200, 10, lambda: FakeStore(disks[-1], many.reached))

    def after_death() -> None:
        if store == "lost":
            disks.append(FakeDisk())

    transactions = killed_and_worked_off(many, place, after_death)

    assert many.members == 300 and many.lots == 300 * LOTS_EACH
    assert transactions >= 30
    many.check()
