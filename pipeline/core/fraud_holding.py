"""What waits for a verdict: reviews are opened, told of, and withdrawn when what they hold is undone."""

from typing import Final

from pipeline.core.fraud_across import asking
from pipeline.core.fraud_program import ReviewTerms
from pipeline.core.fraud_review import Held, Review
from pipeline.core.ledger import CLAWED_BACK, Posting
from pipeline.core.member import Member
from pipeline.core.records import ReviewChange, ReviewPart

APPROVE: Final = "approve"
REJECT: Final = "reject"


def review_account(member: Member) -> str:
    """Account of points that wait for a verdict."""
    return f"member:{member.member_id}:review"


def points_in_review(member: Member, unit: str) -> int:
    """Points of the unit that are earned and wait for a verdict."""
    return sum([part.points for review in member.reviews.values() for part in review.held if part.unit == unit])


def frozen(member: Member) -> bool:
    """Whether redemptions are frozen."""
    return any(review.freezes for review in member.reviews.values())


def of_redemption(member: Member, redemption_id: str) -> str:
    """Id of the review that a redemption waits for, or ""."""
    for review_id, review in member.reviews.items():
        if review.redemption_id == redemption_id:
            return review_id
    return ""


def review_of(posting: Posting, terms: ReviewTerms, signal_id: str, points: int) -> Review:
    """A new review of so many points, by the programme's terms."""
    reviewers = 2 if 0 < terms.four_eyes_points <= points else 1
    due_ms = posting.recorded_at_ms + terms.timeout_ms if terms.timeout_ms else 0
    return Review(signal_id, posting.occurred_at_ms, due_ms, terms.approves, reviewers)


def open_review(posting: Posting, review_id: str, review: Review) -> None:
    """Keep the review and tell of it."""
    posting.member.reviews[review_id] = review
    report(posting, review_id, review, "opened", "", "", "")


def freeze(posting: Posting, terms: ReviewTerms, signal_id: str) -> str:
    """Freeze redemptions. Returns the id of the review that can end it, or "" where the signal has frozen them
    before."""
    if any(review.freezes and review.signal_id == signal_id for review in posting.member.reviews.values()):
        return ""
    due_ms = posting.recorded_at_ms + terms.timeout_ms if terms.timeout_ms else 0
    review_id = posting.derived_id("freeze", 0)
    open_review(posting, review_id, Review(signal_id, posting.occurred_at_ms, due_ms, terms.approves, 1, True))
    return review_id


def hold_points(posting: Posting, review: Review, held: Held, rule_id: str, issuer: str) -> None:
    """Book a new lot from account `issuer` that waits for a verdict."""
    review.held.append(held)
    posting.post("earn", held.unit, held.points, issuer, review_account(posting.member), held.seq, rule_id, 0)


def take(posting: Posting, unit: str, seq: int, points: int, leg: int) -> int:
    """A refund takes points of a lot that waits for a verdict. Returns how many it had, at most `points`."""
    member = posting.member
    for review_id, review in member.reviews.items():
        for part in review.held:
            if part.unit != unit or part.seq != seq:
                continue
            taken = min(points, part.points)
            part.points -= taken
            posting.post("clawback", unit, taken, review_account(member), CLAWED_BACK, seq, "clawback", leg)
            if not part.points:
                review.held.remove(part)
            if not (review.held or review.freezes or review.redemption_id):
                del member.reviews[review_id]
                report(posting, review_id, review, "withdrawn", "", "", "")
            return taken
    return 0


def withdraw(posting: Posting, redemption_id: str) -> None:
    """A redemption that waited for a verdict is void."""
    review_id = of_redemption(posting.member, redemption_id)
    if review_id:
        review = posting.member.reviews.pop(review_id)
        report(posting, review_id, review, "withdrawn", "", "", "")


def report(
    posting: Posting, review_id: str, review: Review, status: str, reviewer: str, verdict: str, reason: str
) -> None:
    """Tell of a change of the review; of one that waits for a partner's pool, nobody is told."""
    if posting.member.awaited and asking(posting.member, review_id):
        return
    parts: dict[str, int] = {}
    for part in review.held:
        parts[part.unit] = parts.get(part.unit, 0) + part.points
    hold = posting.member.holds.get(review.redemption_id) if review.redemption_id else None
    if hold is not None:
        parts[hold.unit] = hold.points
    posting.out.review(
        ReviewChange(
            posting.derived_id(f"review:{status}:{review_id}", 0),
            review_id,
            posting.member.member_id,
            status,
            review.signal_id,
            [ReviewPart(unit, points) for unit, points in parts.items()],
            review.redemption_id,
            review.order_id,
            review.freezes,
            review.reviewers,
            reviewer,
            verdict,
            reason,
            review.due_ms,
            APPROVE if review.approves else REJECT,
            posting.event_id,
            posting.program_hash,
            posting.occurred_at_ms,
            posting.recorded_at_ms,
            posting.member.seq,
        )
    )
