"""An open review: what waits for a verdict, and what becomes of it without one."""

from typing import final

HeldTuple = tuple[str, int, int, int, int, bool]
ReviewTuple = tuple[str, str, int, int, bool, int, bool, str, str, str, str, bool, tuple[HeldTuple, ...]]


@final
class Held:
    """Points of one lot that wait: `seq` and dates as `Lot` has them; `qualifies` says whether they count for tiers."""

    __slots__ = ("available_at_ms", "expires_at_ms", "points", "qualifies", "seq", "unit")

    def __init__(
        self, unit: str, seq: int, points: int, available_at_ms: int, expires_at_ms: int, qualifies: bool
    ) -> None:
        self.unit = unit
        self.seq = seq
        self.points = points
        self.available_at_ms = available_at_ms
        self.expires_at_ms = expires_at_ms
        self.qualifies = qualifies

    def to_tuple(self) -> HeldTuple:
        """Field values in the order of the constructor."""
        return (self.unit, self.seq, self.points, self.available_at_ms, self.expires_at_ms, self.qualifies)


@final
class Review:
    """One review. `at_ms` is when the event occurred that the signal stopped.

    At `due_ms` (0: never) it is approved if `approves`, else rejected. Where `reviewers` is 2, `reviewer` is the first
    who gave the `verdict`. It holds the points in `held` (of `order_id`, if they are an order's), or the redemption, or
    it `freezes` redemptions; a freeze that was `rejected` stays.
    """

    __slots__ = (
        "approves",
        "at_ms",
        "due_ms",
        "freezes",
        "held",
        "order_id",
        "redemption_id",
        "rejected",
        "reviewer",
        "reviewers",
        "signal_id",
        "verdict",
    )

    def __init__(
        self,
        signal_id: str,
        at_ms: int,
        due_ms: int,
        approves: bool,
        reviewers: int = 1,
        freezes: bool = False,
        redemption_id: str = "",
        order_id: str = "",
    ) -> None:
        self.signal_id = signal_id
        self.at_ms = at_ms
        self.due_ms = due_ms
        self.approves = approves
        self.reviewers = reviewers
        self.freezes = freezes
        self.redemption_id = redemption_id
        self.order_id = order_id
        self.reviewer = ""
        self.verdict = ""
        self.rejected = False
        self.held: list[Held] = []

    def to_tuple(self, review_id: str) -> ReviewTuple:
        """The review's id and values."""
        return (
            review_id,
            self.signal_id,
            self.at_ms,
            self.due_ms,
            self.approves,
            self.reviewers,
            self.freezes,
            self.redemption_id,
            self.order_id,
            self.reviewer,
            self.verdict,
            self.rejected,
            tuple([part.to_tuple() for part in self.held]),
        )

    @staticmethod
    def from_tuple(values: ReviewTuple) -> "Review":
        """The review that `to_tuple` gave these values of."""
        review = Review(values[1], values[2], values[3], values[4], values[5], values[6], values[7], values[8])
        review.reviewer = values[9]
        review.verdict = values[10]
        review.rejected = values[11]
        review.held = [Held(*part) for part in values[12]]
        return review
