"""Limits per member and window, calendar or rolling: what is left, what was used, what is given back."""

from typing import Final

from pipeline.core import rolling
from pipeline.core.calendar import Calendar
from pipeline.core.campaigns import Limit
from pipeline.core.member import Member
from pipeline.core.wallet import Window

NOT_LIMITED: Final = ""


def clip(
    member: Member, calendar: Calendar, limits: tuple[Limit, ...], keys: tuple[str, ...], at_ms: int, points: int
) -> tuple[int, str]:
    """(points of an award that the limits allow, the limit that clipped it most or "").

    `keys` are the windows' keys by limit. A late event counts against the newest window. Limits are named such as
    `limit:points/month`, a campaign's such as `campaign:summer:points/month`.
    """
    clipped_by = NOT_LIMITED
    for index, limit in enumerate(limits):
        used_points, used_count = used(member, calendar, limit, keys[index], at_ms)
        if limit.points:
            left = max(limit.points - used_points, 0)
            if left < points:
                points = left
                clipped_by = f"{owner_of(keys[index])}:points/{limit.every}"
        elif used_count >= limit.count and points:
            points = 0
            clipped_by = f"{owner_of(keys[index])}:count/{limit.every}"
    return points, clipped_by


def owner_of(key: str) -> str:
    """How a decision names whose limit it was: the rule's own, or a campaign's."""
    return key.partition("/")[0] if key.startswith("campaign:") else "limit"


def used(member: Member, calendar: Calendar, limit: Limit, key: str, at_ms: int) -> tuple[int, int]:
    """(points, count) that the limit's window has used."""
    if limit.rolling_ms:
        return rolling.used(member.rolling.get(key), limit.rolling_ms, at_ms)
    window = member.windows.get(key)
    if window is None or window.start_ms < calendar.window_start(limit.every, at_ms):
        return 0, 0
    return window.points, window.count


def allows(
    member: Member,
    calendar: Calendar,
    limits: tuple[Limit, ...],
    keys: tuple[str, ...],
    at_ms: int,
    points: int,
    count: int,
) -> bool:
    """Whether all of `points` and `count` are within the limits."""
    for index, limit in enumerate(limits):
        used_points, used_count = used(member, calendar, limit, keys[index], at_ms)
        if limit.points:
            if points + used_points > limit.points:
                return False
        elif count + used_count > limit.count:
            return False
    return True


def use(
    member: Member, calendar: Calendar, windows: tuple[tuple[str, str], ...], at_ms: int, points: int, count: int
) -> None:
    """Count what was given in each (key, every) window; a window that has passed starts anew."""
    for key, every in windows:
        start_ms = calendar.window_start(every, at_ms)
        window = member.windows.get(key)
        if window is None:
            member.windows[key] = Window(start_ms, points, count)
        elif window.start_ms < start_ms:
            window.start_ms = start_ms
            window.points = points
            window.count = count
        else:
            window.points += points
            window.count += count


def give_back(
    member: Member, calendar: Calendar, windows: tuple[tuple[str, str], ...], at_ms: int, points: int, count: int
) -> None:
    """Uncount what was given at `at_ms`, where that window is still the newest."""
    for key, every in windows:
        window = member.windows.get(key)
        if window is not None and window.start_ms == calendar.window_start(every, at_ms):
            window.points = max(window.points - points, 0)
            window.count = max(window.count - count, 0)


def use_rolling(member: Member, rolls: tuple[tuple[str, int], ...], at_ms: int, points: int, count: int) -> None:
    """Count what was given in each rolling (key, length in ms)."""
    for key, length_ms in rolls:
        rolling.use(member.rolling, key, length_ms, at_ms, points, count)


def give_back_rolling(member: Member, rolls: tuple[tuple[str, int], ...], at_ms: int, points: int, count: int) -> None:
    """Uncount what was given at `at_ms`, as far as it is still counted."""
    for key, length_ms in rolls:
        rolling.give_back(member.rolling, key, length_ms, at_ms, points, count)
