"""Refunds: what an order earned is clawed back in proportion, as the programme's policy allows."""

from typing import Final

from pipeline.core import lots, reasons, tiers
from pipeline.core.bounds import WALLET_MAX
from pipeline.core.ledger import CLAWED_BACK, Posting
from pipeline.core.member import Order
from pipeline.core.payloads import TransactionRefunded
from pipeline.core.program import Program
from pipeline.core.wallet import Wallet

ONLY_PENDING: Final = "only_pending"
WITHIN_BALANCE: Final = "within_balance"
UNLIMITED: Final = "unlimited"

Claim = tuple[str, int, int]
"""(unit, lot seq, points to claw back)."""


def refusal(order: Order | None, payload: TransactionRefunded) -> str:
    """Why the order cannot be refunded so, or ""."""
    if order is None:
        return reasons.ORDER_UNKNOWN
    if payload.currency != order.currency:
        return reasons.CURRENCY_DIFFERS
    if order.refunded_minor + payload.amount_minor > order.amount_minor:
        return reasons.REFUND_EXCEEDS_ORDER
    return ""


def refund(posting: Posting, program: Program, order: Order, payload: TransactionRefunded) -> Order:
    """Claw back each lot's share and return the order as it is then.

    A lot's share, over all refunds of the order, is its points * refunded / paid, rounded down. Each refund claims its
    own part of it; what the policy or the balance does not let it take is not taken later. Claimed points no longer
    qualify.
    """
    refunded_minor = order.refunded_minor + payload.amount_minor
    claims: list[Claim] = []
    order_lots: list[tuple[str, int, int, int, int]] = []
    for unit, seq, earned, claimed, year in order.lots:
        share = earned * refunded_minor // order.amount_minor
        order_lots.append((unit, seq, earned, share, year))
        if share > claimed:
            claims.append((unit, seq, share - claimed))
            if year:
                tiers.unqualify(posting.member, year, share - claimed)
    if claims:
        claw_back(posting, claims, program.clawback)
    return Order(order.amount_minor, order.currency, order.occurred_at_ms, refunded_minor, order_lots)


def claw_back(posting: Posting, claims: list[Claim], policy: str) -> None:
    """Take from the claims' own lots, pending ones first; then, unless `only_pending`, from other available lots; then
    as debt.

    `within_balance` owes at most what is held, which is still the member's; `unlimited` owes all that is missing.
    """
    legs = 0
    missing: dict[str, int] = {}
    pending: list[Claim] = []
    others: list[Claim] = []
    for claim in claims:
        lot = lots.find(posting.member.wallets[claim[0]].pending_lots, claim[1])
        (others if lot is None else pending).append(claim)
    for unit, seq, points in pending if policy == ONLY_PENDING else pending + others:
        wallet = posting.member.wallets[unit]
        lot = lots.find(wallet.pending_lots, seq) or lots.find(wallet.lots, seq)
        taken = 0
        if lot is not None:
            taken = min(points, lot.points)
            account = posting.pending if lot.available_at_ms else posting.available
            lots.take(wallet, lot, taken)
            posting.post("clawback", unit, taken, account, CLAWED_BACK, seq, "clawback", legs)
            legs += 1
        if taken < points:
            missing[unit] = missing.get(unit, 0) + points - taken
    for unit, points in missing.items():
        legs = claw_back_elsewhere(posting, unit, points, policy, legs)


def claw_back_elsewhere(posting: Posting, unit: str, points: int, policy: str, legs: int) -> int:
    """Take what a claim's own lot no longer has. Returns the number of legs so far."""
    wallet = posting.member.wallets[unit]
    taken = min(points, wallet.available)
    if taken:
        for seq, part, _ in lots.burn(wallet, taken):
            posting.post("clawback", unit, part, posting.available, CLAWED_BACK, seq, "clawback", legs)
            legs += 1
    owed = owable(wallet, points - taken, policy)
    if owed:
        wallet.debt += owed
        posting.post("clawback", unit, owed, posting.debt, CLAWED_BACK, 0, "clawback", legs)
        legs += 1
    return legs


def owable(wallet: Wallet, points: int, policy: str) -> int:
    """How many of `points` the policy lets the member owe."""
    most = WALLET_MAX if policy == UNLIMITED else wallet.held
    return max(min(points, most - wallet.debt), 0)
