"""How pools are named (the kind, then the campaign, the reward, the signal, a name of its own, or household and unit)
and what is asked of them."""

from typing import Final

BUDGET: Final = "budget:"
STOCK: Final = "stock:"
CODES: Final = "codes:"
HOUSEHOLD: Final = "household:"
MEMBERS: Final = "members:"
RING: Final = "ring:"
PARTNER: Final = "partner:"
OF_SIGNALS: Final = (MEMBERS, RING, PARTNER)
"""What a fraud signal counts over many members; then comes its id, and of all but rings a hash, or the partner."""
KINDS: Final = (BUDGET, STOCK, CODES, HOUSEHOLD, *OF_SIGNALS)

TAKE: Final = "take"
GIVE_BACK: Final = "give_back"
LOAD: Final = "load"
NOTE: Final = "note"
QUARANTINE: Final = "quarantine"
"""What can be asked of a pool."""

OF_REDEMPTION: Final = "pool"
OF_RULE: Final = "pool:"
OF_SIGNAL: Final = "signal:"
"""What the id of a request is derived from, beside its event: that a redemption asks, or the rule or signal."""


def has_codes(pool_id: str) -> bool:
    """Whether the pool gives voucher codes."""
    return pool_id.startswith(CODES)


def of_signal(pool_id: str) -> bool:
    """Whether the pool is a fraud signal's: it gives nothing, but says whether something may go on."""
    return pool_id.startswith(OF_SIGNALS)


def signal_of(pool_id: str) -> str:
    """Id of the fraud signal that the pool belongs to."""
    return pool_id.split(":")[1]


def has_points(pool_id: str) -> bool:
    """Whether the pool gives points that members of a household put into it."""
    return pool_id.startswith(HOUSEHOLD)


def household_pool(household_id: str, unit: str) -> str:
    """The pool of a household's points of a unit."""
    return f"{HOUSEHOLD}{household_id}/{unit}"


def household_account(pool_id: str) -> str:
    """The ledger's account of the points in a household's pool, whatever their unit."""
    return pool_id[: pool_id.rindex("/")]
