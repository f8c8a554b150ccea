"""Tiers: qualifying points per period, reaching a tier at once or when the next begins, review when its time ends."""

from pipeline.core import tier_periods as periods
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.order import NOT_SPENT
from pipeline.core.program import Program
from pipeline.core.records import TierChange


def enter(posting: Posting, program: Program) -> None:
    """A member without a tier enters the programme's first."""
    change(posting, program.tiers[0].tier_id, 0, "enrolled", 0)


def qualify(posting: Posting, program: Program, points: int, at_ms: int = 0) -> None:
    """Count qualifying points (or minor units spent) and raise the tier if they reach one: at once, or when the next
    period begins. They were earned at `at_ms`, or with the posting if that is 0."""
    member, policy = posting.member, program.tier_policy
    period = periods.counting_period(member, program, at_ms or posting.occurred_at_ms)
    periods.count(member, program, period, points)
    together = periods.points_together(member, program, period)
    rank = qualified_rank(program, together)
    if rank <= program.tier_ranks.get(member.tier, -1):
        return
    if policy.next_period:
        member.tier_rise_ms = member.tier_rise_ms or periods.period_start(member, program, period + 1)
    else:
        until_ms = periods.kept_until(member, program, period) if rank else 0
        change(posting, program.tiers[rank].tier_id, until_ms, "qualified", together)


def rise(posting: Posting, program: Program) -> None:
    """A period has begun: the tier rises to what the one just ended reached."""
    member = posting.member
    period = periods.period_beginning(member, program, member.tier_rise_ms) - 1
    member.tier_rise_ms = 0
    points = periods.points_together(member, program, period)
    rank = qualified_rank(program, points)
    if rank > program.tier_ranks.get(member.tier, -1):
        change(posting, program.tiers[rank].tier_id, periods.kept_until(member, program, period), "qualified", points)


def spend(posting: Posting, program: Program, currency: str, minor: int) -> tuple[int, int]:
    """Count what a purchase cost in money towards the tier, where spending qualifies; (period, minor units) counted."""
    if minor <= 0 or not program.tiers or currency != program.tier_policy.spend_currency:
        return NOT_SPENT
    period = periods.counting_period(posting.member, program, posting.occurred_at_ms)
    qualify(posting, program, minor)
    return period, minor


def review(posting: Posting, program: Program) -> None:
    """At `tier_until_ms` the tier becomes what the periods just ended qualify for, at most one lower where the
    programme says so; the first tier is never reviewed."""
    member, policy = posting.member, program.tier_policy
    period = periods.period_beginning(member, program, member.tier_until_ms - policy.grace_ms)
    rank, points, resting = judged(member, program, period)
    periods.open_period(member, program, period)
    tier, until_ms = "", 0
    if program.tiers:
        one_lower = program.tier_ranks.get(member.tier, 0) - 1
        if policy.one_down and rank < one_lower:
            rank, resting = one_lower, period - 1
        tier = program.tiers[rank].tier_id
        until_ms = periods.kept_until(member, program, resting) if rank else 0
    if tier == member.tier:
        member.tier_until_ms = until_ms
    else:
        change(posting, tier, until_ms, "review", points)


def judged(member: Member, program: Program, period: int) -> tuple[int, int, int]:
    """(rank, points that reach it, newest ended period that a tier can rest on for them) when a period begins.

    Rolling months are looked at as they stand then; of years the best of those whose tiers would still be kept, where
    with grace the one that begins counts for the one that ended.
    """
    policy = program.tier_policy
    if policy.by_month:
        points = periods.points_together(member, program, period)
        return qualified_rank(program, points), points, period - 1
    best_rank, best, resting = -2, 0, period - 1
    for year in range(period - 1, period - policy.keep - 1, -1):
        points = periods.points_of(member, year)
        if policy.grace_ms and year == period - 1:
            points = max(points, periods.points_of(member, period))
        rank = qualified_rank(program, points)
        if rank > best_rank:
            best_rank, best, resting = rank, points, year
    return best_rank, best, resting


def requalify(posting: Posting, program: Program, points_before: int) -> None:
    """After a refund, a tier that rested on `points_before` and no longer does becomes what is qualified for.

    One that did not rest on them (kept by grace, or one down from a better one) stays until its review.
    """
    member = posting.member
    points = periods.best_points(member, program)
    rank = qualified_rank(program, points)
    if rank < program.tier_ranks.get(member.tier, -1) <= qualified_rank(program, points_before):
        change(posting, program.tiers[rank].tier_id, member.tier_until_ms if rank else 0, "refunded", points)


def change(posting: Posting, tier: str, until_ms: int, reason: str, points: int) -> None:
    """The member moves to another tier, and a tier change says so."""
    member = posting.member
    previous = member.tier
    member.tier = tier
    member.tier_until_ms = until_ms
    posting.out.tier_change(
        TierChange(
            posting.derived_id(f"tier:{reason}", 0),
            member.member_id,
            previous,
            tier,
            reason,
            points,
            until_ms,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            member.seq,
        )
    )


def qualified_rank(program: Program, points: int) -> int:
    """Place in `program.tiers` of the highest tier that `points` reach; -1 without tiers."""
    rank = len(program.tiers) - 1
    while rank > 0 and program.tiers[rank].threshold > points:
        rank -= 1
    return rank
