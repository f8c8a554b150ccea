"""A member's whole state, one packed record: wallets with lots, tier, counters of rules, open redemptions, chain head."""

from typing import Final, final

NO_HASH: Final = bytes(32)
"""What the first entry of a member names as its previous hash."""


@final
class Lot:
    """Points earned together. `seq` (of the issuing entry) is its id; `points` is what remains and is not held.

    `available_at_ms` 0 means available now, else pending until then; `expires_at_ms` 0 means never.
    """

    __slots__ = ("available_at_ms", "expires_at_ms", "points", "seq")

    def __init__(self, seq: int, points: int, available_at_ms: int, expires_at_ms: int) -> None:
        self.seq = seq
        self.points = points
        self.available_at_ms = available_at_ms
        self.expires_at_ms = expires_at_ms


@final
class Wallet:
    """Points of one unit. `pending` and `available` equal the sums over `lots`; `held` the sum over open holds; `debt` is owed."""

    __slots__ = ("available", "debt", "held", "lots", "pending")

    def __init__(self, available: int, pending: int, held: int, debt: int, lots: list[Lot]) -> None:
        self.available = available
        self.pending = pending
        self.held = held
        self.debt = debt
        self.lots = lots


@final
class Hold:
    """An open redemption. `parts` are (lot seq, points, expires_at_ms) taken from lots, earliest expiry first."""

    __slots__ = ("cancelling", "fulfillment_id", "parts", "points", "provider", "quantity", "reward_id", "unit")

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
    ) -> None:
        self.fulfillment_id = fulfillment_id
        self.reward_id = reward_id
        self.provider = provider
        self.quantity = quantity
        self.unit = unit
        self.points = points
        self.parts = parts
        self.cancelling = cancelling


@final
class Window:
    """What a limit has used in the calendar window that starts at `start_ms`."""

    __slots__ = ("count", "points", "start_ms")

    def __init__(self, start_ms: int, points: int, count: int) -> None:
        self.start_ms = start_ms
        self.points = points
        self.count = count


@final
class Member:
    """One member.

    `clock_ms` is the highest timestamp among the member's own records. `awarded_at_ms` maps rule id to the latest `occurred_at` it
    gave points for. `event_counts` counts applied events by type. `windows` is keyed by (rule or reward id) + "/" + every.
    `next_due_ms` is when time next changes this state (0: never). `version` grows with every change.
    """

    __slots__ = (
        "awarded_at_ms",
        "birth_date",
        "clock_ms",
        "country",
        "enrolled_at_ms",
        "event_counts",
        "holds",
        "last_hash",
        "member_id",
        "next_due_ms",
        "parked",
        "qualifying_points",
        "qualifying_start_ms",
        "quarantined",
        "segment",
        "seq",
        "tier",
        "tier_until_ms",
        "version",
        "wallets",
        "windows",
    )

    def __init__(self, member_id: str) -> None:
        self.member_id = member_id
        self.version = 0
        self.seq = 0
        self.last_hash = NO_HASH
        self.clock_ms = 0
        self.next_due_ms = 0
        self.enrolled_at_ms = 0
        self.country = ""
        self.segment = ""
        self.birth_date = ""
        self.tier = ""
        self.tier_until_ms = 0
        self.qualifying_start_ms = 0
        self.qualifying_points = 0
        self.wallets: dict[str, Wallet] = {}
        self.holds: dict[str, Hold] = {}
        self.event_counts: dict[str, int] = {}
        self.awarded_at_ms: dict[str, int] = {}
        self.windows: dict[str, Window] = {}
        self.quarantined = False
        self.parked = 0


@final
class Order:
    """What a purchase earned, so that a refund can take it back. `lots` are (unit, lot seq, points earned, points clawed back, qualifying)."""

    __slots__ = ("amount_minor", "currency", "lots", "occurred_at_ms", "refunded_minor")

    def __init__(
        self,
        amount_minor: int,
        currency: str,
        occurred_at_ms: int,
        refunded_minor: int,
        lots: list[tuple[str, int, int, int, bool]],
    ) -> None:
        self.amount_minor = amount_minor
        self.currency = currency
        self.occurred_at_ms = occurred_at_ms
        self.refunded_minor = refunded_minor
        self.lots = lots
