"""What a programme says of its partners: how they are called, what answers mean, and what happens if they fail."""

import re
from dataclasses import dataclass
from typing import Final, final

from pipeline.program.quantities import BadQuantity

_SPAN: Final = re.compile(r"([0-9]{1,6}) ?(ms|s|min|h|d)")
_SPANS_MS: Final = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
SPAN_EXAMPLES: Final = "write a number and a unit: 0s, 500ms, 10s, 5min, 2h, 1d"

MEANINGS: Final = ("confirmed", "pending", "failed", "absent", "retry", "unknown")
"""What an answer can mean, see docs/fulfilment.md."""


def parse_span(text: str) -> int:
    """Milliseconds of a length of time from 0s to 999999d; raises BadQuantity."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise BadQuantity(f"`{text[:40]}` is not a length of time", SPAN_EXAMPLES)
    return int(match[1]) * _SPANS_MS[match[2]]


@final
@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands, never the secret itself: an environment variable or a file, one of them empty."""

    env: str
    file: str


@final
@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who calls: `header: prefix secret`."""

    secret: Secret
    header: str
    prefix: str


@final
@dataclass(frozen=True, slots=True)
class AnswerRule:
    """An answer with one of these statuses (empty: any), whose body has these values at these pointers, means so."""

    means: str
    statuses: tuple[int, ...]
    values: tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True, slots=True)
class CallMapping:
    """One kind of call. Texts may hold placeholders such as {fulfillment_id}; `body` is by JSON pointer, empty: none.

    `reference` and `quantity` are pointers into the answer, or empty.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: tuple[tuple[str, str], ...]
    answers: tuple[AnswerRule, ...]
    reference: str
    quantity: str


@final
@dataclass(frozen=True, slots=True)
class CallbackMapping:
    """What a partner sends by itself: pointers to the fulfilment's id and the partner's own, and what it means."""

    secret: Secret
    fulfillment_id: str
    answers: tuple[AnswerRule, ...]
    reference: str
    quantity: str


@final
@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """So many failures in a row open it; after the pause so many calls at a time try whether the partner is back."""

    failures: int
    pause_ms: int
    probes: int


@final
@dataclass(frozen=True, slots=True)
class Fallback:
    """What is tried when a partner has failed for good: another one, or another reward; one of them is empty."""

    provider: str
    reward: str


@final
@dataclass(frozen=True, slots=True)
class Settlement:
    """What 1,000 points are worth between the programme and the partner, in minor units of a currency."""

    currency: str
    redeemed_minor: int
    issued_minor: int


@final
@dataclass(frozen=True, slots=True)
class Partner:
    """A provider over HTTP. Waits are in ms; `rate` is calls a second, 0 without limit.

    `idempotent` says that a repeated call with the same key is done once. `acts_within_ms` is how long after a call it
    may still act on it: only then "not known" is believed for good. `items` are its names for rewards.
    """

    partner_id: str
    address: str
    credentials: Credentials | None
    signing: Secret | None
    timeout_ms: int
    retries_ms: tuple[int, ...]
    asks_ms: tuple[int, ...]
    acts_within_ms: int
    idempotent: bool
    breaker: BreakerPolicy
    concurrency: int
    rate: int
    fulfil: CallMapping
    ask: CallMapping | None
    cancel: CallMapping | None
    callback: CallbackMapping | None
    fallback: tuple[Fallback, ...]
    items: tuple[tuple[str, str], ...]
    settlement: Settlement | None
