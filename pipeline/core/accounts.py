"""Accounts of the ledger that more than one part of the core names."""

from typing import Final

ISSUED: Final = "program:issued"


def funded_by(provider: str) -> str:
    """The account of points that a partner pays for: what it owes for."""
    return f"partner:{provider}:funded"


def redeemed_at(provider: str) -> str:
    """The account of what was redeemed at a partner: what it is owed for."""
    return f"partner:{provider}:redeemed"
