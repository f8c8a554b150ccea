"""Reads `expires` of units and awards: a length of time, the end of a month or year, or sliding with activity."""

from typing import Final

from pipeline.core.program import Period, Unit
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Key, Keys, Length, ShortOrFields
from pipeline.program.yaml_nodes import Mapping, Node, Scalar

NEVER: Final = Period(0, 0)
ENDS: Final = ("month", "year")
SLIDES_BY: Final = ("earning", "earning_or_redeeming")
DATE_KEYS: Final[Keys] = {
    "after": Key(Length(), "How long points live once they are available."),
    "end_of": Key(Choice(ENDS), "They live on to the end of the calendar month or year in which that is."),
}
SLIDING_KEYS: Final[Keys] = {
    "sliding": Key(Length(), "How long all points of the unit live after the latest activity."),
    "by": Key(Choice(SLIDES_BY), "What counts as activity.", default=SLIDES_BY[0], beside="sliding"),
}
UNIT_EXPIRES: Final = ShortOrFields(Length(never=True), Fields({**DATE_KEYS, **SLIDING_KEYS}), long_for="after")
AWARD_EXPIRES: Final = ShortOrFields(Length(never=True), Fields(DATE_KEYS), long_for="after")


def expires(section: Section) -> Period | None:
    """Value of `expires`: a length of time, `never`, or {end_of, after}; None where absent or wrong."""
    node = section.node("expires")
    if isinstance(node, Scalar) and node.value == "never":
        return NEVER
    if not isinstance(node, Mapping):
        return section.period("expires")
    keys = {**DATE_KEYS, **SLIDING_KEYS} if section.what.startswith("unit ") else DATE_KEYS
    inner = section.section("expires", f"expires of {section.what}", keys)
    if inner is None or not inner.readable:
        return None
    if "after" not in inner and "end_of" not in inner:
        inner.require("after")
        return None
    if "by" in inner:
        inner.refuse("by", "`by` belongs to `sliding`", "remove it, or write `sliding: 12mo`")
    after = inner.period("after") if "after" in inner else NEVER
    end_of = inner.choice("end_of", ENDS, "")
    if after is None or ("end_of" in inner and not end_of):
        return None
    return Period(after.months, after.ms, end_of)


def read_sliding(section: Section, name: str, rounding: str) -> Unit | None:
    """The unit where its `expires` is {sliding, by}; None where it is something else, or wrong."""
    node = section.node("expires")
    if not is_sliding(node):
        return None
    inner = section.section("expires", f"expires of {section.what}", {**SLIDING_KEYS, **DATE_KEYS})
    assert inner is not None
    for key in DATE_KEYS:
        if key in inner:
            inner.refuse(key, f"`{key}` cannot stand beside `sliding`", "keep one of the two")
    lasts = inner.period("sliding")
    by_redeeming = inner.choice("by", SLIDES_BY, SLIDES_BY[0]) == SLIDES_BY[1]
    # A unit whose period is wrong stays sliding, so that its awards are judged as such.
    return Unit(name, rounding, lasts or NEVER, True, by_redeeming)


def is_sliding(node: Node | None) -> bool:
    """Whether a value of `expires` is a mapping with `sliding`."""
    return isinstance(node, Mapping) and any(
        isinstance(key, Scalar) and key.value == "sliding" for key, _ in node.pairs
    )
