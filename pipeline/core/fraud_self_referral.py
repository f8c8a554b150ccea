"""Self-referral: a member who was referred by somebody with the same device or address, who is taken for one person.

What a referrer accepts carries hashes of their latest devices or addresses to the referred member, whose own are held
against them, then and later. The signal's pool, which is one of rings, is told of the two who are one: both are in it.

`notes` of the member hold, by `w:` and what is shared, hashes of the latest ones told, as `fraud_habits` has them; by
`m:` and the signal's id those of who referred the member, until one of them is found to be the member's own.
"""

from typing import Final

from pipeline.core import fraud_habits
from pipeline.core.events import Event
from pipeline.core.fraud_habits import KNOWN_MAX, Notes, hashed
from pipeline.core.fraud_program import SELF, FraudProgram, Signal
from pipeline.core.fraud_traits import told
from pipeline.core.payloads import ReferralJoined
from pipeline.core.pool_signals import ONE_PERSON

NOT_YET: Final = 0
"""In place of ONE_PERSON: nothing is known of the two."""


MARKS_MAX: Final = 2 * (KNOWN_MAX + 1)
"""So many at most are carried: of devices and of addresses those that are known, and the event's own."""


def marks_of(fraud: FraudProgram, event: Event, notes: Notes) -> list[str]:
    """Hashes of the latest devices and addresses of a referrer, that of the event among them."""
    marks: set[int] = set()
    for signal in fraud.across:
        if signal.kind == SELF:
            marks.update(notes.get(f"w:{signal.measure}", (0,))[1:])
            value = told(fraud, event, signal.measure)
            if value:
                marks.add(hashed(value))
    return [f"{mark:012x}" for mark in sorted(marks)]


def found(fraud: FraudProgram, event: Event, signal: Signal, notes: Notes) -> int:
    """Remember what the event tells of the member, and of who referred it. Returns ONE_PERSON when that makes the two
    one, which is said once."""
    payload = event.payload
    own, referrer = f"w:{signal.measure}", f"m:{signal.signal_id}"
    value = told(fraud, event, signal.measure)
    if value:
        fraud_habits.note_value(notes, own, value)
    if isinstance(payload, ReferralJoined) and payload.marks:
        notes[referrer] = tuple([int(mark, 16) for mark in payload.marks])
    if referrer not in notes:
        return NOT_YET
    known = notes.get(own, (0,))[1:]
    if not any(mark in known for mark in notes[referrer]):
        return NOT_YET
    del notes[referrer]
    return ONE_PERSON
