"""The world of a trial: attackers of every kind at every intensity, among honest members who are ordinary or odd."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.core.events import Event
from pipeline.fraud import attacks_earning, attacks_grouped, attacks_redeeming
from pipeline.fraud.customers import Bought, customers, regulars
from pipeline.fraud.honest import ODD, ordinary
from pipeline.fraud.person import Person

ORDINARY: Final = "ordinary"
HONEST_POINTS: Final = 150
"""About what an honest member earns: attacks are drawn around multiples of it; what they took is measured."""
LEAST: Final = 0.5
MOST: Final = 40.0
"""Attackers go for so many times that, evenly spread over the orders of magnitude."""
REGULAR: Final = 6

Attack = Callable[[Person, list[Bought], int], None]


class Kind(NamedTuple):
    """A kind of attack. `earns`: what it takes is points that it earns; else points that it redeems. Its purchases are
    those of a member with at least so many."""

    attack: Attack
    earns: bool
    purchases: int


KINDS: Final[dict[str, Kind]] = {
    "redemption burst": Kind(attacks_redeeming.burst, False, REGULAR),
    "account takeover": Kind(attacks_redeeming.takeover, False, REGULAR),
    "takeover, transferred away": Kind(attacks_redeeming.transferred_away, False, REGULAR),
    "stolen password, new device": Kind(attacks_redeeming.new_device, False, REGULAR),
    "impossible travel": Kind(attacks_redeeming.travel, False, REGULAR),
    "denied country": Kind(attacks_redeeming.denied_country, False, REGULAR),
    "structuring": Kind(attacks_redeeming.structuring, False, REGULAR),
    "refund abuse": Kind(attacks_redeeming.refund_abuse, False, 1),
    "earning inflation": Kind(attacks_earning.inflation, True, REGULAR),
    "clerk's own card": Kind(attacks_earning.till, True, REGULAR),
    "replays": Kind(attacks_earning.replays, True, 2),
    "partner inflation": Kind(attacks_earning.partner_inflation, True, 2),
    "bonus script": Kind(attacks_earning.bonuses, True, 2),
    "accounts on one device": Kind(attacks_grouped.shared_device, False, 1),
    "referral ring": Kind(attacks_grouped.referral_ring, False, 2),
    "self-referral": Kind(attacks_grouped.self_referral, False, 2),
    "transfer fan-in": Kind(attacks_grouped.fan_in, False, 2),
}


def people(path: Path | None, count: int, attackers: int, seed: int) -> list[Person]:
    """Everybody: `attackers` of each kind, half as many of each odd kind, and ordinary members as long as customers
    last, whose purchases are a file's or generated. The same for the same seed.

    Raises ValueError where there are too few customers.
    """
    draw = random.Random(f"{seed}/world")  # noqa: S311 - a model of people, no secret
    bought = customers(path, count, seed)
    draw.shuffle(bought)
    lives = iter(bought)
    found: list[Person] = []
    try:
        for number, (name, kind) in enumerate(KINDS.items()):
            for which in range(attackers):
                person = _person(f"a{number:02}-{which:05}", name, False, seed)
                points = round(HONEST_POINTS * math.exp(person.draw.uniform(math.log(LEAST), math.log(MOST))))
                kind.attack(person, regulars(lives, kind.purchases), points)
                found.append(person)
        for number, (name, odd) in enumerate(ODD.items()):
            for which in range(max(attackers // 2, 1)):
                person = _person(f"o{number:02}-{which:05}", name, True, seed)
                odd(person, regulars(lives, REGULAR))
                found.append(person)
    except StopIteration:
        raise ValueError(f"{len(bought)} customers are too few for {attackers} attackers a kind: take more") from None
    for which, life in enumerate(lives):
        person = _person(f"m{which:06}", ORDINARY, True, seed)
        ordinary(person, life)
        found.append(person)
    return found


def log_of(everybody: list[Person]) -> list[Event]:
    """All that they do, as the log has it."""
    events = [event for person in everybody for event in person.events]
    events.sort(key=lambda event: event.recorded_at_ms)
    return events


def _person(person_id: str, kind: str, honest: bool, seed: int) -> Person:
    return Person(person_id, kind, honest, random.Random(f"{seed}/{person_id}"))  # noqa: S311 - as above
