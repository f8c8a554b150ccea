"""Rewards that bring points of another unit for those that were redeemed."""

from typing import Final

from pipeline.core import expiry, lots
from pipeline.core.accounts import ISSUED
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.program import Program, Reward
from pipeline.core.wallet import Hold

GIVES: Final = "reward.gives"
"""In place of a rule's id, of points that a reward brings; no rule can be called so."""


def fit(member: Member, reward: Reward, pieces: int) -> bool:
    """Whether the wallet has room for the points that so many pieces bring."""
    assert reward.gives is not None
    unit, points = reward.gives
    wallet = member.wallets.get(unit.unit_id)
    return wallet is None or points * pieces <= lots.room(wallet)


def give(posting: Posting, hold: Hold, program: Program) -> None:
    """Points of another unit come for those that were redeemed, where the reward brings some."""
    reward = program.rewards.get(hold.reward_id)
    if reward is None or reward.gives is None:
        return
    unit, each = reward.gives
    wallet = lots.wallet_of(posting.member, unit.unit_id)
    points = min(each * hold.quantity, lots.room(wallet))
    if points:
        expires_at_ms = expiry.of_unit(program.calendar, unit, wallet, posting.occurred_at_ms)
        lots.issue(posting, wallet, "earn", unit.unit_id, points, ISSUED, 0, expires_at_ms, GIVES)
