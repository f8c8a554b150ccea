"""Reads `limit:` of rules, campaigns and rewards: how much one member can get in each calendar or rolling window."""

from typing import Final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.campaigns import Limit
from pipeline.program.problems import Report, Source
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Key, Keys, Length, OneOrMany, ShortOrFields, Whole
from pipeline.program.yaml_nodes import Listing, Mapping, Node

EVERY: Final = ("hour", "day", "week", "month", "year", "ever")
MAX_COUNT: Final = 10**9
MAX_LIMITS: Final = 8
ROLLING_KEYS: Final[Keys] = {
    "rolling": Key(Length(months=False), "Within any time of this length, such as 30d.", required=True)
}
PER_MEMBER_KEYS: Final[Keys] = {
    "points": Key(Whole(1, POINTS_MAX), "At most so many points; or `count`."),
    "count": Key(Whole(1, MAX_COUNT), "At most so many times; or `points`."),
    "every": Key(
        ShortOrFields(Choice(EVERY), Fields(ROLLING_KEYS)),
        "In each such calendar window, in the programme's zone; or within any time of a length.",
        required=True,
    ),
}
KEYS: Final[Keys] = {
    "per_member": Key(Fields(PER_MEMBER_KEYS, ("points", "count")), "How much one member can get.", required=True)
}
LIMITS: Final = OneOrMany(Fields(KEYS), MAX_LIMITS)


def read_limits(report: Report, source: Source, node: Node | None, what: str) -> tuple[Limit, ...]:
    """The limits of a rule or reward: one mapping, or a list of them; none where `node` is None."""
    if node is None:
        return ()
    nodes = node.items if isinstance(node, Listing) else [node]
    if not nodes or len(nodes) > MAX_LIMITS:
        report.error(
            source, node.start, f"`limit` lists {len(nodes)} limits", f"list 1 to {MAX_LIMITS}, or leave the key out"
        )
        return ()
    limits: list[Limit] = []
    for each in nodes:
        limit = _limit(report, source, each, what)
        if limit is None:
            continue
        if any(other.every == limit.every and (other.points > 0) == (limit.points > 0) for other in limits):
            kind = "points" if limit.points else "count"
            report.error(source, each.start, f"a second limit of {kind} every {limit.every}", "keep the lower one")
        limits.append(limit)
    return tuple(limits)


def _limit(report: Report, source: Source, node: Node, what: str) -> Limit | None:
    outer = Section(report, source, node, f"limit of {what}", KEYS)
    if not outer.readable or not outer.require("per_member"):
        return None
    inner = outer.section("per_member", f"per_member of {what}", PER_MEMBER_KEYS)
    if inner is None or not inner.readable or not inner.require("every"):
        return None
    if ("points" in inner) == ("count" in inner):
        advice = "write `points: N` for points, or `count: N` for times"
        outer.refuse("per_member", "a limit needs either `points` or `count`", advice)
        return None
    every, rolling_ms = _every(inner)
    points = inner.integer("points", 1, POINTS_MAX)
    count = inner.integer("count", 1, MAX_COUNT)
    if not every or (points is None and count is None):
        return None
    return Limit(points or 0, count or 0, every, rolling_ms)


def _every(section: Section) -> tuple[str, int]:
    """(name of the window, its length in ms if it rolls, else 0); the name is empty where the value is wrong."""
    if not isinstance(section.node("every"), Mapping):
        return section.choice("every", EVERY, ""), 0
    inner = section.section("every", f"every of {section.what}", ROLLING_KEYS)
    if inner is None or not inner.readable or not inner.require("rolling"):
        return "", 0
    period = inner.period("rolling")
    if period is None:
        return "", 0
    if period.months:
        advice = f"write days: {period.months * 30}d, or `every: month` for calendar months"
        inner.refuse("rolling", "a rolling window must have a fixed length, and months have not", advice)
        return "", 0
    for unit, length_ms in (("d", 86_400_000), ("h", 3_600_000)):
        if period.ms % length_ms == 0:
            return f"rolling:{period.ms // length_ms}{unit}", period.ms
    return f"rolling:{period.ms // 60_000}min", period.ms
