"""What is too much for a partner's feed: of one event, and within a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import TransactionCompleted
from pipeline.partners.feed_state import FeedState
from pipeline.program.feeds import FeedLimits

SECOND_MS: Final = 1_000


def stretch_end(limits: FeedLimits, at_ms: int) -> int:
    """When the stretch ends in which a record of this time counts."""
    return (at_ms // limits.every_ms + 1) * limits.every_ms


def amount_of(event: Event) -> tuple[int, str]:
    """Minor units and currency of what an event is about, 0 for nothing."""
    amount: int = getattr(event.payload, "amount_minor", 0)
    return amount, getattr(event.payload, "currency", "")


def beyond(limits: FeedLimits, event: Event, at_ms: int) -> str:
    """Why an event, in a record of this time, is too much by itself; "" where it is not."""
    payload = event.payload
    if limits.countries and isinstance(payload, TransactionCompleted) and payload.country not in limits.countries:
        return f"country is {payload.country!r}, and countries are {', '.join(limits.countries)}"
    amount, currency = amount_of(event)
    if limits.amount_minor and amount > limits.amount_minor:
        return f"amount_minor is {amount} {currency}, and at most {limits.amount_minor} is allowed"
    if limits.late_ms and event.occurred_at_ms < at_ms - limits.late_ms:
        seconds = (at_ms - event.occurred_at_ms) // SECOND_MS
        return f"it occurred {seconds} s ago, and late is {limits.late_ms // SECOND_MS} s"
    return ""


def too_many(limits: FeedLimits, state: FeedState, events: int, totals: Mapping[str, int], at_ms: int) -> str:
    """Why so many more events, with these amounts by currency, are too many for the feed; "" where they are not."""
    same = stretch_end(limits, at_ms) == state.ends_ms
    all_events = events + (state.events if same else 0)
    if limits.events and all_events > limits.events:
        return f"it would be {all_events} events in the stretch, and events is {limits.events}"
    for currency, amount in totals.items():
        total = amount + (state.totals.get(currency, 0) if same else 0)
        if limits.total_minor and total > limits.total_minor:
            return f"it would be {total} {currency} minor units in the stretch, and total_minor is {limits.total_minor}"
    return ""


def count(limits: FeedLimits, state: FeedState, events: int, totals: Mapping[str, int], at_ms: int) -> None:
    """Add so many events to what the feed has had in the stretch."""
    ends_ms = stretch_end(limits, at_ms)
    if ends_ms != state.ends_ms:
        state.ends_ms, state.events, state.totals = ends_ms, 0, {}
    state.events += events
    for currency, amount in totals.items():
        state.totals[currency] = state.totals.get(currency, 0) + amount
