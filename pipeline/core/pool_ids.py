"""How pools are named (the kind, then the campaign, the reward, or a name of its own) and what is asked of them."""

from typing import Final

BUDGET: Final = "budget:"
STOCK: Final = "stock:"
CODES: Final = "codes:"
KINDS: Final = (BUDGET, STOCK, CODES)

TAKE: Final = "take"
GIVE_BACK: Final = "give_back"
LOAD: Final = "load"
"""What can be asked of a pool."""


def has_codes(pool_id: str) -> bool:
    """Whether the pool gives voucher codes."""
    return pool_id.startswith(CODES)
