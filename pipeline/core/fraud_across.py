"""Signals across members: what a member tells the pools that count for them, and what a redemption asks.

A redemption waits, held, for the answers of live signals; all else is only told, and nothing of it waits. Told is what
is new: a device, address or place again only when an eighth of the signal's time has passed.

`notes` of the member hold, by `x:` and the signal's id, a hash of each of the latest values that were told and when,
the newest last; by `y:` and the id of a signal that looks at referrals, that the member has taken part in a referral.
"""

from typing import Final

from pipeline.core.awaited import Awaited
from pipeline.core.events import Event
from pipeline.core.fraud_counts import Counts
from pipeline.core.fraud_habits import KNOWN_MAX, Notes, hashed
from pipeline.core.fraud_program import RING, SELF, FraudProgram, Signal
from pipeline.core.fraud_self_referral import found
from pipeline.core.fraud_traits import told
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.payloads import RedemptionRequested, ReferralAccepted, ReferralJoined
from pipeline.core.pool_ids import MEMBERS, NOTE, OF_SIGNAL, TAKE, of_signal
from pipeline.core.pool_ids import RING as RING_POOL
from pipeline.core.pool_signals import ONE_PERSON
from pipeline.core.records import PoolRequest
from pipeline.core.wallet import Hold

RENEWALS: Final = 8
NO_OTHERS: Final[list[str]] = []


def tell(posting: Posting, event: Event, fraud: FraudProgram, log_time_ms: int) -> None:
    """Tell the pools what an event that was applied shows of its member; of a redemption, they were told by `ask`."""
    payload = event.payload
    if isinstance(payload, RedemptionRequested):
        return
    for signal in fraud.across:
        if signal.kind in (RING, SELF):
            tell_referral(posting, event, fraud, signal, log_time_ms)
            continue
        value = told(fraud, event, signal.measure)
        if value:
            notes = notes_of(posting.member)
            mark = hashed(value)
            if is_due(notes, signal, mark, posting.occurred_at_ms):
                note_told(notes, signal, mark, posting.occurred_at_ms)
                terms = [signal.length_ms]
                send(posting, event, signal, place_of(signal, mark), NOTE, 1, terms, NO_OTHERS, log_time_ms)


def tell_referral(posting: Posting, event: Event, fraud: FraudProgram, signal: Signal, log_time_ms: int) -> None:
    """Who took part in a referral may be in a ring; the referred member tells by whom, and that the two are one."""
    payload = event.payload
    if isinstance(payload, (ReferralAccepted, ReferralJoined)):
        notes_of(posting.member)[f"y:{signal.signal_id}"] = ()
    terms = terms_of(posting, event, fraud, signal)
    others = [payload.referrer_member_id] if isinstance(payload, ReferralJoined) else NO_OTHERS
    if others or (signal.kind == SELF and terms[0] == ONE_PERSON):
        send(posting, event, signal, RING_POOL + signal.signal_id, NOTE, 1, terms, others, log_time_ms)


def ask(posting: Posting, event: Event, fraud: FraudProgram, redemption_id: str, hold: Hold, log_time_ms: int) -> bool:
    """Ask about a redemption whose points are held. Returns whether it has to wait; a signal in shadow mode is told."""
    waits = False
    for signal in fraud.across:
        pool_id = pool_of(posting, event, fraud, signal)
        if not pool_id:
            continue
        amount = max(hold.points, 1)
        terms = terms_of(posting, event, fraud, signal)
        if not signal.live:
            send(posting, event, signal, pool_id, NOTE, amount, terms, NO_OTHERS, log_time_ms)
            continue
        request_id = send(posting, event, signal, pool_id, TAKE, amount, terms, NO_OTHERS, log_time_ms)
        posting.member.awaited[request_id] = Awaited(
            pool_id, amount, signal.signal_id, "", hold.unit, 0, 0, "", "", redemption_id
        )
        waits = True
    return waits


def remember(posting: Posting, event: Event, fraud: FraudProgram) -> None:
    """Note what a redemption shows that is asked about later, when its points are held."""
    for signal in fraud.across:
        pool_of(posting, event, fraud, signal)


def asking(member: Member, redemption_id: str) -> bool:
    """Whether a redemption, or a review of what was earned with a partner, waits for the pool of a signal."""
    return any(
        one.redemption_id == redemption_id and of_signal(one.pool_id) and not one.void
        for one in member.awaited.values()
    )


def stop_asking(member: Member, redemption_id: str) -> None:
    """The redemption, or the review, is void: what the signals' pools answer makes no difference to it."""
    for one in member.awaited.values():
        if one.redemption_id == redemption_id and of_signal(one.pool_id):
            one.void = True


def pool_of(posting: Posting, event: Event, fraud: FraudProgram, signal: Signal) -> str:
    """The pool that counts what the redemption is judged by: its own device, address or place, or the latest that the
    member has told; "" where there is none."""
    counts = posting.member.counts
    if signal.kind in (RING, SELF):
        return RING_POOL + signal.signal_id if counts is not None and f"y:{signal.signal_id}" in counts.notes else ""
    value = told(fraud, event, signal.measure)
    if value:
        mark = hashed(value)
        note_told(notes_of(posting.member), signal, mark, posting.occurred_at_ms)
        return place_of(signal, mark)
    known = () if counts is None else counts.notes.get(f"x:{signal.signal_id}", ())
    return place_of(signal, known[-2]) if known else ""


def terms_of(posting: Posting, event: Event, fraud: FraudProgram, signal: Signal) -> list[int]:
    """What the signal's pool needs to know beside its limit."""
    if signal.kind == SELF:
        return [found(fraud, event, signal, notes_of(posting.member))]
    return [signal.per if signal.kind == RING else signal.length_ms]


def place_of(signal: Signal, mark: int) -> str:
    """The pool of a device, address or place; its name stays out of it, for an address is nobody's business."""
    return f"{MEMBERS}{signal.signal_id}:{mark:012x}"


def notes_of(member: Member) -> Notes:
    """What signals remember of the member."""
    if member.counts is None:
        member.counts = Counts()
    return member.counts.notes


def is_due(notes: Notes, signal: Signal, mark: int, at_ms: int) -> bool:
    """Whether the pool has to be told: it was not yet, or an eighth of the time has passed since."""
    known = notes.get(f"x:{signal.signal_id}", ())
    for place in range(0, len(known), 2):
        if known[place] == mark:
            return at_ms - known[place + 1] >= signal.length_ms // RENEWALS
    return True


def note_told(notes: Notes, signal: Signal, mark: int, at_ms: int) -> None:
    """Remember that the pool was told; of more than `KNOWN_MAX` values, the one not told for longest is forgotten."""
    key = f"x:{signal.signal_id}"
    known = notes.get(key, ())
    kept: list[int] = []
    for place in range(0, len(known), 2):
        if known[place] != mark:
            kept += known[place : place + 2]
        else:
            at_ms = max(at_ms, known[place + 1])
    notes[key] = (*kept[-2 * (KNOWN_MAX - 1) :], mark, at_ms)


def send(
    posting: Posting,
    event: Event,
    signal: Signal,
    pool_id: str,
    action: str,
    amount: int,
    terms: list[int],
    others: list[str],
    log_time_ms: int,
) -> str:
    """Put the request out. Returns its id."""
    request_id = posting.derived_id(OF_SIGNAL + signal.signal_id, 0)
    posting.out.pool_request(
        PoolRequest(
            request_id,
            pool_id,
            action,
            amount,
            signal.at_most,
            [],
            posting.member.member_id,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            log_time_ms,
            event.traceparent,
            "",
            terms,
            others,
        )
    )
    return request_id
