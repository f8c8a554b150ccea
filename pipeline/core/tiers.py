"""Tiers: qualifying points per calendar year, reaching a tier at once, review when its validity ends."""

from typing import Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.calendar import DAY_MS
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
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
    """Count qualifying points and raise the tier at once if they reach one; it is valid until the end of the year
    after."""
    member = posting.member
    open_year(member, counting_year(member, program, posting.occurred_at_ms))
    member.qualifying_points = min(member.qualifying_points + points, WALLET_MAX)
    rank = qualified_rank(program, member.qualifying_points)
    if rank > program.tier_ranks.get(member.tier, -1):
        until_ms = program.calendar.year_start(member.qualifying_year + 2) if rank else 0
        change(posting, program.tiers[rank].tier_id, until_ms, "qualified", member.qualifying_points)


def unqualify(member: Member, year: int, points: int) -> None:
    """A clawback takes qualifying points from the year they counted in, if that is still kept; the tier stays until its
    review."""
    if year == member.qualifying_year:
        member.qualifying_points = max(member.qualifying_points - points, 0)
    elif year == member.qualifying_year - 1:
        member.qualifying_previous = max(member.qualifying_previous - points, 0)


def review(posting: Posting, program: Program) -> None:
    """At `tier_until_ms` the tier becomes what the year just ended qualifies for; the first tier is never reviewed."""
    member = posting.member
    # The programme's zone may have changed since the date was set, so the year is the one that starts nearest to it.
    year = program.calendar.year(member.tier_until_ms + HALF_YEAR_MS)
    points = points_of(member, year - 1)
    open_year(member, year)
    tier, until_ms = "", 0
    if program.tiers:
        rank = qualified_rank(program, points)
        tier = program.tiers[rank].tier_id
        until_ms = program.calendar.year_start(year + 1) if rank else 0
    if tier == member.tier:
        member.tier_until_ms = until_ms
    else:
        change(posting, tier, until_ms, "review", points)


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
