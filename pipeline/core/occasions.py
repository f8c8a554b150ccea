"""Birthdays and anniversaries: as time passes, each brings an event of the member's own, once a calendar year.

The rules that are for these events reward them as they would any other. A date begins with its first millisecond in
the programme's zone; 29 February is 28 February in years without one. What is kept per member and kind is when it comes
next, from the first record or due work of the member under a programme that has such rules.
"""

from datetime import datetime
from typing import Final

from pipeline.core.events import Event
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.member import Member
from pipeline.core.payloads import AnniversaryReached, BirthdayReached
from pipeline.core.program import ANNIVERSARY, BIRTHDAY, Program

NEVER_KEPT: Final = (0, 0, 0)


def schedule(member: Member, program: Program, after_ms: int, changed: bool) -> None:
    """Note when the programme's occasions come next after `after_ms`; again where the birth date has `changed`.

    In a year in which one has come it does not come again, whatever the birth date is then. A date that has begun when
    it becomes known comes a year later.
    """
    for kind in program.occasions:
        due_ms, _, kept = member.occasions.get(kind, NEVER_KEPT)
        if due_ms and not changed:
            continue
        if kind == ANNIVERSARY or member.birth_date:
            due_ms, year = next_time(member, program, kind, after_ms, kept + 1)
            member.occasions[kind] = (due_ms, year, kept)


def next_time(member: Member, program: Program, kind: str, after_ms: int, first_year: int) -> tuple[int, int]:
    """(when it begins first after `after_ms`, not before `first_year`; its year)."""
    calendar = program.calendar
    year = max(calendar.year(after_ms), first_year)
    if kind == BIRTHDAY:
        month, day = int(member.birth_date[5:7]), int(member.birth_date[8:10])
    else:
        enrolled = datetime.fromtimestamp(member.enrolled_at_ms // 1000, program.zone)
        month, day = enrolled.month, enrolled.day
        year = max(year, enrolled.year + 1)
    due_ms = calendar.day_start(year, month, day)
    if due_ms <= after_ms:
        year += 1
        due_ms = calendar.day_start(year, month, day)
    return due_ms, year


def keep(posting: Posting, program: Program, kind: str, log_time_ms: int) -> None:
    """The occasion has come: its event goes to the log, where the programme has rules for it, and the next is noted."""
    member = posting.member
    due_ms, year, _ = member.occasions[kind]
    if kind not in program.occasions:
        member.occasions[kind] = (0, 0, year)
        return
    next_ms, next_year = next_time(member, program, kind, due_ms, year + 1)
    member.occasions[kind] = (next_ms, next_year, year)
    posting.out.derived(event_of(posting, program, kind, year), log_time_ms)


def event_of(posting: Posting, program: Program, kind: str, year: int) -> Event:
    """The event that tells of it; its id names kind and year, so one member has it once."""
    member = posting.member
    payload: BirthdayReached | AnniversaryReached
    if kind == BIRTHDAY:
        payload = BirthdayReached(year)
    else:
        enrolled = datetime.fromtimestamp(member.enrolled_at_ms // 1000, program.zone)
        payload = AnniversaryReached(year, year - enrolled.year)
    return Event(
        f"{kind}:{year}", member.member_id, posting.occurred_at_ms, SOURCE, "", {}, payload, posting.recorded_at_ms
    )
