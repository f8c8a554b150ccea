"""What members are to be told of a decision, one notice per cause, kind and unit; how is not decided here."""

from typing import Final, final

from pipeline.core.events import Event
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.payloads import FulfillmentOutcome, PoolAnswered, RedemptionRequested
from pipeline.core.pool_ids import has_points
from pipeline.core.program import Program
from pipeline.core.records import Notification, Reward
from pipeline.core.wallet import Hold

POINTS_EARNED: Final = "points_earned"
POINTS_EXPIRED: Final = "points_expired"
POINTS_EXPIRING: Final = "points_expiring"
TIER_CHANGED: Final = "tier_changed"
REDEMPTION_HELD: Final = "redemption_held"
REWARD_FULFILLED: Final = "reward_fulfilled"
REWARD_FAILED: Final = "reward_failed"
UNDER_REVIEW: Final = "review:"
"""Begins what limits an award that a fraud signal holds."""
KINDS: Final = (
    POINTS_EARNED, POINTS_EXPIRED, POINTS_EXPIRING, TIER_CHANGED, REDEMPTION_HELD, REWARD_FULFILLED, REWARD_FAILED,
)  # fmt: skip


@final
class Before:
    """What an event may do away with and its notice needs: the member's tier, the hold that an outcome ends, and
    the redemption that draws on a household."""

    __slots__ = ("drawing", "hold", "tier")

    def __init__(self, member: Member, event: Event) -> None:
        payload = event.payload
        self.tier = member.tier
        self.hold: Hold | None = None
        self.drawing = ""
        if isinstance(payload, FulfillmentOutcome):
            self.hold = member.holds.get(payload.redemption_id)
        elif isinstance(payload, PoolAnswered) and has_points(payload.pool_id):
            one = member.awaited.get(payload.request_id)
            self.drawing = "" if one is None else one.redemption_id


def of_event(posting: Posting, event: Event, rewards: list[Reward], program: Program, before: Before) -> None:
    """Put out the notices of an event that was applied, for the kinds that the programme names."""
    payload, member = event.payload, posting.member
    requested = payload.redemption_id if isinstance(payload, RedemptionRequested) else before.drawing
    if requested and REDEMPTION_HELD in program.notifies:
        hold = member.holds.get(requested)
        if hold is not None:
            _of_reward(posting, event, REDEMPTION_HELD, requested, hold, "")
    if isinstance(payload, FulfillmentOutcome) and before.hold is not None:
        kind = REWARD_FULFILLED if payload.outcome == "confirmed" else REWARD_FAILED
        if kind in program.notifies and payload.redemption_id not in member.holds:
            _of_reward(posting, event, kind, payload.redemption_id, before.hold, payload.reason)
    if rewards and POINTS_EARNED in program.notifies:
        earned: dict[str, int] = {}
        for reward in rewards:
            if reward.mode == "live" and reward.value > 0 and not reward.limited_by.startswith(UNDER_REVIEW):
                earned[reward.unit] = earned.get(reward.unit, 0) + reward.value
        of_points(posting, program, earned, event.traceparent)
    previous_tier = before.tier
    if not previous_tier and program.tiers:
        previous_tier = program.tiers[0].tier_id  # entered by this very event, which is no news
    if member.tier != previous_tier:
        of_tier(posting, program, previous_tier, event.traceparent)


def of_points(posting: Posting, program: Program, earned: dict[str, int], traceparent: str) -> None:
    """Points by unit have come to the member; those that a signal holds come when they are approved."""
    if POINTS_EARNED in program.notifies:
        for unit in sorted(earned):
            _tell(posting, POINTS_EARNED, unit, earned[unit], "", "", "", "", traceparent)


def of_tier(posting: Posting, program: Program, previous_tier: str, traceparent: str) -> None:
    """The member has left a tier for another."""
    if TIER_CHANGED in program.notifies and previous_tier:
        _tell(posting, TIER_CHANGED, "", 0, previous_tier, "", "", "", traceparent)


def of_expiry(posting: Posting, program: Program, unit: str, points: int) -> None:
    """A lot has expired."""
    if POINTS_EXPIRED in program.notifies:
        _tell(posting, POINTS_EXPIRED, unit, points, "", "", "", "", "")


def of_expiring(posting: Posting, program: Program, unit: str, points: int) -> None:
    """Points will expire soon."""
    if POINTS_EXPIRING in program.notifies:
        _tell(posting, POINTS_EXPIRING, unit, points, "", "", "", "", "")


def _of_reward(posting: Posting, event: Event, kind: str, redemption_id: str, hold: Hold, reason: str) -> None:
    _tell(posting, kind, hold.unit, hold.points, "", hold.reward_id, redemption_id, reason, event.traceparent)


def _tell(
    posting: Posting,
    kind: str,
    unit: str,
    points: int,
    previous_tier: str,
    reward_id: str,
    redemption_id: str,
    reason: str,
    traceparent: str,
) -> None:
    member = posting.member
    wallet = member.wallets.get(unit)
    posting.out.notification(
        Notification(
            posting.derived_id(f"notify:{kind}:{unit}", 0),
            member.member_id,
            kind,
            unit,
            points,
            0 if wallet is None else wallet.available,
            member.tier,
            previous_tier,
            reward_id,
            redemption_id,
            reason,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            traceparent,
        )
    )
