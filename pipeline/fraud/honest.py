"""Honest members: most as the purchases have them, some of whom look odd for reasons of their own."""

from collections.abc import Callable
from typing import Final

from pipeline.core.payloads import ProfileChanged, ReferralAccepted
from pipeline.fraud.customers import Bought
from pipeline.fraud.person import COFFEE, DAY_MS, HOUR_MS, MINUTE_MS, PENDING_MS, SECOND_MS, Person, Trip, vouchers
from pipeline.fraud.places import ABROAD, HOMES, elsewhere

REFUNDED: Final = 0.03
PARTNER_SHARE: Final = 0.15
PARTNERS: Final = tuple(f"partner-{number}" for number in range(8))
BENT: Final = tuple(f"bent-{number}" for number in range(4))
"""Small partners that are honest until they are not."""
BENT_SHARE: Final = 0.02
ONLY_ONCE_POINTS: Final = 70
"""Points for joining and for the first purchase."""

Honest = Callable[[Person, list[Bought]], None]


def shop(person: Person, account: str, bought: list[Bought], *, refunded: float = REFUNDED) -> int:
    """Buy what was bought, bring a little of it back, and redeem now and then when there are points for it. Returns
    about how many points are left."""
    draw = person.draw
    points = ONLY_ONCE_POINTS
    for at_ms, amount_minor in bought:
        partner = ""
        if draw.random() < PARTNER_SHARE:
            partner = draw.choice(BENT if draw.random() < BENT_SHARE else PARTNERS)
        order_id = person.buys(account, at_ms, amount_minor, partner=partner)
        if order_id and draw.random() < refunded:
            person.refunds(account, at_ms + draw.randrange(HOUR_MS, 13 * DAY_MS), order_id, amount_minor)
            continue
        points += amount_minor // 100
        if points >= 100 and draw.random() < 0.4:
            points -= spree(person, account, at_ms + PENDING_MS + draw.randrange(60 * DAY_MS), min(points, 1_500))
    return points


def spree(person: Person, account: str, at_ms: int, points: int) -> int:
    """Redeem for up to so many points in one sitting, with minutes between vouchers. Returns how many."""
    spent = 0
    for reward_id in vouchers(person.draw, person.draw.randint(100, max(points, 100))):
        person.redeems(account, at_ms, reward_id)
        at_ms += person.draw.randrange(20 * SECOND_MS, 4 * MINUTE_MS)
        spent += int(reward_id.removeprefix("voucher-")) * 20
    return spent


def joined(person: Person, bought: list[Bought], opening: int = 0) -> str:
    """Join a moment before the first purchase, and complete the profile perhaps."""
    account = person.joins(bought[0].at_ms - 20 * MINUTE_MS, opening)
    if person.draw.random() < 0.5:
        person.onboards(account, bought[0].at_ms - 15 * MINUTE_MS)
    return account


def ordinary(person: Person, bought: list[Bought]) -> None:
    """Buys as the purchases say; has a new phone once in a long while, and sometimes is elsewhere in the country."""
    draw = person.draw
    later = [one.at_ms for one in bought if one.at_ms > bought[0].at_ms + 5 * DAY_MS]
    if later and draw.random() < 0.1:
        at_ms = draw.choice(later)
        person.trips.append(Trip(at_ms - 6 * HOUR_MS, at_ms + 40 * HOUR_MS, elsewhere(draw, person.home, HOMES)))
    account = joined(person, bought)
    if draw.random() < 0.04:
        person.does(account, bought[0].at_ms + draw.randrange(300 * DAY_MS), ProfileChanged("US", "", "1970-01-01"))
    if draw.random() < 0.4:
        person.new_phone_ms = bought[0].at_ms + draw.randrange(700 * DAY_MS)
    shop(person, account, bought)


def holiday(person: Person, bought: list[Bought]) -> None:
    """Two weeks abroad with many small purchases, and a voucher redeemed there."""
    draw = person.draw
    account = joined(person, bought)
    start_ms = bought[0].at_ms + draw.randrange(40 * DAY_MS, 300 * DAY_MS)
    person.trips.append(Trip(start_ms, start_ms + 14 * DAY_MS, draw.choice(ABROAD)))
    shop(person, account, bought)
    for _ in range(draw.randint(4, 15)):
        person.buys(account, start_ms + draw.randrange(14 * DAY_MS), draw.randrange(400, 9_000))
    if draw.random() < 0.6:
        spree(person, account, start_ms + draw.randrange(14 * DAY_MS), 300)


def family(person: Person, bought: list[Bought]) -> None:
    """One card, up to six phones and a tablet; accounts for the children on the tablet, who give their points to a
    parent at the end of the year."""
    draw = person.draw
    account = joined(person, bought)
    phones = [f"{person.device}-{number}" for number in range(draw.randint(2, 6))]
    for at_ms, amount_minor in bought:
        person.buys(account, at_ms, amount_minor, device=draw.choice(phones))
        later_ms = at_ms
        for _ in range(draw.choice((0, 0, 1, 3))):
            later_ms += draw.randrange(MINUTE_MS, 3 * HOUR_MS)
            person.buys(account, later_ms, draw.randrange(500, 6_000), device=draw.choice(phones))
    last_ms = max(bought[-1].at_ms, bought[0].at_ms + 120 * DAY_MS)
    for number in range(draw.randint(1, 4)):
        at_ms = bought[0].at_ms + draw.randrange(5, 60) * DAY_MS
        child = person.joins(at_ms, device=f"tablet-{person.person_id}")
        person.onboards(child, at_ms + HOUR_MS, device=f"tablet-{person.person_id}")
        person.does(account, at_ms + 2 * HOUR_MS, ReferralAccepted(f"{child}-joins", child))
        for _ in range(draw.randint(1, 4)):
            person.buys(child, at_ms + draw.randrange(DAY_MS, 50 * DAY_MS), draw.randrange(500, 4_000))
        if draw.random() < 0.5:
            person.gives(child, last_ms + number * 9 * MINUTE_MS + 70 * DAY_MS, account, draw.randint(20, 80))
    spree(person, account, last_ms + 71 * DAY_MS, 400)


def traveller(person: Person, bought: list[Bought]) -> None:
    """In the air every other week, abroad for days each time, and redeems where they happen to be."""
    draw = person.draw
    account = joined(person, bought)
    at_ms = bought[0].at_ms + draw.randrange(10, 40) * DAY_MS
    for _ in range(draw.randint(4, 16)):
        end_ms = at_ms + draw.randrange(1, 6) * DAY_MS
        person.trips.append(Trip(at_ms, end_ms, elsewhere(draw, person.home, ABROAD + HOMES)))
        for _ in range(draw.randint(1, 4)):
            person.buys(account, draw.randrange(at_ms, end_ms), draw.randrange(800, 20_000))
        if draw.random() < 0.2:
            spree(person, account, draw.randrange(at_ms, end_ms), 300)
        at_ms = end_ms + draw.randrange(5, 15) * DAY_MS
    shop(person, account, bought)


def gift_season(person: Person, bought: list[Bought]) -> None:
    """Buys for everybody within three weeks, many times what is usual, and turns the year's points into vouchers at a
    sitting."""
    draw = person.draw
    account = joined(person, bought, draw.choice((0, 500, 1_500)))
    start_ms = bought[0].at_ms + draw.randrange(100, 350) * DAY_MS
    shop(person, account, bought)
    for _ in range(draw.randint(6, 20)):
        person.buys(account, start_ms + draw.randrange(20 * DAY_MS), draw.randrange(2_000, 30_000))
    spree(person, account, start_ms + draw.randrange(20 * DAY_MS), draw.choice((300, 600, 1_200)))


def saver(person: Person, bought: list[Bought]) -> None:
    """Saves for years, then takes it all in an evening."""
    opening = round(person.draw.lognormvariate(6.8, 0.6))
    account = joined(person, bought, opening)
    for at_ms, amount_minor in bought:
        person.buys(account, at_ms, amount_minor)
    spree(person, account, bought[-1].at_ms + person.draw.randrange(20, 100) * DAY_MS, opening)


def returner(person: Person, bought: list[Bought]) -> None:
    """Orders three sizes and brings two back."""
    account = joined(person, bought)
    shop(person, account, bought, refunded=0.45)


def mover(person: Person, bought: list[Bought]) -> None:
    """Moves house: a new address in the profile and a new phone within weeks, sometimes on one day, and a voucher
    after that when it suits."""
    draw = person.draw
    account = joined(person, bought, draw.choice((0, 200, 600)))
    at_ms = bought[len(bought) // 2].at_ms + draw.randrange(20 * DAY_MS, 60 * DAY_MS)
    person.does(account, at_ms, ProfileChanged("US", "", "1970-01-01"))
    person.new_phone_ms = at_ms + draw.choice((HOUR_MS, 5 * DAY_MS, 30 * DAY_MS))
    person.buys(account, at_ms + draw.randrange(HOUR_MS, 40 * DAY_MS), draw.randrange(1_000, 20_000))
    spree(person, account, at_ms + draw.randrange(2 * DAY_MS, 120 * DAY_MS), 300)
    shop(person, account, bought)


def big_ticket(person: Person, bought: list[Bought]) -> None:
    """Buys small things for months, and then a kitchen."""
    account = joined(person, bought)
    shop(person, account, bought)
    usual = sorted(one.amount_minor for one in bought)[len(bought) // 2]
    price_minor = round(usual * person.draw.lognormvariate(2.7, 0.5))
    person.buys(account, bought[-1].at_ms + person.draw.randrange(5, 60) * DAY_MS, price_minor)


def newcomer(person: Person, bought: list[Bought]) -> None:
    """Joins for the coffees that the welcome is worth, and buys weeks later, if ever."""
    draw = person.draw
    joined_ms = bought[0].at_ms - 40 * DAY_MS
    account = person.joins(joined_ms)
    person.onboards(account, joined_ms + HOUR_MS)
    at_ms = joined_ms + draw.randrange(2 * HOUR_MS, 20 * DAY_MS)
    for _ in range(draw.randint(1, 2)):
        person.redeems(account, at_ms, COFFEE)
        at_ms += draw.randrange(MINUTE_MS, 5 * DAY_MS)
    if draw.random() < 0.6:
        shop(person, account, bought)


def ambassador(person: Person, bought: list[Bought]) -> None:
    """Brings friends, who join by phones of their own over months, and buy; half of them try what they were given for
    joining before that."""
    draw = person.draw
    account = joined(person, bought)
    person.apart = True
    for number in range(draw.randint(3, 8)):
        at_ms = bought[0].at_ms + draw.randrange(DAY_MS, 300 * DAY_MS)
        phone = f"phone-{person.person_id}-friend-{number}"
        friend = person.joins(at_ms, device=phone)
        person.does(account, at_ms + HOUR_MS, ReferralAccepted(f"{friend}-joins", friend))
        if draw.random() < 0.5:
            person.redeems(friend, at_ms + draw.randrange(2 * HOUR_MS, 20 * DAY_MS), COFFEE, device=phone)
        for _ in range(draw.randint(1, 5)):
            person.buys(friend, at_ms + draw.randrange(HOUR_MS, 90 * DAY_MS), draw.randrange(800, 9_000), device=phone)
    shop(person, account, bought)


ODD: Final[dict[str, Honest]] = {
    "holiday": holiday,
    "family": family,
    "traveller": traveller,
    "gift season": gift_season,
    "saver": saver,
    "returner": returner,
    "mover": mover,
    "big ticket": big_ticket,
    "newcomer": newcomer,
    "ambassador": ambassador,
}
