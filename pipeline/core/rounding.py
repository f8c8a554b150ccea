"""Rounding of non-negative fractions to whole numbers, by name."""


def rounded(numerator: int, denominator: int, rounding: str) -> int:
    """A non-negative fraction as a whole number: floor, ceiling, half_up or half_even."""
    quotient, rest = divmod(numerator, denominator)
    if not rest or rounding == "floor":
        return quotient
    if rounding == "ceiling":
        return quotient + 1
    if rounding == "half_up":
        return quotient + (2 * rest >= denominator)
    assert rounding == "half_even", f"rounding is {rounding!r}"
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))
