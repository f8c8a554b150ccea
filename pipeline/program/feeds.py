"""What a programme says of the feeds by which partners tell of their members' doings: signed, mapped, limited."""

from dataclasses import dataclass
from typing import Final, final

from pipeline.program.partners import Secret

HEADER_FIELDS: Final = ("event_id", "member_id", "occurred_at")
"""What every message must tell of each event."""
FEED_TYPES: Final = {
    "transaction_completed": (
        ("order_id", "amount_minor", "currency"),
        ("channel", "store_id", "country", "revision"),
    ),
    "transaction_refunded": (("order_id", "amount_minor", "currency"), ("reason",)),
    "transaction_cancelled": (("order_id",), ("revision", "reason")),
    "subscription_renewed": (("subscription_id", "plan", "amount_minor", "currency"), ("period_months",)),
    "emi_payment_succeeded": (("loan_id", "instalment_number", "amount_minor", "currency"), ("on_time",)),
    "onboarding_completed": (("flow",), ("channel",)),
    "custom_event": (("name",), ()),
}
"""Events that a partner may tell of, with their fields: those that must be there, and others. Who a member is, and what
becomes of points, a partner does not say."""
MAPS: Final = {"attributes": tuple(FEED_TYPES), "numbers": ("custom_event",)}
"""Fields that are filled by name, as `attributes.store`: of which types."""
WHOLES: Final = ("amount_minor", "revision", "period_months", "instalment_number")
"""Fields that are whole numbers; names in `numbers` are, too."""
TRUTHS: Final = ("on_time",)
TIMES: Final = ("iso", "s", "ms")
"""How a time is written: ISO 8601 with a zone, or seconds or milliseconds since 1970 UTC."""


@final
@dataclass(frozen=True, slots=True)
class FeedEvent:
    """Which part of a message becomes which event: the first that fits `where` (JSON pointers to wanted texts).

    `fields` are pointers by our field, `fixed` texts that are always the same; `decimals` how many digits behind
    the point of a field belong to its whole number. An empty `event_type` means that it is left out.
    """

    event_type: str
    where: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    fixed: tuple[tuple[str, str], ...]
    decimals: tuple[tuple[str, int], ...]
    time: str


@final
@dataclass(frozen=True, slots=True)
class FeedLimits:
    """What is too much. `countries` empty and numbers 0: no limit.

    Of one event: `countries`, `amount_minor` at most, `late_ms` behind the message's record, `member_events` of the
    same member within `every_ms`. Of the feed within `every_ms`: `events`, and `total_minor` of each currency.
    """

    countries: tuple[str, ...] = ()
    amount_minor: int = 0
    late_ms: int = 0
    member_events: int = 0
    events: int = 0
    total_minor: int = 0
    every_ms: int = 86_400_000


@final
@dataclass(frozen=True, slots=True)
class Feed:
    """One partner's feed. `avro` is the schema of its messages, empty for JSON; `list_at` points to the list of things
    in a message, empty where it is about one."""

    feed_id: str
    secret: Secret
    avro: str
    list_at: str
    events: tuple[FeedEvent, ...]
    limits: FeedLimits
