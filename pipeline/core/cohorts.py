"""Cohort baselines: what members of a segment or tier, or with a partner, usually come to; which are in force when.

Baselines are control records, the same in every partition. A record is judged by the latest whose `effective_at` its
own timestamp has reached: they are on the log before any record of that time, so it is the same baseline wherever the
member is decided. Only timestamps say what is forgotten, too, and long after any record could ask for it.
"""

from typing import Final, final

from pipeline.core import reasons
from pipeline.core.calendar import DAY_MS, iso_utc
from pipeline.core.faults import Fault
from pipeline.core.horizons import MINUTE_MS, Horizons
from pipeline.core.payloads import CohortBaseline, CohortBaselines
from pipeline.core.ports import Outputs, State

COHORTS_MAX: Final = 2_000
PERMILLE_MAX: Final = 20
COMPILED_MAX: Final = 20
"""Compiled baselines that are remembered: more than are ever kept."""
SPACING_MS: Final = 60 * MINUTE_MS
"""Baselines take effect at least so long after those before them."""
AHEAD_MS: Final = DAY_MS
"""And at most so long after they were published: until then nothing else can be."""
KEPT_MS: Final = 120 * MINUTE_MS
"""Baselines that were superseded so long before the newest were published are forgotten."""


@final
class Known:
    """What baselines tell of one cohort: how many members were measured, and points at the percentile asked for."""

    __slots__ = ("members", "points")

    def __init__(self, members: int, points: int) -> None:
        self.members = members
        self.points = points


@final
class Baseline:
    """The baselines of one control record, by cohort."""

    __slots__ = ("_places", "record")

    def __init__(self, record: CohortBaselines) -> None:
        self.record = record
        self._places: dict[str, int] = {key_of(one): place for place, one in enumerate(record.cohorts)}

    def of(self, key: str, permille: int) -> Known | None:
        """What is known of a cohort; None where it, or the percentile, was not measured."""
        place = self._places.get(key, -1)
        record = self.record
        if place < 0 or permille not in record.permille:
            return None
        width = len(record.permille)
        return Known(record.cohorts[place].members, record.points[place * width + record.permille.index(permille)])


@final
class Cohorts:
    """The baselines of one partition's state. While parked records are released, `release_ms` is the timestamp of the
    release: they are judged by what is in force then, for what was in force when they came may be forgotten."""

    __slots__ = ("_compiled", "_state", "release_ms")

    def __init__(self, state: State) -> None:
        self._state = state
        self._compiled: dict[int, Baseline] = {}
        self.release_ms = 0

    def in_force(self, recorded_at_ms: int) -> Baseline | None:
        """The baselines that judge a record of this timestamp; None where there are none yet."""
        at_ms = max(recorded_at_ms, self.release_ms)
        for record in reversed(self._state.baselines()):
            if record.effective_at_ms <= at_ms:
                return self._compile(record)
        return None

    def take(self, record: CohortBaselines, recorded_at_ms: int, horizons: Horizons, out: Outputs) -> None:
        """Note baselines, and forget those that no record can ask for any more; repeated ones change nothing."""
        known = self._state.baselines()
        for one in known:
            if one.effective_at_ms == record.effective_at_ms and one.baseline_id == record.baseline_id:
                return
        newest_ms = known[-1].effective_at_ms if known else 0
        fault = form_fault(record) or time_fault(record.effective_at_ms, recorded_at_ms, newest_ms, horizons)
        if fault is not None:
            out.dead_letter(fault[0], fault[1], None)
            return
        superseded = 0
        while superseded + 1 < len(known) and known[superseded + 1].effective_at_ms <= recorded_at_ms - KEPT_MS:
            superseded += 1
        self._state.put_baselines([*known[superseded:], record])

    def _compile(self, record: CohortBaselines) -> Baseline:
        known = self._compiled.get(record.effective_at_ms)
        if known is None or known.record is not record:
            if len(self._compiled) >= COMPILED_MAX:
                self._compiled.clear()
            known = Baseline(record)
            self._compiled[record.effective_at_ms] = known
        return known


def key_of(cohort: CohortBaseline) -> str:
    """The cohort's name among all."""
    return cohort_key(cohort.of, cohort.unit, cohort.by, cohort.per, cohort.name)


def cohort_key(of: str, unit: str, by: str, per: str, name: str) -> str:
    """Names a cohort: points (`of`, `unit`) for each event or day (`per`), of the members who are `by` this `name`."""
    return f"{of}:{unit}:{by}:{per}:{name}"


def form_fault(record: CohortBaselines) -> Fault | None:
    """Why baselines are not whole."""
    width = len(record.permille)
    if len(record.cohorts) > COHORTS_MAX:
        return refused(f"cohorts are {len(record.cohorts)}; publish at most {COHORTS_MAX}")
    if not 0 < width <= PERMILLE_MAX or record.permille != sorted(set(record.permille)):
        return refused(f"permille is {record.permille}; give 1 to {PERMILLE_MAX} percentiles in ascending order")
    if len(record.points) != width * len(record.cohorts):
        wanted = width * len(record.cohorts)
        return refused(f"points are {len(record.points)}; {wanted} are needed: {width} for each cohort")
    if any(points < 0 for points in record.points):
        return refused("points are below 0; measure what is earned or redeemed")
    return None


def time_fault(effective_at_ms: int, recorded_at_ms: int, newest_ms: int, horizons: Horizons) -> Fault | None:
    """Why baselines published at a time cannot take effect then; `newest_ms` is when the newest ones do (0: none)."""
    effective_at = iso_utc(effective_at_ms)
    earliest_ms = max(recorded_at_ms + horizons.activation_lead_ms, newest_ms + SPACING_MS if newest_ms else 0)
    if newest_ms > recorded_at_ms:
        return refused(f"effective_at is {effective_at}; others do at {iso_utc(newest_ms)}: publish after that")
    if effective_at_ms < earliest_ms:
        return refused(f"effective_at is {effective_at}; publish with effective_at {iso_utc(earliest_ms)} or later")
    if effective_at_ms > recorded_at_ms + AHEAD_MS:
        latest = iso_utc(recorded_at_ms + AHEAD_MS)
        return refused(f"effective_at is {effective_at}; publish with effective_at {latest} or earlier")
    return None


def refused(detail: str) -> Fault:
    """The fault of baselines that nobody is judged by."""
    return (reasons.BASELINES_REFUSED, detail)
