"""Tiers: qualifying points per calendar year, reaching a tier at once, review when its validity ends."""

from typing import Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.calendar import DAY_MS
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.order import NOT_SPENT
from pipeline.core.program import Program
from pipeline.core.records import TierChange

HALF_YEAR_MS: Final = 182 * DAY_MS


def enter(posting: Posting, program: Program) -> None:
    """A member without a tier enters the programme's first."""
    change(posting, program.tiers[0].tier_id, 0, "enrolled", 0)


def counting_year(member: Member, program: Program, at_ms: int) -> int:
    """Calendar year in which points earned at `at_ms` count: its own, or the newest that the member has counted in."""
    return max(program.calendar.year(at_ms), member.qualifying_year)


def qualify(posting: Posting, program: Program, points: int) -> None:
    """Count qualifying points (or minor units spent) and raise the tier at once if they reach one.

    It is valid until the end of the year after.
    """
    member = posting.member
    open_year(member, counting_year(member, program, posting.occurred_at_ms))
    member.qualifying_points = min(member.qualifying_points + points, WALLET_MAX)
    rank = qualified_rank(program, member.qualifying_points)
    if rank > program.tier_ranks.get(member.tier, -1):
        until_ms = review_time(program, member.qualifying_year + 2) if rank else 0
        change(posting, program.tiers[rank].tier_id, until_ms, "qualified", member.qualifying_points)


def spend(posting: Posting, program: Program, currency: str, minor: int) -> tuple[int, int]:
    """Count what a purchase cost in money towards the tier, where spending qualifies; (year, minor units) counted."""
    if minor <= 0 or not program.tiers or currency != program.tier_policy.spend_currency:
        return NOT_SPENT
    year = counting_year(posting.member, program, posting.occurred_at_ms)
    qualify(posting, program, minor)
    return year, minor


def unqualify(member: Member, year: int, points: int) -> None:
    """A clawback takes qualifying points from the year they counted in, if that is still kept."""
    if year == member.qualifying_year:
        member.qualifying_points = max(member.qualifying_points - points, 0)
    elif year == member.qualifying_year - 1:
        member.qualifying_previous = max(member.qualifying_previous - points, 0)


def review(posting: Posting, program: Program) -> None:
    """At `tier_until_ms` the tier becomes what the year just ended qualifies for, at most one lower where the programme
    says so; the first tier is never reviewed."""
    member = posting.member
    # The programme's zone may have changed since the date was set, so the year is the one that starts nearest to it.
    grace_ms = program.tier_policy.grace_ms
    year = program.calendar.year(member.tier_until_ms - grace_ms + HALF_YEAR_MS)
    points = points_of(member, year - 1)
    if grace_ms:
        points = max(points, points_of(member, year))
    open_year(member, year)
    tier, until_ms = "", 0
    if program.tiers:
        rank = qualified_rank(program, points)
        if program.tier_policy.one_down:
            rank = max(rank, program.tier_ranks.get(member.tier, 0) - 1)
        tier = program.tiers[rank].tier_id
        until_ms = review_time(program, year + 1) if rank else 0
    if tier == member.tier:
        member.tier_until_ms = until_ms
    else:
        change(posting, tier, until_ms, "review", points)


def review_time(program: Program, year: int) -> int:
    """When a tier that is kept until `year` begins is reviewed."""
    return program.calendar.year_start(year) + program.tier_policy.grace_ms


def best_points(member: Member) -> int:
    """The better of the two years that are kept: what the tier can rest on."""
    return max(member.qualifying_points, member.qualifying_previous)


def requalify(posting: Posting, program: Program, points_before: int) -> None:
    """After a refund, a tier that rested on `points_before` and no longer does becomes what is qualified for.

    One that did not rest on them (kept by grace, or one down from a better one) stays until its review.
    """
    member = posting.member
    points = best_points(member)
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


def open_year(member: Member, year: int) -> None:
    """Start counting a newer year, keeping what the year before it earned."""
    if year > member.qualifying_year:
        member.qualifying_previous = points_of(member, year - 1)
        member.qualifying_points = 0
        member.qualifying_year = year


def points_of(member: Member, year: int) -> int:
    """Qualifying points of a year; 0 for years that are no longer, or not yet, kept."""
    if year == member.qualifying_year:
        return member.qualifying_points
    if year == member.qualifying_year - 1:
        return member.qualifying_previous
    return 0


def qualified_rank(program: Program, points: int) -> int:
    """Place in `program.tiers` of the highest tier that `points` reach; -1 without tiers."""
    rank = len(program.tiers) - 1
    while rank > 0 and program.tiers[rank].threshold > points:
        rank -= 1
    return rank
