"""Time zones from the pinned tzdata package, never from the machine."""

import re
import struct
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo

import tzdata

TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION


MAX_ZONE_BYTES: Final = 65_536
_HEADER: Final = struct.Struct(">20x6L")
_FOOTER: Final = re.compile(rb"\n[^\n]*\n")


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
    if len(data) > MAX_ZONE_BYTES or not _FOOTER.fullmatch(data, _footer_start(data)):
        raise ValueError("not the rules of a zone")
    try:
        return ZoneInfo.from_file(BytesIO(data), key=name)
    except (struct.error, ArithmeticError, AssertionError, LookupError, TypeError) as error:
        raise ValueError(f"not the rules of a zone: {error!r}") from error


def _footer_start(data: bytes) -> int:
    """Where the last line begins by the counts of both headers (RFC 8536); the standard library takes it on trust."""
    position = 0
    for time_bytes in (4, 8):
        if not data.startswith(b"TZif", position) or len(data) < position + _HEADER.size:
            return len(data)
        utc_count, standard_count, leaps, times, types, characters = _HEADER.unpack_from(data, position)
        position += _HEADER.size + times * (time_bytes + 1) + types * 6 + characters
        position += leaps * (time_bytes + 4) + standard_count + utc_count
    return position
