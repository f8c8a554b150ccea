"""Attacks that earn what nobody bought: labelled purchases, bonuses and second sendings."""

from typing import Final

from pipeline.core.events import Event
from pipeline.core.payloads import CustomEvent, TransactionCompleted
from pipeline.fraud.customers import CURRENCY, Bought
from pipeline.fraud.honest import BENT, joined, shop
from pipeline.fraud.person import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, SOURCE, Person

REVIEW_POINTS: Final = 15
SEASON_MS: Final = 200 * DAY_MS
"""Bent partners cheat once in each."""


def inflation(person: Person, bought: list[Bought], points: int) -> None:
    """A regular whose purchases are, for a day or three, keyed in at many times what they were."""
    draw = person.draw
    account = joined(person, bought)
    shop(person, account, bought)
    at_ms = bought[-1].at_ms + draw.randrange(DAY_MS, 20 * DAY_MS)
    days = draw.randint(1, 3)
    for _ in range(days):
        person.buys(account, at_ms, points * 100 // days, attack=True)
        at_ms += DAY_MS + draw.randrange(DAY_MS)


def till(person: Person, bought: list[Bought], points: int) -> None:
    """A clerk holds their own card under the scanner for strangers' purchases, a few a shift or all of them."""
    draw = person.draw
    account = joined(person, bought)
    shop(person, account, bought)
    at_ms = bought[-1].at_ms + DAY_MS
    left = points
    a_shift = draw.choice((3, 8, 25))
    while left > 0:
        now_ms = at_ms
        for _ in range(a_shift):
            now_ms += draw.randrange(2 * MINUTE_MS, 8 * HOUR_MS // a_shift)
            amount_minor = round(draw.lognormvariate(8.0, 0.6))
            person.buys(account, now_ms, amount_minor, attack=True)
            left -= amount_minor // 100
            if left <= 0:
                return
        at_ms += DAY_MS


def replays(person: Person, bought: list[Bought], points: int) -> None:
    """A till's messages sent once more: the same message, the same order under a new id, or both made new."""
    draw = person.draw
    account = joined(person, bought)
    shop(person, account, bought)
    sales = [event for event in person.events if isinstance(event.payload, TransactionCompleted)]
    if not sales:
        return
    left = points
    number = 0
    start_ms = max(event.occurred_at_ms for event in sales) + DAY_MS
    while left > 0:
        sale = draw.choice(sales)
        assert isinstance(sale.payload, TransactionCompleted)
        number += 1
        way = draw.choice(("message", "order", "new", "new"))
        left -= max(sale.payload.amount_minor // 100, 1)
        if way == "message":
            person.events.append(sale)
        else:
            order_id = sale.payload.order_id if way == "order" else f"{sale.payload.order_id}-{number}"
            payload = TransactionCompleted(order_id, sale.payload.amount_minor, CURRENCY, "app")
            at_ms = sale.occurred_at_ms if way == "order" else start_ms + number * draw.randrange(SECOND_MS, HOUR_MS)
            event_id = f"{sale.event_id}-again-{number}"
            person.events.append(
                Event(event_id, account, at_ms, SOURCE, "", sale.attributes, payload, max(at_ms, start_ms))
            )
            person.attack_ids.add(event_id)
            person.attack_ms = start_ms


def partner_inflation(person: Person, bought: list[Bought], points: int) -> None:
    """One of the members for whom a small partner, after months of honest trade, reports purchases that never were, all
    of them within two weeks."""
    draw = person.draw
    account = joined(person, bought)
    shop(person, account, bought)
    number = draw.randrange(len(BENT))
    season_ms = (bought[0].at_ms // SEASON_MS + 1) * SEASON_MS + number * 16 * DAY_MS
    parts = draw.randint(2, 8)
    for _ in range(parts):
        at_ms = season_ms + draw.randrange(14 * DAY_MS)
        person.buys(account, at_ms, points * 100 // parts, attack=True, partner=BENT[number])


def bonuses(person: Person, bought: list[Bought], points: int) -> None:
    """A script writes reviews, for which there are points, with as many pauses as its author thought of."""
    draw = person.draw
    account = joined(person, bought)
    shop(person, account, bought)
    at_ms = bought[0].at_ms + draw.randrange(DAY_MS, 60 * DAY_MS)
    pause_ms = draw.choice((MINUTE_MS, HOUR_MS, 8 * HOUR_MS))
    for _ in range(max(points // REVIEW_POINTS, 1)):
        person.does(account, at_ms, CustomEvent("review_written", {"characters": 250}), attack=True)
        at_ms += max(SECOND_MS, round(draw.expovariate(1 / pause_ms)))
