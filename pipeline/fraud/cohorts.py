"""Measures what members of each cohort come to, from the ledger of the last days: the baselines of cohort signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, final

import msgspec

from pipeline.core.calendar import Calendar
from pipeline.core.fraud_days import DAY, cohort_of, per_of
from pipeline.core.fraud_program import BY_PARTNER, COHORT, EARNED, REDEEMED, FraudProgram
from pipeline.core.payloads import CohortBaseline, CohortBaselines
from pipeline.core.records import LedgerEntry, MemberBalance
from pipeline.fraud.sketches import Sketches
from pipeline.program.fraud_cohort_keys import PERMILLE

Source = tuple[str, str, str]
"""(member, source, event id) of an event."""


class Wanted(NamedTuple):
    """What a cohort signal asks for: points earned or redeemed (`of`) of a unit, by whom, for each event or day."""

    of: str
    unit: str
    by: str
    per: str


class Window(NamedTuple):
    """What occurred from `since_ms` on and before `until_ms`, in ms since 1970 UTC, both at the start of a day."""

    since_ms: int
    until_ms: int


class NoCohortSignals(Exception):
    """The programme asks for no baselines."""


def wanted_by(fraud: FraudProgram | None) -> list[Wanted]:
    """What the programme's signals ask for, each once. Raises NoCohortSignals."""
    signals = () if fraud is None else fraud.signals
    found = {Wanted(one.measure, one.unit, one.by, per_of(one)) for one in signals if one.kind == COHORT}
    if not found:
        raise NoCohortSignals("the programme has no signal with `cohort` in fraud.yaml: there is nothing to measure")
    return sorted(found)


def last_days(calendar: Calendar, days: int, now_ms: int) -> Window:
    """So many whole days before today, in the programme's zone."""
    until_ms = since_ms = calendar.window_start(DAY, now_ms)
    for _ in range(days):
        since_ms = calendar.window_start(DAY, since_ms - 1)
    return Window(since_ms, until_ms)


@final
class PartitionMeasure:
    """Measures one partition's ledger, entry by entry in its order; memory for its members, and for their days."""

    def __init__(
        self,
        wanted: Sequence[Wanted],
        window: Window,
        calendar: Calendar,
        members: Mapping[str, tuple[str, str]],
        partners: Mapping[Source, str],
    ) -> None:
        """`members` maps ids to (segment, tier), `partners` events to the partner that they name."""
        self._wanted: dict[tuple[str, str], list[Wanted]] = {}
        for one in wanted:
            self._wanted.setdefault((one.of, one.unit), []).append(one)
        self._window = window
        self._calendar = calendar
        self._members = members
        self._partners = partners
        self._event: Source = ("", "", "")
        self._event_ms = 0
        self._amounts: dict[tuple[str, str], int] = {}
        self._held: dict[tuple[str, int], tuple[Source, int]] = {}
        self._released: dict[tuple[Source, int, str], int] = {}
        self._days: dict[tuple[str, int, str, str], int] = {}
        self._sketches = Sketches()

    def take(self, entry: LedgerEntry) -> None:
        """The next entry. Points under review count when they are given, where they were earned."""
        source = (entry.member_id, entry.source, entry.event_id)
        if source != self._event:
            self._end_event()
            self._event, self._event_ms = source, entry.occurred_at_ms
        if entry.kind == "earn":
            if entry.credit.endswith(":review"):
                self._held[entry.member_id, entry.seq] = (source, entry.occurred_at_ms)
            else:
                self._add(EARNED, entry)
        elif entry.kind == "release" and entry.debit.endswith(":review"):
            earned = self._held.get((entry.member_id, entry.lot))
            if earned is not None:
                key = (*earned, entry.unit)
                self._released[key] = self._released.get(key, 0) + entry.amount
        elif entry.kind in ("hold", "redeem") and entry.debit.endswith(":available"):
            self._add(REDEEMED, entry)

    def finish(self) -> Sketches:
        """The sketches of the partition."""
        self._end_event()
        for (source, at_ms, unit), points in self._released.items():
            self._measure(source, at_ms, EARNED, unit, points)
        for (member_id, _day_ms, of, unit), points in self._days.items():
            for one in self._wanted[of, unit]:
                if one.per == DAY:
                    self._sketches.add((*one, self._name(one.by, member_id, "")), member_id, points)
        return self._sketches

    def _add(self, of: str, entry: LedgerEntry) -> None:
        key = (of, entry.unit)
        self._amounts[key] = self._amounts.get(key, 0) + entry.amount

    def _end_event(self) -> None:
        for (of, unit), points in self._amounts.items():
            self._measure(self._event, self._event_ms, of, unit, points)
        self._amounts = {}

    def _measure(self, source: Source, at_ms: int, of: str, unit: str, points: int) -> None:
        if (of, unit) not in self._wanted or not self._window.since_ms <= at_ms < self._window.until_ms:
            return
        member_id = source[0]
        for one in self._wanted[of, unit]:
            if one.per == DAY:
                continue
            name = self._name(one.by, member_id, self._partners.get(source, ""))
            if name or one.by != BY_PARTNER:
                self._sketches.add((*one, name), member_id, points)
        if any(one.per == DAY for one in self._wanted[of, unit]):
            day = (member_id, self._calendar.window_start(DAY, at_ms), of, unit)
            self._days[day] = self._days.get(day, 0) + points

    def _name(self, by: str, member_id: str, partner: str) -> str:
        """Of the cohort; segment and tier are those of now."""
        segment, tier = self._members.get(member_id, ("", ""))
        return cohort_of(by, segment, tier, partner)


def standing(balance: MemberBalance) -> tuple[str, str]:
    """(segment, tier) of a member."""
    return balance.segment, balance.tier


def baselines_of(sketches: Sketches, window: Window, least_members: int) -> CohortBaselines:
    """What was measured, named by its content; it takes effect when it is published. Raises TooManyCohorts."""
    permille = sorted(PERMILLE.values())
    cohorts, points = sketches.baselines(permille, least_members)
    return CohortBaselines(
        content_id(permille, cohorts, points), 0, window.since_ms, window.until_ms, permille, cohorts, points, "", ""
    )  # fmt: skip


def content_id(permille: list[int], cohorts: list[CohortBaseline], points: list[int]) -> str:
    """SHA-256 over what baselines say, as canonical JSON; hex."""
    content = [permille, [one.to_tuple() for one in cohorts], points]
    return sha256(msgspec.json.encode(content)).hexdigest()
