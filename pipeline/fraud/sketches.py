"""Distributions of points by cohort: sketches that can be merged, of what each partition has seen.

The same points give the same sketch in whatever order and parts they are added, so that baselines can be measured anew
by who doubts them. A percentile is within a hundredth of a value that stands at its rank.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, final

from ddsketch import DDSketch

from pipeline.core.cohorts import COHORTS_MAX, cohort_key
from pipeline.core.payloads import CohortBaseline

ACCURACY: Final = 0.01
"""Relative error of a percentile."""


class TooManyCohorts(Exception):
    """More cohorts than baselines may hold; the message gives the remedy."""


@final
class Sketch:
    """What members of one cohort came to: how it is distributed, and which members they were."""

    __slots__ = ("_points", "members")

    def __init__(self) -> None:
        self._points = DDSketch(ACCURACY)
        self.members: set[str] = set()

    def add(self, member_id: str, points: int) -> None:
        """One event, or one day, of a member."""
        self._points.add(points)
        self.members.add(member_id)

    def merge(self, other: "Sketch") -> None:
        """Add all that another has seen."""
        self._points.merge(other._points)
        self.members |= other.members

    def points_at(self, permille: int) -> int:
        """The percentile of so many thousandths, as a whole number."""
        value = self._points.get_quantile_value(permille / 1000)
        return 0 if value is None else round(value)


@final
class Sketches:
    """Sketches of cohorts, which are named as baselines name them: (of, unit, by, per, name)."""

    def __init__(self) -> None:
        self.by_cohort: defaultdict[tuple[str, str, str, str, str], Sketch] = defaultdict(Sketch)

    def add(self, cohort: tuple[str, str, str, str, str], member_id: str, points: int) -> None:
        """One event, or one day, of a member of the cohort."""
        self.by_cohort[cohort].add(member_id, points)

    def merge(self, other: "Sketches") -> None:
        """Add all that others have seen."""
        for cohort, sketch in other.by_cohort.items():
            self.by_cohort[cohort].merge(sketch)

    def baselines(self, permille: Iterable[int], least_members: int) -> tuple[list[CohortBaseline], list[int]]:
        """(cohorts of at least so many members, by key; points at the percentiles of each). Raises TooManyCohorts."""
        wanted = list(permille)
        large = [(cohort, one) for cohort, one in self.by_cohort.items() if len(one.members) >= least_members]
        if len(large) > COHORTS_MAX:
            raise TooManyCohorts(
                f"{len(large)} cohorts have {least_members} members or more, and baselines hold {COHORTS_MAX}: "
                f"ask for more members with --least-members"
            )
        large.sort(key=lambda one: cohort_key(*one[0]))
        cohorts = [CohortBaseline(*cohort, len(sketch.members)) for cohort, sketch in large]
        return cohorts, [sketch.points_at(each) for _, sketch in large for each in wanted]
