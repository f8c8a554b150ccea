"""Reads `limit:` of rules and rewards: how much one member can get in each calendar window."""

from typing import Final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.program import Limit
from pipeline.program.problems import Report, Source
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Key, Keys, OneOrMany, Whole
from pipeline.program.yaml_nodes import Listing, Node

EVERY: Final = ("hour", "day", "week", "month", "year", "ever")
MAX_COUNT: Final = 10**9
MAX_LIMITS: Final = 8
PER_MEMBER_KEYS: Final[Keys] = {
    "points": Key(Whole(1, POINTS_MAX), "At most so many points; or `count`."),
    "count": Key(Whole(1, MAX_COUNT), "At most so many times; or `points`."),
    "every": Key(Choice(EVERY), "In each such calendar window, in the programme's zone.", required=True),
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
    every = inner.choice("every", EVERY, "")
    points = inner.integer("points", 1, POINTS_MAX)
    count = inner.integer("count", 1, MAX_COUNT)
    if not every or (points is None and count is None):
        return None
    return Limit(points or 0, count or 0, every)
