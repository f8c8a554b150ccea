"""Transfers from many senders to one receiver: all of them are the receiver's own records, so the receiver counts them.

`notes` hold them by `z:` and the signal's id: a hash of each of the latest senders and the time of their latest
transfer, the newest last; one more than is allowed are kept.
"""

from pipeline.core.events import Event
from pipeline.core.fraud_habits import Notes, hashed
from pipeline.core.fraud_program import Signal
from pipeline.core.payloads import RedemptionRequested, TransferReceived


def senders(signal: Signal, event: Event, notes: Notes) -> int:
    """How many others have sent points within the signal's time of the event, its own sender too; 0 of an event that is
    neither a transfer to the member nor a redemption."""
    payload = event.payload
    own = 0
    if isinstance(payload, TransferReceived):
        own = hashed(payload.from_member_id)
    elif not isinstance(payload, RedemptionRequested):
        return 0
    known = notes.get(f"z:{signal.signal_id}", ())
    at_ms = event.occurred_at_ms
    count = 1 if own else 0
    for place in range(0, len(known), 2):
        if known[place] != own and at_ms - signal.length_ms < known[place + 1] < at_ms + signal.length_ms:
            count += 1
    return count


def note_sender(signal: Signal, event: Event, notes: Notes) -> None:
    """Remember who sent points that arrived."""
    payload = event.payload
    if not isinstance(payload, TransferReceived):
        return
    key, own, at_ms = f"z:{signal.signal_id}", hashed(payload.from_member_id), event.occurred_at_ms
    known = notes.get(key, ())
    moments = [(known[place + 1], known[place]) for place in range(0, len(known), 2) if known[place] != own]
    own_ms = [known[place + 1] for place in range(0, len(known), 2) if known[place] == own]
    moments.append((max([at_ms, *own_ms]), own))
    kept: list[int] = []
    for moment_ms, sender in sorted(moments)[-(signal.at_most + 1) :]:
        kept += (sender, moment_ms)
    notes[key] = tuple(kept)
