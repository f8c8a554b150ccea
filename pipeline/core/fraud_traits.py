"""Signals over what an event tells of itself, position, country, place and device, and what is learned of it.

What a signal stopped teaches nothing: a thief's device does not become one of the member's own.
"""

from typing import Final, final

from pipeline.core import fraud_habits
from pipeline.core.events import Event
from pipeline.core.fraud_distance import micro_degrees
from pipeline.core.fraud_habits import Notes
from pipeline.core.fraud_program import COUNTRY, TAKEOVER, TRAVEL, FraudProgram, Signal
from pipeline.core.payloads import ProfileChanged, RedemptionRequested, TransactionCompleted, TransferRequested
from pipeline.core.records import Evidence

POSITION: Final = "position"
PROFILE: Final = "profile"
NEW_DEVICE: Final = "device"
DEVICE: Final = "device"
PLACE: Final = "place"
ADDRESS: Final = "address"
LATITUDE_MAX: Final = 90
LONGITUDE_MAX: Final = 180


@final
class Found:
    """What a signal found: its value and limit, what was told, and facts beyond the member's."""

    __slots__ = ("evidence", "limit", "told", "value")

    def __init__(self, value: int, limit: int, told: str, evidence: list[Evidence]) -> None:
        self.value = value
        self.limit = limit
        self.told = told
        self.evidence = evidence


def told(fraud: FraudProgram, event: Event, what: str) -> str:
    """The event's country, place, address or device; "" where it tells none."""
    attributes, payload = event.attributes, event.payload
    if what == COUNTRY:
        own = attributes.get(fraud.country, "")
        return payload.country if not own and isinstance(payload, TransactionCompleted) else own
    if what == PLACE:
        own = attributes.get(fraud.place, "")
        return payload.store_id if not own and isinstance(payload, TransactionCompleted) else own
    return attributes.get(fraud.address if what == ADDRESS else fraud.device, "")


def partner_of(fraud: FraudProgram, event: Event) -> str:
    """The partner that the event names; "" where it names none."""
    return event.attributes.get(fraud.partner, "")


def position_of(fraud: FraudProgram, event: Event) -> tuple[int, int] | None:
    """(latitude, longitude) in millionths of a degree; None where the event tells none, or what is none."""
    if fraud.latitude not in event.attributes or fraud.longitude not in event.attributes:
        return None
    lat = micro_degrees(event.attributes[fraud.latitude], LATITUDE_MAX)
    lon = micro_degrees(event.attributes[fraud.longitude], LONGITUDE_MAX)
    return None if lat is None or lon is None else (lat, lon)


def judge(signal: Signal, fraud: FraudProgram, event: Event, notes: Notes) -> Found | None:
    """What the signal says of the event; None where it is not set off."""
    if signal.kind == TRAVEL:
        return judge_travel(signal, fraud, event, notes)
    if signal.kind == TAKEOVER:
        return judge_takeover(signal, fraud, event, notes)
    value = told(fraud, event, COUNTRY if signal.kind == COUNTRY else signal.measure)
    if not value:
        return None
    if signal.kind == COUNTRY:
        return Found(1, 0, value, []) if value in signal.values else None
    if fraud_habits.is_new(notes, f"k:{signal.measure}", value, signal.after) or (
        signal.length_ms
        and fraud_habits.is_still_new(notes, signal.measure, value, event.occurred_at_ms, signal.length_ms)
    ):
        return Found(1, 0, value, [])
    return None


def judge_travel(signal: Signal, fraud: FraudProgram, event: Event, notes: Notes) -> Found | None:
    """Whether the member would have travelled faster than can be."""
    known, place = notes.get(POSITION), position_of(fraud, event)
    if known is None or place is None:
        return None
    speed, distance_m = fraud_habits.speed_km_h(known, event.occurred_at_ms, place[0], place[1], signal.at_most)
    if not distance_m:
        return None
    facts = [Evidence("distance_m", str(distance_m)), Evidence("since_ms", str(event.occurred_at_ms - known[0]))]
    return Found(speed, signal.at_most, "", facts)


def judge_takeover(signal: Signal, fraud: FraudProgram, event: Event, notes: Notes) -> Found | None:
    """Whether points are redeemed, or given away, after a changed profile and then a new device, all within the
    time."""
    if not isinstance(event.payload, (RedemptionRequested, TransferRequested)) or PROFILE not in notes:
        return None
    at_ms, changed_ms = event.occurred_at_ms, notes[PROFILE][0]
    device = told(fraud, event, DEVICE)
    new_ms = notes[NEW_DEVICE][0] if NEW_DEVICE in notes else 0
    if device and fraud_habits.is_new(notes, f"k:{DEVICE}", device, 1):
        new_ms = at_ms
    if new_ms < changed_ms or at_ms - changed_ms > signal.length_ms or at_ms < changed_ms:
        return None
    facts = [Evidence("profile_changed_at_ms", str(changed_ms)), Evidence("new_device_at_ms", str(new_ms))]
    return Found(at_ms - changed_ms, signal.length_ms, device, facts)


def learn(fraud: FraudProgram, event: Event, notes: Notes) -> None:
    """Remember what the event tells."""
    at_ms = event.occurred_at_ms
    place = position_of(fraud, event)
    if place is not None and (POSITION not in notes or at_ms >= notes[POSITION][0]):
        notes[POSITION] = (at_ms, place[0], place[1])
    for what in (COUNTRY, PLACE, DEVICE):
        value = told(fraud, event, what)
        if value:
            key = f"k:{what}"
            if what == DEVICE and fraud_habits.is_new(notes, key, value, 1):
                notes[NEW_DEVICE] = (at_ms,)
            if what in fraud.newness and fraud_habits.is_new(notes, key, value, 1):
                notes[f"n:{what}"] = (fraud_habits.hashed(value), at_ms)
            fraud_habits.note_value(notes, key, value)
    if isinstance(event.payload, ProfileChanged):
        notes[PROFILE] = (at_ms,)
