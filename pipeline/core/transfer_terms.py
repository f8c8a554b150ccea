"""What a programme says of points that members give each other."""

from typing import Final, final

from pipeline.core.campaigns import Limit, rolling_windows, unique_windows

OWNER: Final = "transfer"


@final
class TransferTerms:
    """Points of `units` can be given, at least `minimum` at once, by the sender's `limits`.

    `renews`: they expire as if the receiver had earned them when they were sent; else when they would have.
    `window_keys` are the keys in `Member.windows` or `Member.rolling` by limit, `windows` and `rolls` the same without
    repeats, as (key, every) and (key, length in ms).
    """

    __slots__ = ("limits", "minimum", "renews", "rolls", "units", "window_keys", "windows")

    def __init__(self, units: tuple[str, ...], minimum: int, renews: bool, limits: tuple[Limit, ...]) -> None:
        self.units = units
        self.minimum = minimum
        self.renews = renews
        self.limits = limits
        self.window_keys = tuple([f"{OWNER}/{limit.every}" for limit in limits])
        self.windows = unique_windows(OWNER, limits)
        self.rolls = rolling_windows(OWNER, limits)
