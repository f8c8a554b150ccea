"""Whose purchases the trial stands on: generated shoppers, as the demo has them, or the rows of a file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.demo.shoppers import shoppers, write_purchases
from pipeline.history.purchases import read_purchases

CURRENCY: Final = "USD"


class Bought(NamedTuple):
    """A purchase: when, and what was paid in minor units."""

    at_ms: int
    amount_minor: int


def customers(path: Path | None, count: int, seed: int) -> list[list[Bought]]:
    """Purchases by customer, each in order of time: of a file, or of `count` generated shoppers.

    Raises what `read_purchases` raises; rows that are no purchase are left out.
    """
    if path is not None:
        return _by_customer(path)
    with tempfile.TemporaryDirectory() as directory:
        generated = Path(directory) / "purchases.txt"
        write_purchases(generated, shoppers(count, seed))
        return _by_customer(generated)


def _by_customer(path: Path) -> list[list[Bought]]:
    found: dict[str, list[Bought]] = {}
    for purchase in read_purchases(path, {}, CURRENCY, ZoneInfo("America/New_York")).purchases:
        found.setdefault(purchase.member_id, []).append(Bought(purchase.occurred_at_ms, purchase.amount_minor))
    return [found[member_id] for member_id in sorted(found)]


def regulars(lives: Iterator[list[Bought]], purchases: int) -> list[Bought]:
    """The next customers' purchases as one's, until there are so many: most customers buy once, thieves look for
    those who buy more. Raises StopIteration when no customer is left."""
    bought = list(next(lives))
    while len(bought) < purchases:
        bought += next(lives)
    return sorted(bought)
