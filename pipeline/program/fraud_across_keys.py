"""Reads signals of fraud.yaml that look at many members together: shared devices, rings, many senders, partners."""

from typing import Final

from pipeline.core import fraud_program as fraud
from pipeline.core.bounds import WALLET_MAX
from pipeline.core.calendar import DAY_MS
from pipeline.core.fraud_program import Signal
from pipeline.core.pool_signals import RING_MAX
from pipeline.core.program import Period, Unit
from pipeline.program.fraud_trait_keys import AFTER_MAX, NO_COUNTER, TIMES_MAX, section_of
from pipeline.program.meaning import period_text
from pipeline.program.rewards_file import read_unit
from pipeline.program.sections import Section
from pipeline.program.shapes import DEFAULT_UNIT, Choice, Fields, Key, Keys, Length, Name, Whole

SHARED: Final = ("device", "address", "place")
SELF_BY: Final = ("device", "address")
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
SELF_KEYS: Final[Keys] = {
    "by": Key(Choice(SELF_BY), "What tells that they are one: a `device` or an `address`.", required=True),
    "at_most": Key(Whole(1, RING_MAX), "So many members may be one: a household's.", default="1"),
}
SENDERS_KEYS: Final[Keys] = {
    "at_most": Key(Whole(0, TOGETHER_MAX), "From so many others points may come.", required=True),
    "within": Key(Length(months=False), "Within a time of this length, such as 7d.", required=True),
}
PARTNER_KEYS: Final[Keys] = {
    "at_most": Key(Whole(1, WALLET_MAX), "So many points may all members earn with it on a day; or `times`."),
    "times": Key(Whole(2, TIMES_MAX), "So many times what its own days come to; or `at_most`."),
    "at_least": Key(Whole(1, WALLET_MAX), "Days below this are held against no history."),
    "after": Key(Whole(1, AFTER_MAX), "Of partners of whom so many days are known.", default="5"),
    "quarantine": Key(
        Length(months=False), "Nothing of the partner passes for so long after it; without it, what follows may."
    ),
    "unit": Key(Name(), "Unit of the points.", default=DEFAULT_UNIT),
}
PARTNER_ACTIONS: Final = (fraud.ALLOW, fraud.DENY, fraud.REVIEW)
ACROSS: Final[Keys] = {
    "members": Key(Fields(MEMBERS_KEYS), "Many members on one device, at one address or place."),
    "ring": Key(Fields(RING_KEYS), "Referrals that lead back to where they began."),
    "self_referral": Key(Fields(SELF_KEYS), "Members who were referred by somebody with their device or address."),
    "senders": Key(Fields(SENDERS_KEYS), "Points by transfer from many other members."),
    "partner": Key(Fields(PARTNER_KEYS), "More points with a partner than it gives otherwise."),
}


def keys_of(kind: str) -> Keys:
    """What a signal of the kind can say."""
    shape = ACROSS[kind].shape
    assert isinstance(shape, Fields)
    return shape.keys


def read_across(
    own: Section, kind: str, signal_id: str, action: str, live: bool, units: dict[str, Unit]
) -> Signal | None:
    """The signal of one of these kinds; None where it is wrong."""
    section = section_of(own, kind, keys_of(kind), action)
    if section is None:
        return None
    if kind == "partner":
        return _partner(own, section, signal_id, action, live, units)
    if kind == "ring":
        up_to = section.integer("up_to", 2, RING_MAX) if "up_to" in section else 6
        words = "members in a ring of referrals"
        return None if up_to is None else _signal(signal_id, fraud.RING, action, live, "", words, 1, 0, up_to)
    if kind == "self_referral":
        by = section.choice("by", SELF_BY, "")
        at_most = section.integer("at_most", 1, RING_MAX) if "at_most" in section else 1
        words = f"members in a referral of one {by}"
        return _signal(signal_id, fraud.SELF, action, live, by, words, at_most, 0) if by and at_most else None
    length_ms = _within_ms(section)
    least = 1 if kind == "members" else 0
    at_most = section.integer("at_most", least, TOGETHER_MAX)
    by = section.choice("by", SHARED, "") if kind == "members" else ""
    if length_ms is None or at_most is None:
        return None
    words = f"within {period_text(Period(0, length_ms))}"
    if kind == "senders":
        words = f"others who sent points {words}"
        return _signal(signal_id, fraud.SENDERS, action, live, "", words, at_most, length_ms)
    return (
        _signal(signal_id, fraud.MEMBERS, action, live, by, f"members by {by} {words}", at_most, length_ms)
        if by
        else None
    )


def _partner(
    own: Section, section: Section, signal_id: str, action: str, live: bool, units: dict[str, Unit]
) -> Signal | None:
    if action and action not in PARTNER_ACTIONS:
        own.refuse("action", f"`{action}` is for what a member does", "write `review`, `deny` or `allow`")
        return None
    if "at_most" not in section and "times" not in section:
        own.refuse("partner", f"{section.what} allows everything", "write `at_most: 100000`, or `times: 5`, or both")
        return None
    if "times" not in section:
        for name in ("at_least", "after"):
            if name in section:
                section.refuse(name, f"`{name}` belongs to `times`", "add `times`, or leave it out")
                return None
    at_most = section.integer("at_most", 1, WALLET_MAX) if "at_most" in section else 0
    times = section.integer("times", 2, TIMES_MAX) if "times" in section else 0
    least = section.integer("at_least", 1, WALLET_MAX) if "at_least" in section else 0
    after = section.integer("after", 1, AFTER_MAX) if "after" in section else 5
    length_ms = _within_ms(section, "quarantine") if "quarantine" in section else 0
    unit = read_unit(section, units)
    if at_most is None or times is None or least is None or after is None or length_ms is None or unit is None:
        return None
    return Signal(
        signal_id, fraud.PARTNER, action, live, "", unit.unit_id, at_most, length_ms, NO_COUNTER,
        "points earned with a partner on a day", times, after=after, least=least,
    )  # fmt: skip


def _within_ms(section: Section, name: str = "within") -> int | None:
    """How long a pool looks back, in ms; None where it is wrong."""
    length_ms = section.length_ms(name)
    if length_ms is not None and length_ms > WITHIN_MAX_MS:
        section.refuse(name, f"`{name}` is at most 400 days long", "write 400d")
        return None
    return length_ms


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
