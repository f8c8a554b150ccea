"""What webhooks.yaml says: which downstream teams are told of what, where, and how it is signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pipeline.program.partners import Secret


@final
@dataclass(frozen=True, slots=True)
class Webhook:
    """One subscription. `retries_ms` are the waits before each attempt; after the last one it is given up."""

    webhook_id: str
    url: str
    kinds: tuple[str, ...]
    signing: Secret
    timeout_ms: int
    retries_ms: tuple[int, ...]
