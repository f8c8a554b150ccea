"""Time zones from the pinned tzdata package, never from the machine."""

from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo

import tzdata

TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION


@cache
def zone_names() -> frozenset[str]:
    """Every zone of the package."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def zone_data(name: str) -> bytes:
    """The zone's compiled rules (TZif). Raises KeyError for an unknown zone."""
    if name not in zone_names():
        raise KeyError(name)
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def load_zone(name: str, data: bytes) -> ZoneInfo:
    """A zone from its compiled rules. Raises ValueError if they are damaged."""
    return ZoneInfo.from_file(BytesIO(data), key=name)
