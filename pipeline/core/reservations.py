"""Reservations: what a decision asks of a pool, gives back to it, or no longer needs."""

from typing import Final

from pipeline.core import limits
from pipeline.core.awaited import Awaited
from pipeline.core.events import Event
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.order import Order
from pipeline.core.payloads import TransactionCompleted
from pipeline.core.pool_ids import GIVE_BACK, OF_REDEMPTION, OF_RULE, TAKE, has_codes
from pipeline.core.program import Program, Rule
from pipeline.core.records import PoolRequest, Reward
from pipeline.core.wallet import Hold

WAITS_FOR: Final = "waits_for:"
"""Begins what a decision says of an award that waits; then comes the pool."""

NO_CODES: Final[list[str]] = []


def reserved(
    posting: Posting,
    event: Event,
    program: Program,
    rule: Rule,
    event_type: str,
    points: int,
    desired: int,
    limited_by: str,
    log_time_ms: int,
    signal_id: str = "",
) -> Reward:
    """Ask the budget of the rule's campaign for an award, which signal `signal_id` has reviewed once it is granted.

    Returns the reward as it stands until the answer comes.
    """
    payload = event.payload
    order_id = payload.order_id if isinstance(payload, TransactionCompleted) else ""
    campaign = rule.campaign
    assert campaign is not None
    budget = campaign.budget
    assert budget is not None
    pool_id = budget.pool_id(campaign.campaign_id, program.calendar, posting.occurred_at_ms)
    amount, limit = (points, budget.points) if budget.points else (1, budget.awards)
    request_id = request_id_of(posting, rule)
    unit = rule.unit.unit_id
    one = Awaited(pool_id, amount, rule.rule_id, event_type, unit, points, desired, limited_by, order_id, "")
    one.signal_id = signal_id
    posting.member.awaited[request_id] = one
    ask(posting, event.traceparent, request_id, pool_id, amount, limit, log_time_ms)
    return Reward(rule.rule_id, "points", unit, 0, desired, WAITS_FOR + pool_id, "live")


def request_id_of(posting: Posting, rule: Rule) -> str:
    """Id under which an award of the rule is asked for."""
    return posting.derived_id(OF_RULE + rule.rule_id, 0)


def reserve_pieces(
    posting: Posting, traceparent: str, redemption_id: str, hold: Hold, limit: int, log_time_ms: int
) -> None:
    """Ask the hold's pool for its pieces."""
    hold.request_id = posting.derived_id(OF_REDEMPTION, 0)
    posting.member.awaited[hold.request_id] = Awaited(
        hold.pool_id, hold.quantity, "", "", hold.unit, 0, 0, "", "", redemption_id
    )
    ask(posting, traceparent, hold.request_id, hold.pool_id, hold.quantity, limit, log_time_ms)


def ask(
    posting: Posting, traceparent: str, request_id: str, pool_id: str, amount: int, limit: int, log_time_ms: int
) -> None:
    """Put the request out; the answer comes through the log."""
    posting.out.pool_request(
        PoolRequest(
            request_id,
            pool_id,
            TAKE,
            amount,
            limit,
            NO_CODES,
            posting.member.member_id,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            log_time_ms,
            traceparent,
        )
    )


def give_back(posting: Posting, pool_id: str, amount: int, codes: list[str]) -> None:
    """Tell the pool that what it granted is not needed; `codes` are those of a pool that has some."""
    posting.out.pool_request(
        PoolRequest(
            posting.derived_id(f"give_back:{pool_id}", 0),
            pool_id,
            GIVE_BACK,
            amount,
            0,
            codes,
            posting.member.member_id,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
        )
    )


def return_pieces(posting: Posting, hold: Hold, pieces: int) -> None:
    """Pieces that a hold no longer needs return to its pool; while they are only asked for, its answer settles that.

    A code that a provider was told of may have been seen: it is not given to anyone else.
    """
    if hold.request_id:
        return
    if not has_codes(hold.pool_id):
        give_back(posting, hold.pool_id, pieces, NO_CODES)
    elif not hold.dispatched:
        kept = len(hold.codes) - pieces
        give_back(posting, hold.pool_id, pieces, hold.codes[kept:])
        del hold.codes[kept:]


def void_of_order(posting: Posting, program: Program, order_id: str, order: Order) -> None:
    """The order is undone: awards that wait for their grant are void, and budgets get back what they gave for it."""
    member = posting.member
    for one in member.awaited.values():
        if one.order_id == order_id and not one.void:
            one.void = True
            rule = rule_of(program, one)
            if rule is not None:
                uncount(member, program, rule, order.occurred_at_ms, one.points, 1)
    for pool_id, amount in order.more().grants:
        give_back(posting, pool_id, amount, NO_CODES)


def rule_of(program: Program, one: Awaited) -> Rule | None:
    """The rule whose award waits, as the programme has it."""
    table = program.rules.get(one.event_type)
    if table is not None:
        for rule in table.rules:
            if rule.rule_id == one.rule_id:
                return rule
    return None


def uncount(member: Member, program: Program, rule: Rule, at_ms: int, points: int, count: int) -> None:
    """Limits get back what was not given; where the award is gone as a whole, a pause that it began ends."""
    if rule.limits:
        limits.give_back(member, program.calendar, rule.windows, at_ms, points, count)
        limits.give_back_rolling(member, rule.rolls, at_ms, points, count)
    if count and member.awarded_at_ms.get(rule.rule_id, 0) == at_ms:
        del member.awarded_at_ms[rule.rule_id]


def waiting_points(member: Member) -> dict[str, int]:
    """Points by unit that are decided and wait for a grant."""
    points: dict[str, int] = {}
    for one in member.awaited.values():
        if one.points and not one.void:
            points[one.unit] = points.get(one.unit, 0) + one.points
    return points
