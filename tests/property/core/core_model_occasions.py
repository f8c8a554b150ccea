"""The naive model's birthdays and anniversaries: found by trying one day after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core_model_arithmetic import millis
from core_model_tiers import ModelTiers

from pipeline.core.program import Program

BIRTHDAY = "birthday_reached"
ANNIVERSARY = "anniversary_reached"
KINDS = (ANNIVERSARY, BIRTHDAY)


@dataclass
class ModelOccasions(ModelTiers):
    """`coming` is (when it comes next, its year) by kind, `kept` the year in which it came last, `occasions` what the
    log should be told: (event id, when)."""

    birth_date: str = ""
    coming: dict[str, tuple[int, int]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    occasions: list[tuple[str, int]] = field(default_factory=list)

    def look_ahead(self, program: Program, after: int, *, changed: bool) -> None:
        """Find the next of each kind, where none is known or the dates have changed."""
        for kind in KINDS:
            if kind not in program.rules or (kind in self.coming and not changed):
                continue
            if kind == BIRTHDAY and not self.birth_date:
                continue
            day = datetime.fromtimestamp(after // 1000, program.zone).replace(hour=0, minute=0, second=0, fold=0)
            while not (millis(day) > after and day.year > self.kept.get(kind, 0) and self.is_it(kind, day, program)):
                day += timedelta(days=1)
            self.coming[kind] = (millis(day), day.year)

    def is_it(self, kind: str, day: datetime, program: Program) -> bool:
        wanted = self.birth_date[5:]
        if kind == ANNIVERSARY:
            enrolled = datetime.fromtimestamp(self.enrolled_at // 1000, program.zone)
            if day.year <= enrolled.year:
                return False
            wanted = f"{enrolled:%m-%d}"
        tomorrow = day + timedelta(days=1)
        no_leap_day = wanted == "02-29" and f"{day:%m-%d}" == "02-28" and f"{tomorrow:%m-%d}" != "02-29"
        return f"{day:%m-%d}" == wanted or no_leap_day

    def keep_occasion(self, kind: str, at: int) -> None:
        _, year = self.coming.pop(kind)
        self.kept[kind] = year
        program = self.timeline(at)
        if kind in program.rules:
            self.occasions.append((f"{kind}:{year}", at))
        self.look_ahead(program, at, changed=False)
