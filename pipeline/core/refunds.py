"""Refunds: what an order earned is clawed back in proportion, as the programme's policy allows, and points that paid a
part of it return."""

from typing import Final

from pipeline.core import lots, reasons, tiers
from pipeline.core.bounds import WALLET_MAX
from pipeline.core.fraud_holding import take
from pipeline.core.ledger import CLAWED_BACK, REDEEMED, Posting
from pipeline.core.member import Member
from pipeline.core.order import Order, OrderLine, OrderLot, Part, Rest
from pipeline.core.program import Program
from pipeline.core.tier_periods import best_points, uncount
from pipeline.core.wallet import Wallet

ONLY_PENDING: Final = "only_pending"
WITHIN_BALANCE: Final = "within_balance"
UNLIMITED: Final = "unlimited"

POINTS_PAID: Final = "points_paid"
POINTS_RETURNED: Final = "points_returned"
"""Rule ids of entries that move points paid with a purchase, there and back: one event can bring both."""

Claim = tuple[str, int, int]
"""(unit, lot seq, points to claw back)."""

Pieces = tuple[tuple[str, int], ...]
"""(line id, pieces that come back, 0 for all that are left) of each line."""


def refusal(order: Order, amount_minor: int, currency: str, pieces: Pieces) -> str:
    """Why an order that has arrived cannot be refunded so, or ""."""
    if order.more().cancelled:
        return reasons.ORDER_CANCELLED
    if currency != order.currency:
        return reasons.CURRENCY_DIFFERS
    if order.refunded_minor + amount_minor > order.amount_minor:
        return reasons.REFUND_EXCEEDS_ORDER
    return pieces_refusal(order.more().lines, pieces) if pieces else ""


def pieces_refusal(lines: tuple[OrderLine, ...], pieces: Pieces) -> str:
    """Why these pieces cannot come back, or ""."""
    left = {line_id: count - back for line_id, count, amount_minor, back in lines if amount_minor > 0}
    for line_id, count in pieces:
        if line_id not in left:
            return reasons.LINE_UNKNOWN
        if count > left[line_id] or not left[line_id]:
            return reasons.REFUND_EXCEEDS_LINE
    return ""


def refund(posting: Posting, program: Program, order: Order, amount_minor: int, pieces: Pieces) -> Order:
    """Undo the order's part of `amount_minor`, or of what the pieces are worth if that is 0; returns the order as it is
    then.

    A piece is worth its share of what was paid, by the amounts of the lines above 0: shipping and discounts are spread
    over them.
    """
    rest = order.rest
    if pieces:
        assert rest is not None
        before, after = rest.lines, with_pieces_back(rest.lines, pieces)
        if not amount_minor:
            worth = worth_back(order.amount_minor, after) - worth_back(order.amount_minor, before)
            amount_minor = min(worth, order.amount_minor - order.refunded_minor)
        rest = rest.with_lines(after)
    refunded_minor = order.refunded_minor + amount_minor
    # An order that cost nothing has no part: only its cancellation takes what it earned.
    return undo(posting, program, order, rest, refunded_minor, refunded_minor, order.amount_minor or 1)


def undo(
    posting: Posting, program: Program, order: Order, rest: Rest | None, refunded_minor: int, numerator: int, whole: int
) -> Order:
    """Undo numerator / whole of the order, over all its refunds, and return it as it is then.

    A lot's share, over all refunds of the order, is its points * that part, rounded down. Each refund claims its
    own part of it; what the policy or the balance does not let it take is not taken later. Claimed points no longer
    qualify. Points paid return in the same proportion, before anything is clawed back.
    """
    if rest is not None and rest.parts and program.returns_points:
        rest = give_back(posting, rest, rest.points_paid * numerator // whole)
    claims: list[Claim] = []
    order_lots: list[OrderLot] = []
    recompute = program.tier_policy.recompute
    qualified_before = best_points(posting.member, program) if recompute else 0
    for unit, seq, earned, claimed, period in order.lots:
        claimable = earned * numerator // whole
        order_lots.append((unit, seq, earned, claimable, period))
        if claimable > claimed:
            claims.append((unit, seq, claimable - claimed))
            if period:
                uncount(posting.member, period, claimable - claimed)
    if rest is not None and rest.spent[1]:
        period, minor = rest.spent
        before_minor = minor * order.refunded_minor // (order.amount_minor or 1)
        uncount(posting.member, period, minor * numerator // whole - before_minor)
    if recompute:
        tiers.requalify(posting, program, qualified_before)
    if claims:
        claw_back(posting, claims, program.clawback)
    return Order(order.amount_minor, order.currency, order.occurred_at_ms, refunded_minor, order_lots, rest)


def with_pieces_back(lines: tuple[OrderLine, ...], pieces: Pieces) -> tuple[OrderLine, ...]:
    """The order's lines after these pieces came back."""
    wanted = dict(pieces)
    after: list[OrderLine] = []
    for line_id, count, amount_minor, back in lines:
        more = wanted.get(line_id, -1)
        after.append((line_id, count, amount_minor, back if more < 0 else back + more if more else count))
    return tuple(after)


def worth_back(paid_minor: int, lines: tuple[OrderLine, ...]) -> int:
    """Minor units of what was paid that belong to the pieces that came back, rounded down once."""
    whole, back = 0, 0
    for _, count, amount_minor, returned in lines:
        if amount_minor > 0:
            whole += amount_minor
            back += amount_minor * returned // count
    return paid_minor * back // whole


def give_back(posting: Posting, rest: Rest, returned: int) -> Rest:
    """Points paid return until `returned` of them have, those with the latest expiry first, each with the expiry it
    had; one whose expiry has passed expires at once."""
    more = returned - (rest.points_paid - sum([points for _, points, _ in rest.parts]))
    if more <= 0:
        return rest
    kept = list(rest.parts)
    returning: list[Part] = []
    while more:
        seq, points, expires_at_ms = kept.pop()
        part = min(points, more)
        returning.append((seq, part, expires_at_ms))
        if part < points:
            kept.append((seq, points - part, expires_at_ms))
        more -= part
    lots.give_back(posting, rest.points_unit, returning, REDEEMED, "return", POINTS_RETURNED)
    return rest.with_parts(tuple(kept))


def claw_back(posting: Posting, claims: list[Claim], policy: str) -> None:
    """Take from the claims' own lots, first those that are pending or wait for a verdict; then, unless `only_pending`,
    from other available lots; then as debt.

    `within_balance` owes at most what is held, which is still the member's; `unlimited` owes all that is missing.
    """
    legs = 0
    missing: dict[str, int] = {}
    pending: list[Claim] = []
    others: list[Claim] = []
    for claim in claims:
        lot = lots.find(posting.member.wallets[claim[0]].pending_lots, claim[1])
        first = lot is not None or in_review(posting.member, claim)
        (pending if first else others).append(claim)
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
        elif posting.member.reviews:
            taken = take(posting, unit, seq, points, legs)
            legs += 1 if taken else 0
        if taken < points:
            missing[unit] = missing.get(unit, 0) + points - taken
    for unit, points in missing.items():
        legs = claw_back_elsewhere(posting, unit, points, policy, legs)


def in_review(member: Member, claim: Claim) -> bool:
    """Whether the claim's own lot waits for a verdict."""
    return any(
        part.unit == claim[0] and part.seq == claim[1] for review in member.reviews.values() for part in review.held
    )


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
