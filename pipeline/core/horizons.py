"""How far back and ahead the log reaches: duplicate search, late and early events, activations."""

from typing import Final, final

from pipeline.core.calendar import DAY_MS

MINUTE_MS: Final = 60_000

TICK_GRACE_MS: Final = 15 * MINUTE_MS
"""A tick applies what was due this long before its time: no member's record can still arrive behind that."""


@final
class Horizons:
    """Times in ms.

    `duplicates_ms`: an id is remembered that long. `past_ms`, `future_ms`: an event is valid if it occurred at most so
    long before or after its record's timestamp. `activation_lead_ms`: a programme is activated at least so long before
    it takes effect. Raises ValueError unless an id is remembered for longer than its event can be valid, with the
    tick's grace for disorder.
    """

    __slots__ = ("activation_lead_ms", "duplicates_ms", "future_ms", "past_ms")

    def __init__(
        self,
        duplicates_ms: int = 90 * DAY_MS,
        past_ms: int = 89 * DAY_MS,
        future_ms: int = 5 * MINUTE_MS,
        activation_lead_ms: int = 5 * MINUTE_MS,
    ) -> None:
        if duplicates_ms < past_ms + future_ms + TICK_GRACE_MS:
            raise ValueError(
                f"duplicates_ms is {duplicates_ms} and must be at least past_ms + future_ms + {TICK_GRACE_MS} = "
                f"{past_ms + future_ms + TICK_GRACE_MS}: else an event could be repeated after its id is forgotten"
            )
        if activation_lead_ms < future_ms:
            raise ValueError(
                f"activation_lead_ms is {activation_lead_ms} and must be at least future_ms = {future_ms}: "
                f"else an event could be decided before the activation that governs it"
            )
        self.duplicates_ms = duplicates_ms
        self.past_ms = past_ms
        self.future_ms = future_ms
        self.activation_lead_ms = activation_lead_ms
