"""Attacks by one person with many accounts: each account is small, all of them together are not."""

from typing import Final

from pipeline.core.payloads import ReferralAccepted
from pipeline.fraud.customers import Bought
from pipeline.fraud.honest import joined, shop
from pipeline.fraud.person import COFFEE, DAY_MS, HOUR_MS, MINUTE_MS, Person, vouchers

WELCOME_POINTS: Final = 70
"""What an account comes to that joins and completes its profile."""
REFERRAL_POINTS: Final = 80
"""What both sides of a referral come to."""

MADE_UP: Final = 0.5
"""So many attackers give every account an address of its own."""


def shared_device(person: Person, bought: list[Bought], points: int) -> None:
    """Accounts opened one after the other on one phone, each for what new members are given."""
    draw = person.draw
    person.apart = draw.random() < MADE_UP
    at_ms = bought[0].at_ms
    for _ in range(max(points // WELCOME_POINTS, 1)):
        account = person.joins(at_ms, attack=True)
        person.onboards(account, at_ms + MINUTE_MS, attack=True)
        person.redeems(account, at_ms + 30 * MINUTE_MS, COFFEE, attack=True)
        person.redeems(account, at_ms + 2 * DAY_MS, COFFEE, attack=True)
        at_ms += draw.randrange(10 * MINUTE_MS, 2 * DAY_MS)


def referral_ring(person: Person, bought: list[Bought], points: int) -> None:
    """A member recommends themselves under other names, some by a phone kept for that, and spends the points; in some
    rings the names recommend each other, and the last of them the member."""
    draw = person.draw
    person.apart = draw.random() < MADE_UP
    account = joined(person, bought)
    shop(person, account, bought)
    at_ms = bought[0].at_ms + draw.randrange(DAY_MS, 60 * DAY_MS)
    own = max(points // REFERRAL_POINTS, 1)
    closes = draw.random() < 0.5
    referrer = account
    for number in range(own):
        device = person.device if draw.random() < 0.6 else f"second-{person.person_id}-{number % 3}"
        friend = person.joins(at_ms, attack=True, device=device)
        joins = ReferralAccepted(f"{friend}-joins", friend)
        person.does(referrer, at_ms + 5 * MINUTE_MS, joins, attack=True, device=device)
        if closes and number % 4 == 3:
            back = ReferralAccepted(f"{account}-joins-{number}", account)
            person.does(friend, at_ms + 10 * MINUTE_MS, back, attack=True, device=device)
        referrer = friend if closes and number % 4 < 3 else account
        at_ms += draw.randrange(20 * MINUTE_MS, 3 * DAY_MS)
    at_ms += 31 * DAY_MS
    for reward_id in vouchers(draw, own * 50):
        person.redeems(account, at_ms, reward_id, attack=True)
        at_ms += draw.randrange(HOUR_MS, 2 * DAY_MS)


def self_referral(person: Person, bought: list[Bought], points: int) -> None:
    """A member recommends friends who are themselves, one every week or three, each on a phone of its own; now and then
    they look into one of these accounts by the phone that they always carry."""
    draw = person.draw
    person.apart = draw.random() < MADE_UP
    account = joined(person, bought)
    shop(person, account, bought)
    at_ms = bought[0].at_ms + draw.randrange(DAY_MS, 60 * DAY_MS)
    careless = draw.choice((0.3, 0.6, 0.9))
    friends = max(points // REFERRAL_POINTS, 1)
    for number in range(friends):
        phone = f"second-{person.person_id}-{number}"
        friend = person.joins(at_ms, attack=True, device=phone)
        joins = ReferralAccepted(f"{friend}-joins", friend)
        person.does(account, at_ms + draw.randrange(HOUR_MS, DAY_MS), joins, attack=True)
        own = "" if draw.random() < careless else phone
        person.redeems(friend, at_ms + draw.randrange(2 * DAY_MS, 9 * DAY_MS), COFFEE, attack=True, device=own)
        at_ms += draw.randrange(7 * DAY_MS, 21 * DAY_MS)
    at_ms += 31 * DAY_MS
    for reward_id in vouchers(draw, friends * 50):
        person.redeems(account, at_ms, reward_id, attack=True)
        at_ms += draw.randrange(HOUR_MS, 5 * DAY_MS)


def fan_in(person: Person, bought: list[Bought], points: int) -> None:
    """Accounts on as many rented phones give what new members are given to one that redeems it."""
    draw = person.draw
    person.apart = draw.random() < MADE_UP
    account = joined(person, bought)
    at_ms = bought[0].at_ms + DAY_MS
    mules = max(points // WELCOME_POINTS, 1)
    for number in range(mules):
        phone = f"rented-{person.person_id}-{number}"
        mule = person.joins(at_ms, attack=True, device=phone)
        person.onboards(mule, at_ms + MINUTE_MS, attack=True, device=phone)
        person.gives(
            mule, at_ms + draw.randrange(HOUR_MS, 10 * DAY_MS), account, WELCOME_POINTS - 5, attack=True, device=phone
        )
        at_ms += draw.randrange(5 * MINUTE_MS, DAY_MS)
    at_ms += 11 * DAY_MS
    for reward_id in vouchers(draw, mules * (WELCOME_POINTS - 5)):
        person.redeems(account, at_ms, reward_id, attack=True)
        at_ms += draw.randrange(HOUR_MS, DAY_MS)
