"""Pools: what many members share, such as a campaign's budget, stock, voucher codes or a household's points; each is
given once.

A pool gives what is asked while that much is left, else what is left: it never gives more than its limit, and refuses
nothing while something is there. Requests of one pool are decided in their order in its partition. Those of fraud
signals, which give nothing and count what many members do, are in `pool_signals`.
"""

from typing import Final, Protocol, final

from pipeline.core import pool_lots, pool_partners, pool_signals
from pipeline.core.bounds import QUANTITY_MAX, WALLET_MAX
from pipeline.core.events import Event
from pipeline.core.faults import Fault, id_fault, range_fault
from pipeline.core.ledger import SOURCE
from pipeline.core.payloads import HouseholdLot, PoolAnswered
from pipeline.core.pool_ids import (
    CODES,
    GIVE_BACK,
    HOUSEHOLD,
    KINDS,
    LOAD,
    PARTNER,
    TAKE,
    has_codes,
    has_points,
    of_signal,
)
from pipeline.core.pool_lots import PoolLots
from pipeline.core.pool_signals import ALL, NotesState
from pipeline.core.reasons import MALFORMED
from pipeline.core.records import PoolBalance, PoolRequest

HERE: Final = "here"
GIVEN: Final = "given"
UNKNOWN: Final = ""
"""How a voucher code stands; unknown: it was never loaded."""

CODE_MAX: Final = 200
"""Longest voucher code, in characters."""

LOTS_MAX: Final = 1000
"""Most lots of points in one request."""

PoolTuple = tuple[int, int, int, int, int, int, int, int, tuple[tuple[int, int], ...]]


@final
class Pool:
    """One pool. `limit` is what the request that occurred last, at `as_of_ms`, said; of a pool of codes, how many were
    loaded; of a household's, what was put in and has not expired.

    `given` is not given back. Codes wait in a queue: those numbered from `first` up to `after`. `desired` and `refused`
    add up over all `requests`. `lots` are the points that a household has. Of a signal's pool, `limit` and `given` are
    what the latest request was held against, and what it counted.
    """

    __slots__ = ("after", "as_of_ms", "desired", "first", "given", "limit", "lots", "refused", "requests")

    def __init__(
        self,
        limit: int = 0,
        as_of_ms: int = 0,
        given: int = 0,
        desired: int = 0,
        refused: int = 0,
        requests: int = 0,
        first: int = 0,
        after: int = 0,
        lots: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.limit = limit
        self.as_of_ms = as_of_ms
        self.given = given
        self.desired = desired
        self.refused = refused
        self.requests = requests
        self.first = first
        self.after = after
        self.lots: PoolLots = list(lots)

    def to_tuple(self) -> PoolTuple:
        """Field values in the order of the constructor."""
        return (
            self.limit,
            self.as_of_ms,
            self.given,
            self.desired,
            self.refused,
            self.requests,
            self.first,
            self.after,
            tuple(self.lots),
        )

    def left(self, with_codes: bool) -> int:
        """What can still be given."""
        return self.after - self.first if with_codes else max(self.limit - self.given, 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pool) and self.to_tuple() == other.to_tuple()

    def __hash__(self) -> int:
        return hash(self.to_tuple())

    def __repr__(self) -> str:
        return f"Pool{self.to_tuple()!r}"


class PoolState(NotesState, Protocol):
    """The pools of one partition. Reads see what was written; nothing is durable until the lane commits."""

    def pool(self, pool_id: str) -> Pool:
        """A new one where nothing was ever asked of it. Changed in place, then put."""

    def put_pool(self, pool_id: str, pool: Pool) -> None: ...

    def code_status(self, pool_id: str, code: str) -> str:
        """HERE, GIVEN or UNKNOWN."""

    def put_code_status(self, pool_id: str, code: str, status: str) -> None: ...

    def take_code(self, pool_id: str, number: int) -> str:
        """The code with this number, which leaves the queue."""

    def put_code(self, pool_id: str, number: int, code: str) -> None: ...


def request_fault(request: PoolRequest) -> Fault | None:
    """What is wrong with a request, as (reason, detail), or None."""
    fault = id_fault("pool_id", request.pool_id) or id_fault("request_id", request.request_id)
    if fault is not None:
        return fault
    if not request.pool_id.startswith(KINDS):
        return (MALFORMED, f"pool_id is {request.pool_id!r}; begin it with one of {', '.join(KINDS)}")
    if of_signal(request.pool_id):
        return pool_signals.request_fault(request)
    if request.action not in (TAKE, GIVE_BACK, LOAD):
        return (MALFORMED, f"action is {request.action!r}; send {TAKE}, {GIVE_BACK} or {LOAD}")
    if request.action == TAKE:
        return id_fault("member_id", request.member_id) or range_fault("amount", request.amount, 1, WALLET_MAX)
    if has_points(request.pool_id):
        return lots_fault(request)
    if not has_codes(request.pool_id):
        if request.action == LOAD:
            detail = f"pool_id is {request.pool_id!r}; only pools that begin with {CODES} or {HOUSEHOLD} are loaded"
            return (MALFORMED, detail)
        return range_fault("amount", request.amount, 1, WALLET_MAX)
    for code in request.codes:
        if not 0 < len(code) <= CODE_MAX:
            return (MALFORMED, f"codes has one of {len(code)} characters; a code has 1 to {CODE_MAX}")
    return range_fault("codes", len(request.codes), 1, QUANTITY_MAX)


def lots_fault(request: PoolRequest) -> Fault | None:
    """What is wrong with points that go into a household's pool, or None."""
    fault = range_fault("number of lots", len(request.lots), 1, LOTS_MAX)
    for lot in request.lots:
        fault = fault or range_fault("points of a lot", lot.points, 1, WALLET_MAX)
        fault = fault or range_fault("expires_at_ms of a lot", lot.expires_at_ms, 0, WALLET_MAX)
    return fault


def decide(state: PoolState, request: PoolRequest) -> PoolAnswered | None:
    """Take a sound request: the answer to a take, None to what needs none."""
    pool_id = request.pool_id
    if of_signal(pool_id):
        return count(state, request)
    pool = state.pool(pool_id)
    answer: PoolAnswered | None = None
    if request.action == TAKE:
        answer = take_points(pool, request) if has_points(pool_id) else take(state, pool, request)
    elif has_points(pool_id):
        put_points(pool, request)
    elif not has_codes(pool_id):
        pool.given = max(pool.given - request.amount, 0)
    elif request.action == GIVE_BACK:
        for code in request.codes:
            if state.code_status(pool_id, code) == GIVEN:
                pool.given -= 1
                queue(state, pool_id, pool, code)
    else:
        for code in request.codes:
            if state.code_status(pool_id, code) == UNKNOWN:
                pool.limit += 1
                queue(state, pool_id, pool, code)
    state.put_pool(pool_id, pool)
    return answer


def count(state: PoolState, request: PoolRequest) -> PoolAnswered | None:
    """Take a request to a signal's pool: the answer, None to a note that sets nothing off."""
    answer = pool_signals.judge(state, request)
    if answer is None:
        return None
    pool_id = request.pool_id
    pool = state.pool(pool_id)
    refused = answer.desired - answer.granted
    pool.limit = answer.limit
    pool.as_of_ms = max(pool.as_of_ms, request.occurred_at_ms)
    pool.given = answer.value - refused if pool_id.startswith(PARTNER) else answer.value
    pool.desired += answer.desired
    pool.refused += refused
    pool.requests += 1
    state.put_pool(pool_id, pool)
    return answer if refused or request.action == TAKE else None


def take(state: PoolState, pool: Pool, request: PoolRequest) -> PoolAnswered:
    """Give what is asked, or what is left of it."""
    pool_id = request.pool_id
    with_codes = has_codes(pool_id)
    if not with_codes and request.occurred_at_ms >= pool.as_of_ms:
        pool.limit = request.limit
        pool.as_of_ms = request.occurred_at_ms
    granted = min(request.amount, pool.left(with_codes))
    codes: list[str] = []
    if with_codes:
        for number in range(pool.first, pool.first + granted):
            code = state.take_code(pool_id, number)
            state.put_code_status(pool_id, code, GIVEN)
            codes.append(code)
        pool.first += granted
    pool.given += granted
    pool.desired += request.amount
    pool.refused += request.amount - granted
    pool.requests += 1
    return PoolAnswered(request.request_id, pool_id, request.amount, granted, codes)


def put_points(pool: Pool, request: PoolRequest) -> None:
    """Points come into the household's pool, new ones or such as it had given."""
    for lot in request.lots:
        pool_lots.put(pool.lots, lot.points, lot.expires_at_ms)
        if request.action == LOAD:
            pool.limit += lot.points
        else:
            pool.given -= lot.points


def take_points(pool: Pool, request: PoolRequest) -> PoolAnswered:
    """Give what is asked of the household's points, or what is left of them, the earliest expiry first; what has
    expired by then goes with the answer too, so that it is booked."""
    expired = pool_lots.expire(pool.lots, request.recorded_at_ms)
    pool.limit -= expired
    lots = [HouseholdLot(points, date_ms) for points, date_ms in pool_lots.take(pool.lots, request.amount)]
    granted = sum([lot.points for lot in lots])
    pool.given += granted
    pool.desired += request.amount
    pool.refused += request.amount - granted
    pool.requests += 1
    return PoolAnswered(request.request_id, request.pool_id, request.amount, granted, lots=lots, expired=expired)


def queue(state: PoolState, pool_id: str, pool: Pool, code: str) -> None:
    """The code can be given, after those that wait already."""
    state.put_code(pool_id, pool.after, code)
    state.put_code_status(pool_id, code, HERE)
    pool.after += 1


def answer_event(request: PoolRequest, answer: PoolAnswered, recorded_at_ms: int) -> Event:
    """The answer as the member's own record. Its id is the request's, so it counts once however often it comes."""
    return Event(
        request.request_id,
        request.member_id,
        request.occurred_at_ms,
        SOURCE,
        request.traceparent,
        {},
        answer,
        recorded_at_ms,
    )


def is_told(state: PoolState, pool_id: str) -> bool:
    """Whether it is told how the pool stands: of a signal's, partners', and those that have ever set it off, for the
    others are as many as there are devices."""
    return not of_signal(pool_id) or pool_id.startswith(PARTNER) or state.pool(pool_id).refused > 0


def balance(state: PoolState, pool_id: str, position: int, updated_at_ms: int) -> PoolBalance:
    """How the pool stands after the request at `position`."""
    pool = state.pool(pool_id)
    until_ms = pool_partners.quarantined_until(state.notes(pool_id, ALL)) if pool_id.startswith(PARTNER) else 0
    return PoolBalance(
        pool_id,
        pool.limit,
        pool.given,
        pool.left(has_codes(pool_id)),
        pool.desired,
        pool.refused,
        pool.requests,
        position,
        updated_at_ms,
        until_ms,
    )
