"""Pools of fraud signals: what many members do is counted where all of it comes together, and asked about there.

A request that takes asks whether something may go on: all of it is granted, or nothing where the signal is set off. A
note tells, and is answered only where the signal is set off. Both count.

members  how many members were told of one device, address or place: each by its latest time, within `terms[0]` ms
partner  what members earn with a partner, as `pool_partners` says
ring     how many members are in the ring that the member is in, of those of at most `terms[0]`: referrals that lead
         back to where they began; 1 in none. `others[0]` is who referred the member. Where `terms[0]` is 1, the member
         and who referred it are one person, and so are those that either of both is one with: all of them are in a
         ring, of which one more than are allowed is known. Where `terms[0]` is 0, no ring is looked for.
"""

from typing import Final, Protocol

from pipeline.core import pool_partners
from pipeline.core.bounds import WALLET_MAX
from pipeline.core.faults import Fault, id_fault, range_fault
from pipeline.core.fraud_habits import Notes
from pipeline.core.payloads import PoolAnswered
from pipeline.core.pool_ids import MEMBERS, NOTE, PARTNER, QUARANTINE, RING, TAKE
from pipeline.core.reasons import MALFORMED
from pipeline.core.records import PoolRequest

KEPT_MIN: Final = 20
"""A pool keeps so many members, or twice as many as are allowed and two: so far it counts."""
OTHERS_MAX: Final = 20
"""So many of the members that were counted stand in an answer."""
RING_MAX: Final = 12
ONE_PERSON: Final = 1
"""As `terms[0]` of a request about rings: the two of a referral are known to be one person."""
ALL: Final = ""
"""Name of what a pool keeps as a whole."""
BY: Final = "by:"
"""Before a member's id: who referred them."""
IN: Final = "in:"
"""Before a member's id: the ring they are in, all of its members."""


class NotesState(Protocol):
    """What the signals' pools of one partition keep."""

    def notes(self, pool_id: str, name: str) -> Notes:
        """What is kept under the name; a new one where there is nothing. Changed in place, then put."""

    def put_notes(self, pool_id: str, name: str, notes: Notes) -> None: ...


def request_fault(request: PoolRequest) -> Fault | None:
    """What is wrong with a request to a signal's pool, as (reason, detail), or None."""
    pool_id = request.pool_id
    of_partner = pool_id.startswith(PARTNER)
    if request.action not in (TAKE, NOTE) and not (of_partner and request.action == QUARANTINE):
        return (MALFORMED, f"action is {request.action!r}; send {TAKE} or {NOTE}, or {QUARANTINE} for a partner")
    if len(pool_id.split(":")) != (2 if pool_id.startswith(RING) else 3):
        return (MALFORMED, f"pool_id is {pool_id!r}; name the kind, the signal, and what is shared, or the partner")
    if request.action == QUARANTINE:
        return terms_fault(request, 1)
    for other in request.others:
        if other == request.member_id:
            return (MALFORMED, f"others names {other!r}, the member itself; name who referred it")
        fault = id_fault("others", other)
        if fault is not None:
            return fault
    return (
        id_fault("member_id", request.member_id)
        or range_fault("amount", request.amount, 1, WALLET_MAX)
        or range_fault("limit", request.limit, 0, WALLET_MAX)
        or range_fault("number of others", len(request.others), 0, 1)
        or terms_fault(request, pool_partners.TERMS if of_partner else 1)
    )


def terms_fault(request: PoolRequest, count: int) -> Fault | None:
    """So many terms are needed, none below zero."""
    fault = range_fault("number of terms", len(request.terms), count, count)
    for term in request.terms:
        fault = fault or range_fault("terms", term, 0, WALLET_MAX)
    return fault


def judge(state: NotesState, request: PoolRequest) -> PoolAnswered | None:
    """Count a sound request. Returns what came of it; None of a person's quarantine, which counts nothing."""
    others: list[str] = []
    if request.pool_id.startswith(PARTNER):
        known = state.notes(request.pool_id, ALL)
        if request.action == QUARANTINE:
            pool_partners.quarantine(known, request.terms[0])
            state.put_notes(request.pool_id, ALL, known)
            return None
        value, limit = pool_partners.count(known, request)
        state.put_notes(request.pool_id, ALL, known)
    else:
        others = together(state, request) if request.pool_id.startswith(MEMBERS) else ring(state, request)
        value, limit = len(others) + 1, request.limit
    granted = request.amount if value <= limit else 0
    return PoolAnswered(
        request.request_id, request.pool_id, request.amount, granted, [], value, limit, others[:OTHERS_MAX]
    )


def together(state: NotesState, request: PoolRequest) -> list[str]:
    """Count the member here. Returns the others that were here in the time before the request, or after it, the latest
    first."""
    known = state.notes(request.pool_id, ALL)
    member_id, at_ms = request.member_id, request.occurred_at_ms
    last_ms = known[member_id][0] if member_id in known else at_ms
    known[member_id] = (max(last_ms, at_ms),)
    ordered = sorted([(-moment[0], one) for one, moment in known.items()])
    kept = max(2 * request.limit + 2, KEPT_MIN)
    for _, one in ordered[kept:]:
        del known[one]
    state.put_notes(request.pool_id, ALL, known)
    after_ms = at_ms - request.terms[0]
    before_ms = at_ms + request.terms[0]
    return [one for moment, one in ordered[:kept] if after_ms < -moment < before_ms and one != member_id]


def ring(state: NotesState, request: PoolRequest) -> list[str]:
    """Remember who referred the member, if the request says so. Returns the others of the ring that it is in."""
    pool_id, member_id = request.pool_id, request.member_id
    if request.others:
        referrer = request.others[0]
        known = state.notes(pool_id, BY + member_id)
        if not known:
            known[referrer] = (request.occurred_at_ms,)
            state.put_notes(pool_id, BY + member_id, known)
        close(state, pool_id, way_back(state, pool_id, member_id, referrer, request.terms[0]))
    if request.terms[0] == ONE_PERSON:
        for referrer in request.others or state.notes(pool_id, BY + member_id):
            unite(state, pool_id, member_id, referrer, request.limit)
    return [one for one in state.notes(pool_id, IN + member_id) if one != member_id]


def close(state: NotesState, pool_id: str, path: list[str]) -> None:
    """Remember of each of the members that they are in a ring."""
    for one in path:
        state.put_notes(pool_id, IN + one, dict.fromkeys(path, ()))


def unite(state: NotesState, pool_id: str, member_id: str, referrer: str, limit: int) -> None:
    """Remember of the member, of who referred it, and of all that either is one person with, that they are one."""
    both = [member_id, referrer]
    known = [*state.notes(pool_id, IN + member_id), *state.notes(pool_id, IN + referrer)]
    whole = dict.fromkeys([*both, *known])
    for one in whole:
        if one in both or len(state.notes(pool_id, IN + one)) <= limit:
            mates = list(dict.fromkeys([one, *whole]))
            state.put_notes(pool_id, IN + one, dict.fromkeys(mates[: limit + 1], ()))


def way_back(state: NotesState, pool_id: str, member_id: str, referrer: str, most: int) -> list[str]:
    """The members of the ring that closes where the referrer refers the member; none where there is no such ring."""
    path = [member_id]
    one = referrer
    while len(path) < most:
        path.append(one)
        by = state.notes(pool_id, BY + one)
        if not by:
            return []
        one = next(iter(by))
        if one == member_id:
            return path
        if one in path:
            return []
    return []
