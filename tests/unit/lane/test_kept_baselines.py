"""The cohort baselines of a lane: kept under keys of their own, read again by whoever opens the store."""

from __future__ import annotations

import pytest
from fake_store import FakeStore

from pipeline.core.payloads import CohortBaseline, CohortBaselines
from pipeline.lane import keys
from pipeline.lane.baselines import KeptBaselines
from pipeline.lane.ports import LaneBroken


def baselines(effective_at_ms: int) -> CohortBaselines:
    cohorts = [CohortBaseline("earned", "points", "tier", "day", name, 200) for name in ("", "gold")]
    return CohortBaselines("b", effective_at_ms, 1, 2, [500, 990], cohorts, [10, 90, 20, 900], "ada", "monthly")


def test_cohort_baselines_are_kept_each_under_its_key_and_read_again() -> None:
    store = FakeStore({keys.MEMBER + b"m": b"", keys.ACTIVATIONS: b""})
    kept = KeptBaselines(store)
    first, second, third = baselines(1_000), baselines(2_000), baselines(3_000)
    kept.put([first, second])
    store.write(kept.changes())
    kept.committed()
    assert kept.changes() == [], "written once"
    kept.put([second, third])
    changes = kept.changes()
    assert [(key, value is None) for key, value in changes] == [
        (keys.baselines_key(1_000), True),
        (keys.baselines_key(3_000), False),
    ]
    store.write(changes)

    assert KeptBaselines(store).kept == [second, third]


def test_a_rewind_forgets_cohort_baselines() -> None:
    kept = KeptBaselines(FakeStore({}))
    kept.put([baselines(1_000)])
    kept.forget_changes()

    assert kept.kept == []
    assert kept.changes() == []


def test_cohort_baselines_of_another_version_break_the_lane() -> None:
    with pytest.raises(LaneBroken, match="cohort baselines on record are not readable"):
        KeptBaselines(FakeStore({keys.baselines_key(1_000): b"\xc1"}))
