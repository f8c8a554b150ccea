"""A member's points of one unit: lots, open redemptions, and what limits have used."""

from typing import final

LotTuple = tuple[int, int, int, int]
WalletTuple = tuple[str, int, int, int, int, tuple[LotTuple, ...], tuple[LotTuple, ...], int, int]
HoldTuple = tuple[str, str, str, str, int, str, int, tuple[tuple[int, int, int], ...], bool, int]
WindowTuple = tuple[str, int, int, int]
HoldTerms = tuple[str, bool, int]
"""(redemption id, dispatched, timeout_at_ms)."""


@final
class Lot:
    """Points earned together. `seq` (of the issuing entry) is its id; `points` is what remains and is not held, at
    least 1.

    `available_at_ms` 0 means available now, else pending until then; `expires_at_ms` 0 means never.
    """

    __slots__ = ("available_at_ms", "expires_at_ms", "points", "seq")

    def __init__(self, seq: int, points: int, available_at_ms: int, expires_at_ms: int) -> None:
        self.seq = seq
        self.points = points
        self.available_at_ms = available_at_ms
        self.expires_at_ms = expires_at_ms

    def to_tuple(self) -> LotTuple:
        """Field values in the order of the constructor."""
        return (self.seq, self.points, self.available_at_ms, self.expires_at_ms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lot) and self.to_tuple() == other.to_tuple()

    def __hash__(self) -> int:
        return hash(self.to_tuple())

    def __repr__(self) -> str:
        return f"Lot{self.to_tuple()!r}"


@final
class Wallet:
    """Points of one unit.

    `available` is the sum over `lots`, `pending` over `pending_lots`, `held` over open holds; `debt` is owed. `lots`
    stand in the order in which they burn and expire: by expiry, those that never expire last, then by seq.
    `pending_lots` stand in the order in which they are released: by `available_at_ms`, then by seq. While there is debt
    nothing is available: what becomes available repays it first.

    Lots whose `expires_at_ms` is `SLIDING_MS` expire at `slides_until_ms` (0: nothing was earned since they last did);
    those up to `lapsed_seq` have expired, and what is still on hold of them does when it returns.
    """

    __slots__ = ("available", "debt", "held", "lapsed_seq", "lots", "pending", "pending_lots", "slides_until_ms")

    def __init__(
        self,
        available: int,
        pending: int,
        held: int,
        debt: int,
        lots: list[Lot],
        pending_lots: list[Lot],
        slides_until_ms: int = 0,
        lapsed_seq: int = 0,
    ) -> None:
        self.available = available
        self.pending = pending
        self.held = held
        self.debt = debt
        self.lots = lots
        self.pending_lots = pending_lots
        self.slides_until_ms = slides_until_ms
        self.lapsed_seq = lapsed_seq

    def to_tuple(self) -> tuple[int, int, int, int, tuple[LotTuple, ...], tuple[LotTuple, ...], int, int]:
        """Field values in the order of the constructor."""
        return (
            self.available,
            self.pending,
            self.held,
            self.debt,
            tuple([lot.to_tuple() for lot in self.lots]),
            tuple([lot.to_tuple() for lot in self.pending_lots]),
            self.slides_until_ms,
            self.lapsed_seq,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wallet) and self.to_tuple() == other.to_tuple()

    def __hash__(self) -> int:
        return hash(self.to_tuple())

    def __repr__(self) -> str:
        return f"Wallet{self.to_tuple()!r}"


@final
class Hold:
    """An open redemption. `parts` are (lot seq, points, expires_at_ms) taken from lots, earliest expiry first.

    `requested_at_ms` is when the request occurred, `cancelling` whether the provider was asked to cancel. A hold that
    is not `dispatched` waits for confirmation, or for the answer of its pool to `request_id` ("" once it is there). At
    `timeout_at_ms` (0: never) it is voided, or if dispatched said to be overdue. Of a reward with a pool, `confirmed`
    says whether only the answer is waited for; `codes` are vouchers, one for each piece. Its lots from `drawn_from` on
    were drawn on the pool `household` ("": none).
    """

    __slots__ = (
        "cancelling",
        "codes",
        "confirmed",
        "dispatched",
        "drawn_from",
        "fulfillment_id",
        "household",
        "parts",
        "points",
        "pool_id",
        "provider",
        "quantity",
        "request_id",
        "requested_at_ms",
        "reward_id",
        "timeout_at_ms",
        "unit",
    )

    def __init__(
        self,
        fulfillment_id: str,
        reward_id: str,
        provider: str,
        quantity: int,
        unit: str,
        points: int,
        parts: list[tuple[int, int, int]],
        cancelling: bool,
        requested_at_ms: int,
        dispatched: bool = True,
        timeout_at_ms: int = 0,
    ) -> None:
        self.fulfillment_id = fulfillment_id
        self.reward_id = reward_id
        self.provider = provider
        self.quantity = quantity
        self.unit = unit
        self.points = points
        self.parts = parts
        self.cancelling = cancelling
        self.requested_at_ms = requested_at_ms
        self.dispatched = dispatched
        self.timeout_at_ms = timeout_at_ms
        self.pool_id = ""
        self.request_id = ""
        self.codes: list[str] = []
        self.confirmed = False
        self.household = ""
        self.drawn_from = 0

    def __repr__(self) -> str:
        return (
            f"Hold({self.fulfillment_id!r}, {self.reward_id!r}, {self.provider!r}, {self.quantity}, {self.unit!r}, "
            f"{self.points}, {self.parts!r}, cancelling={self.cancelling}, requested_at_ms={self.requested_at_ms}, "
            f"dispatched={self.dispatched}, timeout_at_ms={self.timeout_at_ms}, pool_id={self.pool_id!r}, "
            f"request_id={self.request_id!r}, codes={self.codes!r}, confirmed={self.confirmed}, "
            f"household={self.household!r}, drawn_from={self.drawn_from})"
        )


@final
class Window:
    """What a limit has used in the calendar window that starts at `start_ms`."""

    __slots__ = ("count", "points", "start_ms")

    def __init__(self, start_ms: int, points: int, count: int) -> None:
        self.start_ms = start_ms
        self.points = points
        self.count = count

    def __repr__(self) -> str:
        return f"Window({self.start_ms}, points={self.points}, count={self.count})"


def hold_terms(holds: dict[str, Hold]) -> tuple[HoldTerms, ...]:
    """What some holds have beyond `hold_tuple`."""
    return tuple(
        [
            (redemption_id, hold.dispatched, hold.timeout_at_ms)
            for redemption_id, hold in holds.items()
            if hold.timeout_at_ms or not hold.dispatched
        ]
    )


def hold_tuple(redemption_id: str, hold: Hold) -> HoldTuple:
    """The redemption's id and the hold's values in the order of its constructor."""
    return (
        redemption_id,
        hold.fulfillment_id,
        hold.reward_id,
        hold.provider,
        hold.quantity,
        hold.unit,
        hold.points,
        tuple(hold.parts),
        hold.cancelling,
        hold.requested_at_ms,
    )
