"""Times of the log, ms since 1970 UTC, as ISO 8601 text and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from pipeline.wire.binary import LONG_MAX

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class InvalidTime(ValueError):
    """Text that is no ISO 8601 time with a zone; the message names it and the remedy."""


def time_ms(value: object) -> int:
    """ms since 1970 UTC of an ISO 8601 time with a zone; what is finer is cut off.

    A whole number is taken as ms since 1970, for times outside years 1 to 9999. Raises InvalidTime.
    """
    if isinstance(value, int) and not isinstance(value, bool) and -LONG_MAX - 1 <= value <= LONG_MAX:
        return value
    if not isinstance(value, str):
        raise InvalidTime(f"expected a time such as 2026-03-01T09:30:00Z, found {value!r}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidTime(f"{value!r} is no ISO 8601 time such as 2026-03-01T09:30:00Z: {error}") from None
    if moment.tzinfo is None:
        raise InvalidTime(f"{value!r} has no zone: append Z for UTC, or an offset such as +01:00")
    return (moment - _EPOCH) // _MS


def time_text(value_ms: int) -> str | int:
    """ISO 8601 in UTC, such as 2026-03-01T09:30:00.250Z; the number itself outside years 1 to 9999."""
    try:
        moment = _EPOCH + value_ms * _MS
    except OverflowError:
        return value_ms
    text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"
