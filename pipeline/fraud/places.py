"""Where the people of the trial live and go, and how long honest people take from one place to another."""

import random
from typing import Final, NamedTuple

from pipeline.core.fraud_distance import MICRO, metres

JITTER_DEGREES: Final = 0.02
"""About 2 km: a phone does not tell the same spot twice."""
FLIGHT_KM_H: Final = 800
AIRPORTS_MS: Final = 2 * 3_600_000
MS_PER_HOUR: Final = 3_600_000


class Spot(NamedTuple):
    """A town: its country, and degrees of latitude and longitude."""

    town: str
    country: str
    lat: float
    lon: float


HOMES: Final = (
    Spot("new-york", "US", 40.71, -74.01),
    Spot("boston", "US", 42.36, -71.06),
    Spot("chicago", "US", 41.88, -87.63),
    Spot("dallas", "US", 32.78, -96.80),
    Spot("denver", "US", 39.74, -104.99),
    Spot("seattle", "US", 47.61, -122.33),
    Spot("san-diego", "US", 32.72, -117.16),
    Spot("miami", "US", 25.76, -80.19),
    Spot("atlanta", "US", 33.75, -84.39),
    Spot("portland", "US", 45.52, -122.68),
)
ABROAD: Final = (
    Spot("cancun", "MX", 21.16, -86.85),
    Spot("toronto", "CA", 43.65, -79.38),
    Spot("london", "GB", 51.51, -0.13),
    Spot("paris", "FR", 48.86, 2.35),
    Spot("rome", "IT", 41.90, 12.50),
    Spot("lagos", "NG", 6.52, 3.38),
    Spot("moscow", "RU", 55.76, 37.62),
    Spot("tokyo", "JP", 35.68, 139.69),
    Spot("manila", "PH", 14.60, 120.98),
    Spot("sydney", "AU", -33.87, 151.21),
)
DENIED: Final = (Spot("pyongyang", "KP", 39.04, 125.76), Spot("tehran", "IR", 35.69, 51.39))


def near(draw: random.Random, spot: Spot, degrees: float = JITTER_DEGREES) -> Spot:
    """Somewhere in the town."""
    return spot._replace(lat=spot.lat + draw.uniform(-degrees, degrees), lon=spot.lon + draw.uniform(-degrees, degrees))


def elsewhere(draw: random.Random, spot: Spot, among: tuple[Spot, ...]) -> Spot:
    """Another town than this one."""
    return draw.choice([one for one in among if one.town != spot.town])


def journey_ms(one: Spot, other: Spot) -> int:
    """How long a flight takes from door to door."""
    distance_m = metres(*(round(degrees * MICRO) for degrees in (one.lat, one.lon, other.lat, other.lon)))
    return AIRPORTS_MS + distance_m * MS_PER_HOUR // (FLIGHT_KM_H * 1000)
