"""What a programme says of households."""

from typing import final


@final
class HouseholdTerms:
    """Members of a household can pool points of `units`, at least `minimum` at once."""

    __slots__ = ("minimum", "units")

    def __init__(self, units: tuple[str, ...], minimum: int) -> None:
        self.units = units
        self.minimum = minimum
