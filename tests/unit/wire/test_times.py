"""Times of the log as ISO 8601 text and back."""

from __future__ import annotations

import pytest

from pipeline.wire.times import InvalidTime, time_ms, time_text


@pytest.mark.parametrize(
    ("text", "value_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-01T09:30:00Z", 1_772_357_400_000),
        ("2026-03-01T10:30:00+01:00", 1_772_357_400_000),
        ("2026-03-01T09:30:00.250Z", 1_772_357_400_250),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_text_is_read_in_any_zone(text: str, value_ms: int) -> None:
    assert time_ms(text) == value_ms


@pytest.mark.parametrize(
    ("text", "value_ms"), [("1970-01-01T00:00:00.0019999Z", 1), ("1969-12-31T23:59:59.999999Z", -1)]
)
def test_what_is_finer_than_a_millisecond_is_cut_off(text: str, value_ms: int) -> None:
    assert time_ms(text) == value_ms


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_772_357_400_250, "2026-03-01T09:30:00.250Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_text_is_written_in_utc(value_ms: int, text: str) -> None:
    assert time_text(value_ms) == text
    assert time_ms(text) == value_ms


@pytest.mark.parametrize("value_ms", [-62_135_596_800_001, 253_402_300_800_000, (1 << 63) - 1, -(1 << 63)])
def test_a_time_without_a_date_is_the_number_itself(value_ms: int) -> None:
    assert time_text(value_ms) == value_ms
    assert time_ms(value_ms) == value_ms


@pytest.mark.parametrize("value", ["2026-03-01T09:30:00", "2026-02-30T00:00:00Z", "9:30", "", None, True, 1.5, 1 << 63])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(InvalidTime):
        time_ms(value)
