"""Reads signals of fraud.yaml that look at many members together: shared devices, referral rings, many senders."""

from typing import Final

from pipeline.core import fraud_program as fraud
from pipeline.core.calendar import DAY_MS
from pipeline.core.fraud_program import Signal
from pipeline.core.pool_signals import RING_MAX
from pipeline.program.fraud_trait_keys import NO_COUNTER
from pipeline.program.meaning import period_text
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Key, Keys, Length, Whole

SHARED: Final = ("device", "address", "place")
TOGETHER_MAX: Final = 100
WITHIN_MAX_MS: Final = 400 * DAY_MS
MEMBERS_KEYS: Final[Keys] = {
    "by": Key(Choice(SHARED), "What they share: a `device`, an `address` or a `place`.", required=True),
    "at_most": Key(Whole(1, TOGETHER_MAX), "So many members are allowed.", required=True),
    "within": Key(Length(months=False), "Seen there within a time of this length, such as 30d.", required=True),
}
RING_KEYS: Final[Keys] = {
    "up_to": Key(Whole(2, RING_MAX), "Rings of so many members are looked for.", default="6"),
}
SENDERS_KEYS: Final[Keys] = {
    "at_most": Key(Whole(0, TOGETHER_MAX), "From so many others points may come.", required=True),
    "within": Key(Length(months=False), "Within a time of this length, such as 7d.", required=True),
}
ACROSS: Final[Keys] = {
    "members": Key(Fields(MEMBERS_KEYS), "Many members on one device, at one address or place."),
    "ring": Key(Fields(RING_KEYS), "Referrals that lead back to where they began."),
    "senders": Key(Fields(SENDERS_KEYS), "Points by transfer from many other members."),
}


def keys_of(kind: str) -> Keys:
    """What a signal of the kind can say."""
    shape = ACROSS[kind].shape
    assert isinstance(shape, Fields)
    return shape.keys


def read_across(own: Section, kind: str, signal_id: str, action: str, live: bool) -> Signal | None:
    """The signal of one of these kinds; None where it is wrong."""
    if action == fraud.CLIP:
        own.refuse("action", f"`clip` needs a limit of points, and `{kind}` has none", "write `review` or `deny`")
        return None
    section = own.section(kind, f"{kind} of {own.what}", keys_of(kind))
    if section is None or not section.readable:
        return None
    if not section.require(*[name for name, key in keys_of(kind).items() if key.required]):
        return None
    if kind == "ring":
        up_to = section.integer("up_to", 2, RING_MAX) if "up_to" in section else 6
        words = "members in a ring of referrals"
        return None if up_to is None else _signal(signal_id, fraud.RING, action, live, "", words, 1, 0, up_to)
    length = _length(section)
    least = 1 if kind == "members" else 0
    at_most = section.integer("at_most", least, TOGETHER_MAX)
    by = section.choice("by", SHARED, "") if kind == "members" else ""
    if length is None or at_most is None:
        return None
    length_ms, words = length
    if kind == "senders":
        words = f"others who sent points {words}"
        return _signal(signal_id, fraud.SENDERS, action, live, "", words, at_most, length_ms)
    return (
        _signal(signal_id, fraud.MEMBERS, action, live, by, f"members by {by} {words}", at_most, length_ms)
        if by
        else None
    )


def _length(section: Section) -> tuple[int, str] | None:
    """(length in ms, words) of `within`; None where it is wrong."""
    period = section.period("within")
    if period is None:
        return None
    if period.months:
        section.refuse(
            "within", "`within` must have a fixed length, and months have not", f"write days: {period.months * 30}d"
        )
        return None
    if period.ms > WITHIN_MAX_MS:
        section.refuse("within", "`within` is at most 400 days long", "write 400d")
        return None
    return period.ms, f"within {period_text(period)}"


def _signal(
    signal_id: str,
    kind: str,
    action: str,
    live: bool,
    measure: str,
    words: str,
    at_most: int,
    length_ms: int,
    per: int = 0,
) -> Signal:
    return Signal(signal_id, kind, action, live, measure, "", at_most, length_ms, NO_COUNTER, words, per)
