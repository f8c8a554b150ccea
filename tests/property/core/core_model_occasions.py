"""The naive model's birthdays: found by trying one day after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core_model_arithmetic import millis
from core_model_tiers import ModelTiers

from pipeline.core.program import Program

BIRTHDAY = "birthday_reached"


@dataclass
class ModelOccasions(ModelTiers):
    """`birthday` is (when it comes next, its year), `birthdays` what the log should be told: (event id, when)."""

    birth_date: str = ""
    birthday: tuple[int, int] | None = None
    last_birthday: int = 0
    birthdays: list[tuple[str, int]] = field(default_factory=list)

    def look_ahead(self, program: Program, after: int, *, changed: bool) -> None:
        """Find the next birthday, where none is known or the date has changed."""
        if BIRTHDAY not in program.rules or not self.birth_date or (self.birthday and not changed):
            return
        day = datetime.fromtimestamp(after // 1000, program.zone).replace(hour=0, minute=0, second=0, fold=0)
        while not (millis(day) > after and day.year > self.last_birthday and self.is_birthday(day)):
            day += timedelta(days=1)
        self.birthday = (millis(day), day.year)

    def is_birthday(self, day: datetime) -> bool:
        wanted = self.birth_date[5:]
        tomorrow = day + timedelta(days=1)
        no_leap_day = wanted == "02-29" and f"{day:%m-%d}" == "02-28" and f"{tomorrow:%m-%d}" != "02-29"
        return f"{day:%m-%d}" == wanted or no_leap_day

    def keep_birthday(self, at: int) -> None:
        assert self.birthday is not None
        self.last_birthday = self.birthday[1]
        program = self.timeline(at)
        if BIRTHDAY in program.rules:
            self.birthdays.append((f"{BIRTHDAY}:{self.last_birthday}", at))
        self.birthday = None
        self.look_ahead(program, at, changed=False)
