"""Reads fraud.yaml: the signals that stop fraud while it happens, what each measures and what it does."""

from dataclasses import dataclass, field
from typing import Final, final

from pipeline.core import fraud_program as fraud
from pipeline.core.bounds import AMOUNT_MINOR_MAX, POINTS_MAX
from pipeline.core.calendar import DAY_MS
from pipeline.core.fraud_model import NO_MODEL, Model
from pipeline.core.fraud_program import Counter, FraudProgram, ReviewTerms, Signal
from pipeline.core.payloads import TYPE_NAMES
from pipeline.core.program import Unit
from pipeline.program.fraud_across_keys import ACROSS, read_across
from pipeline.program.fraud_cohort_keys import COHORTS, read_cohort
from pipeline.program.fraud_trait_keys import TRAITS, read_trait
from pipeline.program.limits import EVERY
from pipeline.program.meaning import period_text
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.rewards_file import read_unit
from pipeline.program.sections import Section
from pipeline.program.shapes import DEFAULT_UNIT, Choice, Fields, Items, Key, Keys, Length, Name, Text, Whole
from pipeline.program.yaml_nodes import Node

MAX_SIGNALS: Final = 100
COUNT_MAX: Final = 100
"""Most that a sliding window can be asked to count: it remembers each one."""
WITHIN_MAX_MS: Final = 400 * DAY_MS
MOMENTS_OF_POINTS: Final = 48
"""A sliding window over points remembers so many moments one by one."""
ACTIONS: Final = (fraud.ALLOW, fraud.CLIP, fraud.DENY, fraud.REVIEW, fraud.FREEZE)
MODES: Final = ("live", "shadow")
VERDICTS: Final = ("reject", "approve")
MEASURES: Final = (
    fraud.REDEMPTIONS,
    fraud.REDEEMED,
    fraud.ATTEMPTS,
    fraud.EARNINGS,
    fraud.EARNED,
    fraud.EVENTS,
)
OF_POINTS: Final = (fraud.REDEEMED, fraud.EARNED)
BY: Final = (fraud.BY_MEMBER, "device", fraud.BY_PARTNER, fraud.BY_PLACE)
TYPES: Final = tuple(sorted({*TYPE_NAMES.values()} - {"member_quarantined", "quarantine_released"}))
WORDS: Final = {
    fraud.REDEMPTIONS: "redemptions",
    fraud.REDEEMED: "points redeemed",
    fraud.ATTEMPTS: "attempts to redeem",
    fraud.EARNINGS: "events that earn",
    fraud.EARNED: "points earned",
}
LETTERS: Final = {
    fraud.REDEMPTIONS: "r",
    fraud.REDEEMED: "R",
    fraud.ATTEMPTS: "a",
    fraud.EARNINGS: "e",
    fraud.EARNED: "E",
    fraud.EVENTS: "v",
}
"""What the keys of counters begin with: it is part of the members' state, and never changes its meaning."""

VELOCITY_KEYS: Final[Keys] = {
    "of": Key(
        Choice(MEASURES),
        "What is counted: `redemptions` that are had, points `redeemed`, `attempts` to redeem (refused ones too), "
        "`earnings` (events that earn), points `earned`, or `events`.",
        required=True,
    ),
    "on": Key(Items(Choice(TYPES), len(TYPES)), "Types of the `events` that are counted."),
    "at_most": Key(Whole(0, POINTS_MAX), "So many are allowed; the first one beyond is stopped.", required=True),
    "within": Key(Length(months=False), "Within any time of this length, such as 1h; or `every`."),
    "every": Key(Choice(EVERY), "In each calendar window, in the programme's zone; or `within`."),
    "by": Key(
        Choice(BY),
        "Of the member in all, or by the device, partner or place of the event.",
        default=fraud.BY_MEMBER,
    ),
    "unit": Key(Name(), "Unit of the points that are counted.", default=DEFAULT_UNIT),
}
SPENDING_KEYS: Final[Keys] = {
    "points": Key(Whole(1, POINTS_MAX), "So many points may be earned ...", required=True),
    "per": Key(Whole(1, AMOUNT_MINOR_MAX), "... for every so many minor units spent", required=True),
    "every": Key(Choice(EVERY), "in each calendar window, in the programme's zone.", required=True),
    "at_least": Key(Whole(1, POINTS_MAX), "So many points may be earned in any case, whatever is spent."),
    "unit": Key(Name(), "Unit of the points.", default=DEFAULT_UNIT),
}
KEYS: Final[Keys] = {
    "id": Key(Name(), "The signal's name, which alerts give.", required=True),
    "velocity": Key(Fields(VELOCITY_KEYS, ("within", "every")), "How many, or how much, in a time."),
    "spending": Key(Fields(SPENDING_KEYS), "What is earned, as capped by what is spent."),
    **TRAITS,
    **ACROSS,
    **COHORTS,
    "action": Key(
        Choice(ACTIONS),
        "Beyond that: `allow` only alerts; `clip` gives what is left; `deny` refuses a redemption, or gives no points; "
        "`review` holds them for a verdict; `freeze` refuses redemptions until one.",
        required=True,
    ),
    "mode": Key(Choice(MODES), "`shadow`: nothing is done, alerts say what would be.", default="live"),
}
ATTRIBUTE: Final = Text(".{1,256}", "device_id")
ATTRIBUTES_KEYS: Final[Keys] = {
    "device": Key(ATTRIBUTE, "Name of the event attribute that tells the device.", default="device"),
    "partner": Key(ATTRIBUTE, "Name of the event attribute that tells the partner.", default="partner"),
    "place": Key(
        ATTRIBUTE, "Name of the event attribute that tells the place; without it, a purchase's store.", default="place"
    ),
    "country": Key(
        ATTRIBUTE,
        "Name of the event attribute that tells the country; without it, a purchase's own.",
        default="country",
    ),
    "address": Key(ATTRIBUTE, "Name of the event attribute that tells the address.", default="address"),
    "latitude": Key(ATTRIBUTE, "Name of the event attribute that tells the latitude, in degrees.", default="lat"),
    "longitude": Key(ATTRIBUTE, "Name of the event attribute that tells the longitude, in degrees.", default="lon"),
}
REVIEW_KEYS: Final[Keys] = {
    "timeout": Key(Length(months=False), "A verdict is given after so long without one; without it, never."),
    "default": Key(Choice(VERDICTS), "The verdict that time gives.", default=VERDICTS[0]),
    "four_eyes_points": Key(Whole(1, POINTS_MAX), "From so many points on, two different reviewers must agree."),
}
ONE_OF: Final = ("velocity", "spending", *TRAITS, *ACROSS, *COHORTS)
FILE_KEYS: Final[Keys] = {
    "signals": Key(Items(Fields(KEYS, ONE_OF), MAX_SIGNALS, id_key="id"), "What is looked out for.", required=True),
    "attributes": Key(Fields(ATTRIBUTES_KEYS), "Which event attributes tell device, partner and place.", default=""),
    "review": Key(Fields(REVIEW_KEYS), "How reviews go."),
}


@final
@dataclass(slots=True)
class _Draft:
    """What has been read so far; counters are joined by key when all signals are known."""

    signals: list[Signal] = field(default_factory=list)
    event_types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counters: dict[str, Counter] = field(default_factory=dict)

    def counter(self, key: str, by: str, every: str, length_ms: int, capacity: int) -> Counter:
        """The counter of a key, with the longest window and the most moments that any signal asks for."""
        known = self.counters.setdefault(key, Counter(key, by, every, length_ms, capacity))
        known.length_ms = max(known.length_ms, length_ms)
        known.capacity = max(known.capacity, capacity)
        return known


def read_fraud(
    report: Report, source: Source, node: Node, units: dict[str, Unit], model: Model | None = None
) -> FraudProgram:
    """The signals of a programme with these units, and what it has learned."""
    section = Section(report, source, node, "fraud.yaml", FILE_KEYS)
    section.require("signals")
    draft = _Draft()
    seen: set[str] = set()
    for item in section.items("signals", "signals", MAX_SIGNALS):
        own = Section(report, source, item, "a signal", KEYS)
        if not own.readable or not own.require("id", "action"):
            continue
        signal_id = own.identifier("id")
        if signal_id is None:
            continue
        own.what = f"signal `{signal_id}`"
        if signal_id in seen:
            own.refuse("id", f"there are two signals `{signal_id}`", "give one of them another id")
        seen.add(signal_id)
        _read_signal(own, signal_id, units, draft)
    names = _attributes(section)
    return FraudProgram(
        tuple(draft.signals), draft.event_types, terms=_terms(section), model=model or NO_MODEL, **names
    )


def _terms(section: Section) -> ReviewTerms:
    """What `review` says."""
    inner = section.section("review", "review of fraud.yaml", REVIEW_KEYS)
    if inner is None:
        return fraud.NO_TIMEOUT
    timeout = inner.period("timeout")
    if timeout is not None and timeout.months:
        inner.refuse(
            "timeout", "`timeout` must have a fixed length, and months have not", f"write days: {timeout.months * 30}d"
        )
    if "default" in inner and "timeout" not in inner:
        inner.warn("default", "`default` has no effect without a timeout", "add `timeout`, such as 7d")
    approves = inner.choice("default", VERDICTS, VERDICTS[0]) == "approve"
    points = inner.integer("four_eyes_points", 1, POINTS_MAX)
    return ReviewTerms(0 if timeout is None else timeout.ms, approves, points or 0)


def _read_signal(own: Section, signal_id: str, units: dict[str, Unit], draft: _Draft) -> None:
    kinds = [kind for kind in ONE_OF if kind in own]
    if len(kinds) != 1:
        advice = f"write one of {', '.join(ONE_OF)}"
        if kinds:
            own.refuse(kinds[1], f"{own.what} has both `{kinds[0]}` and `{kinds[1]}`", "make two signals of it")
        else:
            own.refuse("id", f"{own.what} does not say what it looks at", advice)
        return
    action = own.choice("action", ACTIONS, "")
    live = own.choice("mode", MODES, "live") == "live"
    if kinds[0] == "velocity":
        _velocity(own, signal_id, action, live, units, draft)
        return
    if kinds[0] == "spending":
        _spending(own, signal_id, action, live, units, draft)
        return
    if kinds[0] in TRAITS:
        signal = read_trait(own, kinds[0], signal_id, action, live, units)
    elif kinds[0] in ACROSS:
        signal = read_across(own, kinds[0], signal_id, action, live, units)
    else:
        signal = read_cohort(own, signal_id, action, live, units)
    if signal is not None and action:
        draft.signals.append(signal)


def _velocity(own: Section, signal_id: str, action: str, live: bool, units: dict[str, Unit], draft: _Draft) -> None:
    velocity = own.section("velocity", f"velocity of {own.what}", VELOCITY_KEYS)
    if velocity is None or not velocity.readable or not velocity.require("of", "at_most"):
        return
    measure = velocity.choice("of", MEASURES, "")
    types = _types(velocity, measure)
    window = _window(velocity)
    by = velocity.choice("by", BY, fraud.BY_MEMBER)
    if "unit" in velocity and measure and measure not in (*OF_POINTS, fraud.EARNINGS):
        velocity.refuse("unit", f"`unit` says nothing about {measure}", "leave it out")
    unit = read_unit(velocity, units)
    sliding_count = measure not in OF_POINTS and window is not None and not window[0]
    at_most = velocity.integer("at_most", 0, POINTS_MAX)
    if sliding_count and at_most is not None and at_most > COUNT_MAX:
        advice = f"write at most {COUNT_MAX}, or count in a calendar window: `every: day`"
        velocity.refuse("at_most", f"a sliding window counts at most {COUNT_MAX}, not {at_most}", advice)
        return
    if action == fraud.CLIP and measure and measure != fraud.EARNED:
        own.refuse("action", f"`clip` needs points that are earned, and {measure} are none", "write `deny`")
        return
    if not measure or not action or types is None or window is None or unit is None or at_most is None:
        return
    every, length_ms, words = window
    key = LETTERS[measure]
    unit_id = unit.unit_id if measure in (*OF_POINTS, fraud.EARNINGS) else ""
    if unit_id:
        key += f":{unit_id}"
    if measure == fraud.EVENTS:
        key += f":{signal_id}"
        draft.event_types[signal_id] = types
    if by != fraud.BY_MEMBER:
        key += f":by-{by}"
    capacity = MOMENTS_OF_POINTS if measure in OF_POINTS else 2 * at_most + 2
    counter = draft.counter(f"{key}/{every}" if every else key, by, every, length_ms, capacity)
    what = WORDS[measure] if measure in WORDS else ", ".join(types)
    told = f"{what} {words}" + ("" if by == fraud.BY_MEMBER else f" by {by}")
    draft.signals.append(
        Signal(signal_id, "velocity", action, live, measure, unit_id, at_most, length_ms, counter, told)
    )


def _types(velocity: Section, measure: str) -> tuple[str, ...] | None:
    """Event types that are counted; () where it is not events, None where they are wrong."""
    if measure != fraud.EVENTS:
        if "on" in velocity and measure:
            velocity.refuse("on", "`on` belongs to `of: events`", "write `of: events`, or leave it out")
            return None
        return ()
    if not velocity.require("on"):
        return None
    known = True
    types: list[str] = []
    for scalar in velocity.texts("on", "event types"):
        types.append(scalar.value)
        if scalar.value not in TYPES:
            velocity.refuse("on", f"there is no event type `{shorten(scalar.value)}`", closest(scalar.value, TYPES))
            known = False
    return tuple(types) if types and known else None


def _window(section: Section) -> tuple[str, int, str] | None:
    """(calendar window or "", length in ms of a sliding one, words); None where it is wrong."""
    if ("within" in section) == ("every" in section):
        reason = f"{section.what} needs either `within` or `every`"
        section.refuse("every", reason, "write `within: 1h` for any hour, or `every: hour` for hours of the clock")
        return None
    if "every" in section:
        every = section.choice("every", EVERY, "")
        return (every, 0, "ever" if every == "ever" else f"each {every}") if every else None
    period = section.period("within")
    if period is None:
        return None
    if period.months:
        advice = f"write days: {period.months * 30}d, or `every: month` for calendar months"
        section.refuse("within", "a sliding window must have a fixed length, and months have not", advice)
        return None
    if period.ms > WITHIN_MAX_MS:
        section.refuse("within", "a sliding window is at most 400 days long", "write `every: year`")
        return None
    return "", period.ms, f"within {period_text(period)}"


def _spending(own: Section, signal_id: str, action: str, live: bool, units: dict[str, Unit], draft: _Draft) -> None:
    spending = own.section("spending", f"spending of {own.what}", SPENDING_KEYS)
    if spending is None or not spending.readable or not spending.require("points", "per", "every"):
        return
    points = spending.integer("points", 1, POINTS_MAX)
    per = spending.integer("per", 1, AMOUNT_MINOR_MAX)
    every = spending.choice("every", EVERY, "")
    least = spending.integer("at_least", 1, POINTS_MAX) if "at_least" in spending else 0
    unit = read_unit(spending, units)
    if points is None or per is None or not every or least is None or unit is None or not action:
        return
    earned = draft.counter(f"E:{unit.unit_id}/{every}", fraud.BY_MEMBER, every, 0, 0)
    spent = draft.counter(f"s/{every}", fraud.BY_MEMBER, every, 0, 0)
    window = "ever" if every == "ever" else f"each {every}"
    told = f"points earned {window}, at most {points} for every {per} spent" + (f", or {least}" if least else "")
    draft.signals.append(
        Signal(
            signal_id, "spending", action, live, fraud.EARNED, unit.unit_id, points, 0, earned, told, per, spent,
            least=least,
        )
    )  # fmt: skip


def _attributes(section: Section) -> dict[str, str]:
    """Attribute names by what they tell."""
    inner = section.section("attributes", "attributes of fraud.yaml", ATTRIBUTES_KEYS)
    names = {name: key.default or name for name, key in ATTRIBUTES_KEYS.items()}
    if inner is None:
        return names
    for name in names:
        scalar = inner.scalar(name, "the name of an event attribute")
        if scalar is not None:
            names[name] = scalar.value
            if len(scalar.value) > 256:
                inner.refuse(name, "an attribute's name has at most 256 characters", "write a shorter one")
    return names
