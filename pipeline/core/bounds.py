"""Ranges that keep every amount and every sum far inside 64 bits, and inside what a JSON reader holds exactly."""

from typing import Final

AMOUNT_MINOR_MAX: Final = 10**12
"""Largest amount of money in one event, in minor units; also of a number attribute."""

POINTS_MAX: Final = 10**12
"""Most points that one rule, adjustment or reward moves at once."""

WALLET_MAX: Final = 2**53 - 1
"""Most points that a wallet holds in all, and most debt it owes; also most qualifying points of a year."""

QUANTITY_MAX: Final = 10**6
"""Most pieces in one redemption or order line."""

MONTHS_MAX: Final = 1200
"""Longest subscription period, in months."""

TEXT_MAX: Final = 256
"""Longest id, in characters."""
