"""Calendar arithmetic: anchored months, windows in a zone, days on which clocks change, and official vectors."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from core_programs import DAY_MS, HOUR_MS, ms
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.calendar import EVERY, Calendar, days_in_month, iso_utc

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "calendar.json"
ZONES = ["UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]


def rows(op: str) -> list[dict[str, object]]:
    if not VECTORS.is_file():
        return []
    return [row for row in json.loads(VECTORS.read_text())["rows"] if row["op"] == op]


def need(op: str) -> list[dict[str, object]]:
    found = rows(op)
    if not found:
        pytest.skip(f"the official vectors are not beside the checkout: {VECTORS.name}")
    return found


def day_after(calendar: Calendar, start: str, months: int) -> str:
    return iso_utc(calendar.add(ms(start), months, 0))[:10]


def test_official_month_series_keep_the_day_of_their_anchor() -> None:
    calendar = Calendar(ZoneInfo("UTC"))

    for row in need("month_anchor_series"):
        count = row["n"]
        assert isinstance(count, int)
        assert [day_after(calendar, str(row["anchor"]), number) for number in range(count)] == row["dates"]


def test_official_last_valid_days_fall_on_the_last_day_of_a_shorter_month() -> None:
    calendar = Calendar(ZoneInfo("UTC"))

    for row in need("last_valid_day"):
        months = row["months"]
        assert isinstance(months, int)
        assert day_after(calendar, str(row["earned"]), months) == row["last_day"]


def test_official_local_times_that_clocks_skip_or_repeat() -> None:
    """A month after the same local time in the month before lands on a skipped or repeated time."""
    for row in need("local_to_utc"):
        zone = ZoneInfo(str(row["zone"]))
        local = datetime.fromisoformat(str(row["local"]))
        month_before = local.replace(month=local.month - 1, tzinfo=zone)

        moved_ms = Calendar(zone).add(int(month_before.timestamp()) * 1000, 1, 0)

        assert iso_utc(moved_ms) == row["utc"]


def test_official_lengths_of_days_on_which_clocks_change() -> None:
    for row in need("day_length_hours"):
        calendar = Calendar(ZoneInfo(str(row["zone"])))
        noon = datetime.fromisoformat(f"{row['local_day']}T12:00:00").replace(tzinfo=calendar.zone)
        noon_ms = int(noon.timestamp()) * 1000

        day_ms = calendar.window_start("day", noon_ms + DAY_MS) - calendar.window_start("day", noon_ms)

        hours = row["hours"]
        assert isinstance(hours, int)
        assert day_ms == hours * HOUR_MS


def test_31_january_and_a_month_is_the_last_of_february_and_two_are_31_march() -> None:
    calendar = Calendar(ZoneInfo("Europe/Amsterdam"))
    start = ms("2026-01-31T10:15:30.123+01:00")

    assert calendar.add(start, 1, 0) == ms("2026-02-28T10:15:30.123+01:00")
    assert calendar.add(start, 2, 0) == ms("2026-03-31T10:15:30.123+02:00")
    assert calendar.add(start, 25, 0) == ms("2028-02-29T10:15:30.123+01:00")


def test_months_keep_the_local_time_across_a_change_of_clocks_and_milliseconds_do_not() -> None:
    calendar = Calendar(ZoneInfo("Europe/Amsterdam"))
    before = ms("2026-03-28T12:00:00+01:00")

    assert calendar.add(before, 1, 0) == ms("2026-04-28T12:00:00+02:00")
    assert calendar.add(before, 0, DAY_MS) == ms("2026-03-29T13:00:00+02:00")
    assert calendar.add(before, 1, 7) == ms("2026-04-28T12:00:00+02:00") + 7


def test_months_that_end_on_a_day_of_changing_clocks() -> None:
    calendar = Calendar(ZoneInfo("Europe/Amsterdam"))

    assert calendar.add(ms("2026-01-29T02:30:00+01:00"), 2, 0) == ms("2026-03-29T03:30:00+02:00")
    assert calendar.add(ms("2026-01-29T12:00:00+01:00"), 2, 0) == ms("2026-03-29T12:00:00+02:00")
    assert calendar.add(ms("2026-01-29T12:30:00+01:00"), 2, 0) == ms("2026-03-29T12:30:00+02:00")
    assert calendar.add(ms("2026-09-25T02:30:00+02:00"), 1, 0) == ms("2026-10-25T02:30:00+02:00")
    assert calendar.add(ms("2026-09-25T12:00:00+02:00"), 1, 0) == ms("2026-10-25T12:00:00+01:00")


def test_a_repeated_time_moved_to_a_repeated_time_is_its_first_occurrence() -> None:
    calendar = Calendar(ZoneInfo("Europe/Amsterdam"))

    assert calendar.add(ms("2020-10-25T02:30:00+01:00"), 72, 0) == ms("2026-10-25T02:30:00+02:00")


def test_months_from_before_and_after_a_change_of_clocks_within_one_hour() -> None:
    calendar = Calendar(ZoneInfo("Australia/Lord_Howe"))  # at 02:00 it is 02:30

    assert calendar.add(ms("2026-10-04T01:40:00+10:30"), 1, 0) == ms("2026-11-04T01:40:00+11:00")
    assert calendar.add(ms("2026-10-04T02:45:00+11:00"), 1, 0) == ms("2026-11-04T02:45:00+11:00")


def test_an_iso_week_starts_on_monday_even_across_the_year() -> None:
    calendar = Calendar(ZoneInfo("UTC"))

    assert calendar.window_start("week", ms("2027-01-03T23:59:59")) == ms("2026-12-28")
    assert calendar.window_start("week", ms("2027-01-04")) == ms("2027-01-04")


def test_windows_start_at_local_midnight() -> None:
    calendar = Calendar(ZoneInfo("Asia/Kolkata"))
    at = ms("2026-05-17T20:00:00+00:00")  # 18 May, 01:30 there

    assert calendar.window_start("hour", at) == ms("2026-05-18T01:00:00+05:30")
    assert calendar.window_start("day", at) == ms("2026-05-18T00:00:00+05:30")
    assert calendar.window_start("month", at) == ms("2026-05-01T00:00:00+05:30")
    assert calendar.window_start("year", at) == ms("2026-01-01T00:00:00+05:30")
    assert calendar.window_start("ever", at) == 0
    assert calendar.year(ms("2025-12-31T19:00:00")) == 2026
    assert calendar.year_start(2026) == ms("2026-01-01T00:00:00+05:30")


def test_each_of_the_two_hours_of_the_same_name_is_a_window_of_its_own() -> None:
    calendar = Calendar(ZoneInfo("Europe/Amsterdam"))
    first, second = ms("2026-10-25T02:30:00+02:00"), ms("2026-10-25T02:30:00+01:00")

    assert calendar.window_start("hour", first) == ms("2026-10-25T02:00:00+02:00")
    assert calendar.window_start("hour", second) == ms("2026-10-25T02:00:00+01:00")


def test_a_day_without_midnight_starts_when_the_clocks_change() -> None:
    calendar = Calendar(ZoneInfo("America/Sao_Paulo"))
    noon = ms("2018-11-04T12:00:00-02:00")

    assert calendar.window_start("day", noon) == ms("2018-11-04T03:00:00")
    assert calendar.window_start("day", ms("2018-11-04T02:59:59")) == ms("2018-11-03T03:00:00")


def test_a_day_that_comes_back_after_midnight_is_not_begun_twice() -> None:
    zone = ZoneInfo("America/St_Johns")  # at 00:01 on the 7th it was 23:01 on the 6th again

    for at in ("2010-11-07T00:00:30-02:30", "2010-11-06T23:30:00-03:30", "2010-11-07T12:00:00-03:30"):
        assert Calendar(zone).window_start("day", ms(at)) == ms("2010-11-07T00:00:00-02:30")


def test_a_midnight_that_clocks_skip_leaves_no_time_outside_its_window() -> None:
    calendar = Calendar(ZoneInfo("America/Toronto"))  # at 23:30 on 30 March 1919 it was 00:30 on the 31st
    skipped = ms("1919-03-31T00:40:00-04:00")

    assert calendar.window_start("day", skipped) == ms("1919-03-30T00:00:00-05:00")
    assert calendar.window_start("day", ms("1919-03-31T12:00:00-04:00")) == ms("1919-03-31T05:00:00")


def test_an_unknown_window_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'decade'; it must be one of hour, day, week, month, year, ever"):
        Calendar(ZoneInfo("UTC")).window_start("decade", 0)


instants = st.integers(ms("1995-01-01"), ms("2035-01-01"))


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(EVERY), st.lists(instants, min_size=2, max_size=8))
def test_windows_never_go_back_and_memory_changes_no_answer(zone: str, every: str, at: list[int]) -> None:
    remembering = Calendar(ZoneInfo(zone))

    starts = [remembering.window_start(every, one) for one in at]

    assert starts == [Calendar(ZoneInfo(zone)).window_start(every, one) for one in at]
    assert all(start <= one for start, one in zip(starts, at, strict=True))
    assert [start for _, start in sorted(zip(at, starts, strict=True))] == sorted(starts)


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.lists(st.tuples(instants, st.integers(1, 40)), min_size=1, max_size=8))
def test_months_move_the_local_date_and_keep_the_local_time(zone_name: str, moves: list[tuple[int, int]]) -> None:
    """Against `datetime`, for several moves by one calendar: what it remembers from one must not change another."""
    zone = ZoneInfo(zone_name)
    calendar = Calendar(zone)

    for at, months in moves + [(one + HOUR_MS // 2, months) for one, months in moves]:
        local = datetime.fromtimestamp(at // 1000, UTC).astimezone(zone)
        year, month0 = divmod(local.year * 12 + local.month - 1 + months, 12)
        last_day = (date(year + month0 // 11, (month0 + 1) % 12 + 1, 1) - timedelta(days=1)).day
        expected = local.replace(year=year, month=month0 + 1, day=min(local.day, last_day), fold=0)
        assert calendar.add(at, months, 0) == int(expected.timestamp()) * 1000 + at % 1000


def test_lengths_of_months() -> None:
    assert [days_in_month(2023, month) for month in range(1, 13)] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert [days_in_month(year, 2) for year in (1900, 2000, 2024)] == [28, 29, 29]


def test_times_are_shown_in_utc_with_milliseconds_only_where_there_are_any() -> None:
    assert iso_utc(ms("2026-01-31T10:00:00+01:00")) == "2026-01-31T09:00:00Z"
    assert iso_utc(ms("2026-01-31") + 5) == "2026-01-31T00:00:00.005Z"
