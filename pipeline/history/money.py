"""Amounts as people write them, turned exactly into integers of the currency's minor unit."""

from decimal import Decimal, InvalidOperation
from typing import Final

# fmt: off
_EXPONENTS: Final = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}
# fmt: on
"""Decimals of the minor unit where they are not two (ISO 4217)."""

LARGEST_MINOR: Final = 2**63 - 1


class BadAmountError(ValueError):
    """An amount that is not exactly so many minor units; the message says how to write it."""


def exponent_of(currency: str) -> int:
    """How many decimals the currency's minor unit has: 2 for USD, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


def minor_units(text: str, currency: str) -> int:
    """The amount in minor units: "11.77" USD is 1177, "500" JPY is 500. Nothing is ever rounded.

    Raises BadAmountError for what is no plain number, has more decimals than the currency, or 64 bits cannot hold.
    """
    exponent = exponent_of(currency)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise BadAmountError(
            "is no number: write it plainly, with a point before the decimals and no sign of currency"
        ) from None
    if not amount.is_finite():
        raise BadAmountError("is no finite number: write a plain decimal number")
    _, digits, power = amount.as_tuple()
    if isinstance(power, int) and len(digits) + power > 20:
        raise BadAmountError("is larger than any amount of money: check the column")
    minor = amount.scaleb(exponent)
    if minor != minor.to_integral_value():
        raise BadAmountError(f"has more decimals than the {exponent} of {currency}: round it where it comes from")
    if abs(minor) > LARGEST_MINOR:
        raise BadAmountError("is larger than any amount of money: check the column")
    return int(minor)
