"""Distances on the globe in whole metres, the same on every machine.

Haversine over a sphere of 6,371,009 m, in whole numbers alone: sines by Taylor's series in units of 10**-18, each step
rounded down, so that nothing depends on a machine's floats or its libm. A float only guesses; the guess is then moved
until whole numbers say that it is the nearest metre, so that its error cannot show.
"""

import math
from typing import Final

RADIUS_M: Final = 6_371_009
ONE: Final = 10**18
PI: Final = 3_141_592_653_589_793_238
HALF_TURN_DEGREES: Final = 180
MICRO: Final = 1_000_000
"""Positions are in millionths of a degree."""
TERMS: Final = 13
TEXTS_KEPT: Final = 256

_texts: Final[dict[str, int]] = {}
"""What the latest texts say. It only saves time: several signals ask for those of one event."""


def micro_degrees(text: str, most: int) -> int | None:
    """Millionths of a degree of a decimal text of up to `most` degrees either way; None for anything else.

    Digits beyond the sixth are cut off.
    """
    found = _texts.get(text)
    if found is None:
        found = decimal(text)
        if found is None:
            return None
        if len(_texts) >= TEXTS_KEPT:
            _texts.clear()
        _texts[text] = found
    return found if abs(found) <= most * MICRO else None


def decimal(text: str) -> int | None:
    """Millionths of a decimal text with up to three digits before the point; None for anything else."""
    sign = -1 if text.startswith("-") else 1
    whole, point, rest = text[1 if sign < 0 else 0 :].partition(".")
    if (
        not whole.isascii()
        or not whole.isdigit()
        or len(whole) > 3
        or (point and not (rest.isascii() and rest.isdigit()))
    ):
        return None
    return sign * (int(whole) * MICRO + int((rest[:6] or "0").ljust(6, "0")))


def sine(angle: int) -> int:
    """Sine of an angle of 0 to half pi, both in units of 10**-18."""
    squared = angle * angle // ONE
    term = angle
    total = angle
    for index in range(1, TERMS):
        term = term * squared // ONE // (2 * index * (2 * index + 1))
        total += -term if index % 2 else term
    return total


def radians(micro: int) -> int:
    """Units of 10**-18 of so many millionths of a degree."""
    return micro * PI // (HALF_TURN_DEGREES * MICRO)


def at_most_metres(lat: int, lon: int, other_lat: int, other_lon: int) -> int:
    """A bound of the distance that costs next to nothing: along a meridian, and along the equator."""
    turn = 360 * MICRO
    east = abs(lon - other_lon) % turn
    return (abs(lat - other_lat) + min(east, turn - east)) * 111_196 // MICRO + 1


def metres(lat: int, lon: int, other_lat: int, other_lon: int) -> int:
    """The distance of two positions in millionths of a degree, rounded to the metre."""
    north = abs(lat - other_lat)
    turn = 360 * MICRO
    east = abs(lon - other_lon) % turn
    east = min(east, turn - east)
    of_north = sine(radians(north) // 2)
    of_east = sine(radians(east) // 2)
    of_lat = sine(radians(90 * MICRO - abs(lat)))
    of_other = sine(radians(90 * MICRO - abs(other_lat)))
    haversine = of_north * of_north // ONE + of_lat * of_other // ONE * (of_east * of_east // ONE) // ONE
    haversine = min(haversine, ONE)
    guess = round(2 * RADIUS_M * math.asin(math.sqrt(haversine / ONE)))
    while guess and half_chord(2 * guess - 1) > haversine:
        guess -= 1
    while half_chord(2 * guess + 1) <= haversine:
        guess += 1
    return guess


def half_chord(half_metres: int) -> int:
    """The haversine of a distance in half metres; above 1 for what is beyond half the globe."""
    angle = half_metres * ONE // (4 * RADIUS_M)
    if angle >= PI // 2:
        return ONE + 1
    found = sine(angle)
    return found * found // ONE
