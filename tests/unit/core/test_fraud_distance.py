"""Distances in whole metres: against known ones, against floats, and at the corners of the globe."""

from __future__ import annotations

import math
import random

import pytest

from pipeline.core.fraud_distance import MICRO, RADIUS_M, at_most_metres, metres, micro_degrees, sine

BERLIN, SYDNEY = (52_520_008, 13_404_954), (-33_868_820, 151_209_290)


def by_floats(lat: int, lon: int, other_lat: int, other_lon: int) -> float:
    a, b, c, d = (math.radians(one / MICRO) for one in (lat, lon, other_lat, other_lon))
    h = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * RADIUS_M * math.asin(math.sqrt(min(h, 1)))


def test_a_known_distance() -> None:
    assert 16_080_000 < metres(*BERLIN, *SYDNEY) < 16_100_000


def test_it_is_the_nearest_metre() -> None:
    draw = random.Random(7)
    for _ in range(500):
        place = (draw.randrange(-90, 91) * MICRO, draw.randrange(-180, 181) * MICRO)
        near = draw.choice([10, 1_000, 100_000, 20_000_000])
        other = (
            max(min(place[0] + draw.randrange(-near, near), 90 * MICRO), -90 * MICRO),
            place[1] + draw.randrange(near),
        )
        expected = by_floats(*place, *other)
        assert abs(metres(*place, *other) - expected) <= 0.5 + 1e-6 * max(expected, 1)
        assert at_most_metres(*place, *other) >= metres(*place, *other)


def test_the_corners_of_the_globe() -> None:
    assert metres(0, 0, 0, 0) == 0
    assert metres(90 * MICRO, 0, -90 * MICRO, 0) == round(math.pi * RADIUS_M)
    assert metres(0, 179_999_999, 0, -179_999_999) == 0, "across the date line"
    assert metres(*BERLIN, *SYDNEY) == metres(*SYDNEY, *BERLIN)


def test_sines_are_exact_to_a_few_units() -> None:
    for degrees in range(91):
        angle = degrees * 3_141_592_653_589_793_238 // 180
        assert abs(sine(angle) - round(math.sin(math.radians(degrees)) * 10**18)) < 1_000


@pytest.mark.parametrize(
    ("text", "micro"),
    [("52.520008", 52_520_008), ("-0.5", -500_000), ("90", 90_000_000), ("1.23456789", 1_234_567)]
    + [(wrong, None) for wrong in ("", "x", "90.1", "1e3", "1.", ".5", "١", "--1", "1.2.3")],
)
def test_degrees_are_read_exactly(text: str, micro: int | None) -> None:
    assert micro_degrees(text, 90) == micro
