"""Limits per member and calendar window: what is left, what was used, what is given back."""

from typing import Final

from pipeline.core.calendar import Calendar
from pipeline.core.member import Member
from pipeline.core.program import Limit
from pipeline.core.wallet import Window

NOT_LIMITED: Final = ""


def clip(
    member: Member, calendar: Calendar, limits: tuple[Limit, ...], keys: tuple[str, ...], at_ms: int, points: int
) -> tuple[int, str]:
    """(points of an award that the limits allow, the limit that clipped it most or "").

    `keys` are the windows' keys by limit. A late event counts against the newest window. Limits are named such as
    `limit:points/month`.
    """
    clipped_by = NOT_LIMITED
    for index, limit in enumerate(limits):
        window = member.windows.get(keys[index])
        if window is not None and window.start_ms < calendar.window_start(limit.every, at_ms):
            window = None
        if limit.points:
            left = limit.points if window is None else max(limit.points - window.points, 0)
            if left < points:
                points = left
                clipped_by = f"limit:points/{limit.every}"
        elif window is not None and window.count >= limit.count and points:
            points = 0
            clipped_by = f"limit:count/{limit.every}"
    return points, clipped_by


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
        window = member.windows.get(keys[index])
        if window is not None and window.start_ms < calendar.window_start(limit.every, at_ms):
            window = None
        if limit.points:
            if points + (0 if window is None else window.points) > limit.points:
                return False
        elif count + (0 if window is None else window.count) > limit.count:
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
