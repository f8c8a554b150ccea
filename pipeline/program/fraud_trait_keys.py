"""Reads signals of fraud.yaml that hold an event against the member's own history: amounts, places, devices."""

from typing import Final

from pipeline.core import fraud_program as fraud
from pipeline.core.bounds import POINTS_MAX
from pipeline.core.fraud_program import Counter, Signal
from pipeline.core.program import Period, Unit
from pipeline.program.limits import EVERY
from pipeline.program.meaning import period_text
from pipeline.program.problems import shorten
from pipeline.program.rewards_file import read_unit
from pipeline.program.sections import Section
from pipeline.program.shapes import DEFAULT_UNIT, Choice, Fields, Items, Key, Keys, Length, Name, Text, Whole

HISTORY_OF: Final = (fraud.EARNED, fraud.REDEEMED)
UNUSUAL_OF: Final = ("country", "place", "device")
TIMES_MAX: Final = 10_000
AFTER_MAX: Final = 14
TOLD_MAX: Final = 1_000
SPEED_MAX: Final = 100_000
SCORE_MAX: Final = 1_000_000
COUNTRIES_MAX: Final = 300
COUNTRY: Final = Text("[A-Z]{2}", "US")
HISTORY_KEYS: Final[Keys] = {
    "of": Key(Choice(HISTORY_OF), "Points `earned` or `redeemed` on a day.", required=True),
    "times": Key(Whole(2, TIMES_MAX), "So many times what a day usually comes to is allowed.", required=True),
    "deviations": Key(Whole(1, TIMES_MAX), "And so many times the median distance from the median of days beyond it."),
    "at_least": Key(Whole(1, POINTS_MAX), "Days below this are never stopped."),
    "after": Key(Whole(1, AFTER_MAX), "Of members of whom so many active days are known.", default="5"),
    "unit": Key(Name(), "Unit of the points.", default=DEFAULT_UNIT),
}
TRAVEL_KEYS: Final[Keys] = {
    "faster_than_km_h": Key(
        Whole(1, SPEED_MAX), "Between two of the member's positions, by the great circle.", required=True
    )
}
COUNTRIES_KEYS: Final[Keys] = {"deny": Key(Items(COUNTRY, COUNTRIES_MAX), "These countries.", required=True)}
UNUSUAL_KEYS: Final[Keys] = {
    "of": Key(Choice(UNUSUAL_OF), "A `country`, `place` or `device` the member's events have not told.", required=True),
    "after": Key(Whole(1, TOLD_MAX), "Of members who have told one so many times.", default="5"),
    "new_for": Key(Length(months=False), "It stays new for so long after it was first told."),
    "at_least": Key(Whole(1, POINTS_MAX), "Only events that redeem, or give away, at least so many points."),
}
TAKEOVER_KEYS: Final[Keys] = {
    "within": Key(
        Length(months=False),
        "A redemption or a transfer so soon after a changed profile and then a new device.",
        required=True,
    )
}
REFUNDS_KEYS: Final[Keys] = {
    "percent": Key(Whole(0, 99), "So much of what the member bought may be given back.", required=True),
    "at_least": Key(Whole(1, TOLD_MAX), "Not before so many refunds and cancellations.", default="3"),
    "every": Key(Choice(EVERY), "Of purchases in each calendar window, in the programme's zone.", required=True),
}
LEARNED_KEYS: Final[Keys] = {
    "at_least": Key(Whole(0, SCORE_MAX), "The model's score from which on it is set off.", required=True),
}
TRAITS: Final[Keys] = {
    "history": Key(Fields(HISTORY_KEYS), "Far more than the member's own days come to."),
    "travel": Key(Fields(TRAVEL_KEYS), "Impossible travel."),
    "countries": Key(Fields(COUNTRIES_KEYS), "Countries that are not served."),
    "unusual": Key(Fields(UNUSUAL_KEYS), "Unlike the member's usual ones: the eight latest are known."),
    "refunds": Key(Fields(REFUNDS_KEYS), "Much of what the member bought is given back."),
    "takeover": Key(Fields(TAKEOVER_KEYS), "The pattern of an account taken over."),
    "learned": Key(Fields(LEARNED_KEYS), "What model.yaml has learned to tell of events that take points."),
}
NO_COUNTER: Final = Counter("", fraud.BY_MEMBER, "", 0, 0)


def read_trait(
    own: Section, kind: str, signal_id: str, action: str, live: bool, units: dict[str, Unit]
) -> Signal | None:
    """The signal of one of these kinds; None where it is wrong."""
    section = section_of(own, kind, keys_of(kind), action)
    if section is None:
        return None
    if kind == "history":
        return _history(section, signal_id, action, live, units)
    if kind == "refunds":
        return _refunds(section, signal_id, action, live)
    if kind == "travel":
        speed = section.integer("faster_than_km_h", 1, SPEED_MAX)
        words = "km/h since the position before"
        return None if speed is None else _signal(signal_id, fraud.TRAVEL, action, live, "", words, at_most=speed)
    if kind == "countries":
        countries = [scalar.value for scalar in section.texts("deny", "countries")]
        for country in countries:
            if len(country) != 2 or not country.isascii() or not country.isupper():
                section.refuse(
                    "deny", f"`{shorten(country)}` is not a country", "write two capital letters, such as US"
                )
                return None
        named = frozenset(countries)
        return _signal(signal_id, fraud.COUNTRY, action, live, "country", "a denied country", values=named)
    if kind == "learned":
        score = section.integer("at_least", 0, SCORE_MAX)
        words = "score of the learned model"
        return None if score is None else _signal(signal_id, fraud.LEARNED, action, live, "", words, at_most=score - 1)
    if kind == "unusual":
        return _unusual(section, signal_id, action, live)
    within_ms = section.length_ms("within")
    if within_ms is None:
        return None
    words = f"taken within {period_text(Period(0, within_ms))} of a changed profile and a new device, in ms"
    return _signal(signal_id, fraud.TAKEOVER, action, live, "device", words, length_ms=within_ms)


def _unusual(section: Section, signal_id: str, action: str, live: bool) -> Signal | None:
    of = section.choice("of", UNUSUAL_OF, "")
    after = section.integer("after", 1, TOLD_MAX) if "after" in section else 5
    new_for_ms = section.length_ms("new_for") if "new_for" in section else 0
    least = section.integer("at_least", 1, POINTS_MAX) if "at_least" in section else 0
    if not of or after is None or new_for_ms is None or least is None:
        return None
    words = f"a {of} that is new to the member"
    return _signal(
        signal_id, fraud.UNUSUAL, action, live, of, words, length_ms=new_for_ms, after=after, least=least
    )  # fmt: skip


def section_of(own: Section, kind: str, keys: Keys, action: str) -> Section | None:
    """The section that says what a signal of the kind looks for; None where it is wrong, or the action does not fit."""
    if action == fraud.CLIP:
        own.refuse("action", f"`clip` needs a limit of points, and `{kind}` has none", "write `review` or `deny`")
        return None
    section = own.section(kind, f"{kind} of {own.what}", keys)
    if section is None or not section.readable:
        return None
    if not section.require(*[name for name, key in keys.items() if key.required]):
        return None
    return section


def keys_of(kind: str) -> Keys:
    """What a signal of the kind can say."""
    shape = TRAITS[kind].shape
    assert isinstance(shape, Fields)
    return shape.keys


def _history(section: Section, signal_id: str, action: str, live: bool, units: dict[str, Unit]) -> Signal | None:
    of = section.choice("of", HISTORY_OF, "")
    times = section.integer("times", 2, TIMES_MAX)
    deviations = section.integer("deviations", 1, TIMES_MAX) if "deviations" in section else 0
    least = section.integer("at_least", 1, POINTS_MAX) if "at_least" in section else 0
    after = section.integer("after", 1, AFTER_MAX) if "after" in section else 5
    unit = read_unit(section, units)
    if not of or times is None or deviations is None or least is None or after is None or unit is None:
        return None
    counter = Counter(f"h:{of}:{unit.unit_id}", fraud.BY_MEMBER, fraud.HABIT, 0, 0)
    words = f"points {of} on a day, at most {times} times what is usual"
    return Signal(
        signal_id, fraud.HISTORY, action, live, of, unit.unit_id, times, 0, counter, words, deviations,
        after=after, least=least,
    )  # fmt: skip


def _refunds(section: Section, signal_id: str, action: str, live: bool) -> Signal | None:
    percent = section.integer("percent", 0, 99)
    at_least = section.integer("at_least", 1, TOLD_MAX) if "at_least" in section else 3
    every = section.choice("every", EVERY, "")
    if percent is None or at_least is None or not every:
        return None
    back = Counter(f"b/{every}", fraud.BY_MEMBER, every, 0, 0)
    spent = Counter(f"s/{every}", fraud.BY_MEMBER, every, 0, 0)
    window = "ever bought" if every == "ever" else f"bought each {every}"
    words = f"percent given back of what was {window}"
    return Signal(signal_id, fraud.REFUNDS, action, live, "", "", percent, 0, back, words, 0, spent, at_least)


def _signal(
    signal_id: str,
    kind: str,
    action: str,
    live: bool,
    measure: str,
    words: str,
    *,
    at_most: int = 0,
    length_ms: int = 0,
    after: int = 0,
    least: int = 0,
    values: frozenset[str] = frozenset(),
) -> Signal:
    return Signal(
        signal_id, kind, action, live, measure, "", at_most, length_ms, NO_COUNTER, words, after=after, least=least,
        values=values,
    )  # fmt: skip
