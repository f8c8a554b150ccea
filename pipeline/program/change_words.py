"""Puts what changes between two programmes into words."""

from typing import Final

from pipeline.program.meaning import Condition, Value

LABELS: Final = {
    "on": "the event type",
    "when": "the condition",
    "limit": "the limit",
    "award.points": "the number of points",
    "award.points.of": "what points are counted by",
    "award.pending": "the time until points become available",
    "award.expires": "the expiry of its points",
    "award.unit": "the unit",
    "unit": "the unit",
    "unless_rewarded_within": "the pause between awards",
    "unless_rewarded_within.window": "the pause between awards",
    "unless_rewarded_within.by": "whose awards the pause counts",
    "mode": "the mode",
    "priority": "the priority",
    "group": "the exclusive group",
    "campaign": "the campaign",
    "during.from": "the first day",
    "during.until": "the last day",
    "during.weekdays": "the weekdays",
    "during.hours": "the hours",
    "streak.length": "the length of the streak",
    "achievement.count": "the number of events",
    "award.points.rate": "the rate",
    "expires.after": "the expiry",
    "award.expires.after": "the expiry of its points",
    "expires.sliding": "the expiry",
    "conversion.base": "the base currency",
    "threshold": "the threshold",
    "earn_percent": "the percentage that awards are multiplied by",
    "price": "the price",
    "provider": "the provider",
    "tiers": "the list of tiers it is for",
    "expires": "the expiry",
    "rounding": "the rounding",
    "zone": "the time zone",
    "enrolment": "enrolment",
    "currencies": "the list of currencies",
    "refunds.clawback": "what refunds take back",
    "qualification.unit": "the unit that counts for tiers",
    "program": "the programme's name",
    "action": "the action",
    "velocity.at_most": "how many are allowed",
    "velocity.within": "the window",
    "velocity.every": "the window",
    "model": "the learned model",
    "learned.at_least": "the score from which on it is set off",
    "spending.at_least": "what may be earned in any case",
    "unusual.new_for": "how long a new one stays new",
    "unusual.at_least": "the fewest points that are looked at",
    "members.by": "what members share",
    "members.at_most": "how many members are allowed",
    "members.within": "the window",
    "ring.up_to": "how long a ring can be",
    "senders.at_most": "how many senders are allowed",
    "senders.within": "the window",
    "refunds.percent": "how much may be given back",
    "partner.at_most": "what a day may come to",
    "partner.times": "how many times the usual is allowed",
    "partner.quarantine": "the quarantine",
}
"""What keys are called; others are called by their path."""


WHOLE: Final = frozenset({"per_member", "of", "window", "after", "end_of", "sliding"})
"""Mappings with one of these keys are told as a whole where only one side is a mapping."""


def label(path: str) -> str:
    """What a key is called."""
    return LABELS.get(path, f"`{path}`")


def words(value: Value) -> str:
    """A value in words."""
    if isinstance(value, Condition):
        return f"`{value.text}`"
    if isinstance(value, tuple):
        return ", ".join(words(each) for each in value) or "none"
    if isinstance(value, str):
        return value
    limit = value.get("per_member")
    if len(value) == 1 and isinstance(limit, dict):
        return _limit(limit)
    if "of" in value and value.keys() <= {"of", "per", "rate"}:
        per = value.get("per", "1")
        every = "for each of" if per == "1" else f"for every {words(per)} of"
        return f"{words(value.get('rate', '1'))} {every} {words(value['of'])}"
    if "window" in value and value.keys() <= {"window", "by"}:
        whose = "any rule gave" if value.get("by") == "any" else "it gave"
        return f"{words(value['window'])} since {whose} points"
    return ", ".join(f"{name} {words(each)}" for name, each in value.items()) or "as by default"


def description(value: dict[str, Value], without: str = "id") -> str:
    """A whole rule, tier, reward or unit in words: its keys but for one, mappings in mappings by their path."""
    return "; ".join(f"{name}: {words(each)}" for name, each in flat(value).items() if name != without)


def flat(value: dict[str, Value], prefix: str = "") -> dict[str, Value]:
    """Values by path, such as `award.points`; mappings that have words of their own stay whole."""
    found: dict[str, Value] = {}
    for name, each in value.items():
        whole = not isinstance(each, dict) or not each or bool(each.keys() & WHOLE)
        if whole or not isinstance(each, dict):
            found[prefix + name] = each
        else:
            found |= flat(each, f"{prefix}{name}.")
    return found


def _limit(limit: dict[str, Value]) -> str:
    every = limit.get("every")
    window = "ever" if every == "ever" else f"every {every}"
    if isinstance(every, dict):
        window = f"within any {words(every.get('rolling', ''))}"
    if "points" in limit:
        return f"at most {limit['points']} points per member {window}"
    return f"at most {limit.get('count')} times per member {window}"
