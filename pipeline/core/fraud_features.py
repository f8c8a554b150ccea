"""What a learned model looks at: whole numbers of an event that takes points, against what is remembered of its member.

`notes` of the member hold by `l:taken`, as habits are held, how many points were taken on its days.
"""

from typing import Final

from pipeline.core import fraud_habits
from pipeline.core.calendar import Calendar
from pipeline.core.events import Event
from pipeline.core.fraud_distance import metres
from pipeline.core.fraud_habits import MS_PER_HOUR, Notes
from pipeline.core.fraud_model import told_score
from pipeline.core.fraud_program import COUNTRY, FraudProgram
from pipeline.core.fraud_traits import DEVICE, NEW_DEVICE, PLACE, POSITION, PROFILE, position_of, told
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.payloads import RedemptionRequested, TransferRequested
from pipeline.core.program import Program
from pipeline.core.records import Evidence

TAKEN: Final = "l:taken"
LONG_AGO_HOURS: Final = 99_999
"""Also of what never was."""
MOST: Final = 10**9


def scored(
    fraud: FraudProgram, posting: Posting, event: Event, program: Program, points: int
) -> tuple[int, list[int], list[int]]:
    """(score, features, what each adds to it) of an event that takes so many points."""
    member, payload = posting.member, event.payload
    unit = program.default_unit.unit_id
    if isinstance(payload, RedemptionRequested):
        unit = program.rewards[payload.reward_id].unit.unit_id
    elif isinstance(payload, TransferRequested):
        unit = payload.unit or unit
    wallet = member.wallets.get(unit)
    notes: Notes = {} if member.counts is None else member.counts.notes
    available = 0 if wallet is None else wallet.available
    features = features_of(fraud, event, member, notes, program.calendar, points, available)
    score, drove = fraud.model.score(features)
    return score, features, drove


def evidence(features: list[int], drove: list[int]) -> list[Evidence]:
    """Features as a reviewer sees them, what moved the score furthest first."""
    return [Evidence(name, value) for name, value in told_score(features, drove)]


def features_of(
    fraud: FraudProgram, event: Event, member: Member, notes: Notes, calendar: Calendar, points: int, available: int
) -> list[int]:
    """Values in the order of `FEATURES`; `points` are taken of `available` ones."""
    at_ms = event.occurred_at_ms
    day_ms = calendar.window_start("day", at_ms)
    habit = notes.get(TAKEN)
    usually = 0
    if habit is not None and fraud_habits.known_days(habit, day_ms):
        usually = fraud_habits.normal(fraud_habits.as_of(habit, day_ms))
    distance_km, km_an_hour = movement(fraud, event, notes)
    counts = member.event_counts
    return [
        points,
        points * 100 // max(available, 1),
        fraud_habits.today(habit, day_ms),
        usually,
        newness(fraud, event, notes, DEVICE),
        newness(fraud, event, notes, COUNTRY),
        newness(fraud, event, notes, PLACE),
        hours_since(notes, NEW_DEVICE, at_ms),
        hours_since(notes, PROFILE, at_ms),
        distance_km,
        km_an_hour,
        max(at_ms - member.enrolled_at_ms, 0) // (24 * MS_PER_HOUR),
        counts.get("transaction_completed", 0),
        counts.get("redemption_requested", 0),
        counts.get("transaction_refunded", 0),
        counts.get("transfer_received", 0),
    ]


def note_taken(notes: Notes, calendar: Calendar, posting: Posting, points: int) -> None:
    """Remember that so many points were taken."""
    fraud_habits.note_amount(notes, TAKEN, calendar.window_start("day", posting.occurred_at_ms), points)


def newness(fraud: FraudProgram, event: Event, notes: Notes, what: str) -> int:
    """1 where the event tells a country, place or device that is new to a member who told one before, else 0."""
    value = told(fraud, event, what)
    return 1 if value and fraud_habits.is_new(notes, f"k:{what}", value, 1) else 0


def hours_since(notes: Notes, what: str, at_ms: int) -> int:
    """Whole hours since what is noted."""
    if what not in notes:
        return LONG_AGO_HOURS
    return min(max(at_ms - notes[what][0], 0) // MS_PER_HOUR, LONG_AGO_HOURS)


def movement(fraud: FraudProgram, event: Event, notes: Notes) -> tuple[int, int]:
    """(km from the position before, km/h to have come from there); (0, 0) where one of both is not known."""
    known, place = notes.get(POSITION), position_of(fraud, event)
    if known is None or place is None:
        return 0, 0
    distance_m = metres(known[1], known[2], place[0], place[1])
    passed_ms = max(abs(event.occurred_at_ms - known[0]), 1)
    return distance_m // 1000, min(distance_m * MS_PER_HOUR // (1000 * passed_ms), MOST)
