"""Attacks that take the points of others, or more than their own: labelled redemptions and what leads up to them."""

from pipeline.core.payloads import ProfileChanged
from pipeline.fraud.customers import Bought
from pipeline.fraud.honest import joined, shop
from pipeline.fraud.person import COFFEE, DAY_MS, HOUR_MS, MINUTE_MS, PENDING_MS, SECOND_MS, Person, vouchers
from pipeline.fraud.places import ABROAD, DENIED, HOMES, Spot, elsewhere


def robbed(person: Person, bought: list[Bought], points: int) -> tuple[str, int]:
    """A member with so many points, who shops as honest ones do until a moment; (account, that moment)."""
    draw = person.draw
    account = joined(person, bought, points)
    end_ms = bought[-1].at_ms + PENDING_MS + draw.randrange(5, 40) * DAY_MS
    shop(person, account, bought)
    person.events = [event for event in person.events if event.occurred_at_ms < end_ms]
    return account, end_ms


def emptied(
    person: Person,
    account: str,
    at_ms: int,
    points: int,
    pause_ms: int,
    *,
    largest: int = 1_000,
    spot: Spot | None = None,
    device: str = "",
) -> None:
    """Redeem for about so many points, vouchers about `pause_ms` apart."""
    rewards = vouchers(person.draw, points, largest) or [COFFEE]
    for reward_id in rewards:
        person.redeems(account, at_ms, reward_id, attack=True, spot=spot, device=device)
        at_ms += max(SECOND_MS, round(person.draw.expovariate(1 / pause_ms)))


def burst(person: Person, bought: list[Bought], points: int) -> None:
    """A script on the member's own phone takes small vouchers, seconds apart."""
    account, at_ms = robbed(person, bought, points)
    emptied(person, account, at_ms, points, person.draw.choice((2, 15, 40)) * SECOND_MS, largest=400)


def takeover(person: Person, bought: list[Bought], points: int) -> None:
    """The profile is changed, and a device that the member never had takes what is there, soon or a day later."""
    draw = person.draw
    account, at_ms = robbed(person, bought, points)
    device = f"stranger-{person.person_id}"
    spot = elsewhere(draw, person.home, HOMES + ABROAD[:5])
    at_ms += DAY_MS
    person.does(account, at_ms, ProfileChanged("US", "", "1980-01-01"), attack=True, spot=spot, device=device)
    at_ms += round(draw.lognormvariate(0.7, 1.2) * HOUR_MS)
    emptied(person, account, at_ms, points, 5 * MINUTE_MS, spot=spot, device=device)


def new_device(person: Person, bought: list[Bought], points: int) -> None:
    """A stolen password: nothing is changed, and a new device in another town, days later, redeems at leisure."""
    draw = person.draw
    account, at_ms = robbed(person, bought, points)
    spot = elsewhere(draw, person.home, ABROAD + HOMES)
    at_ms += draw.randrange(2, 9) * DAY_MS
    emptied(person, account, at_ms, points, 3 * HOUR_MS, spot=spot, device=f"stranger-{person.person_id}")


def travel(person: Person, bought: list[Bought], points: int) -> None:
    """A cloned session redeems from far away, while the member shops at home."""
    draw = person.draw
    account, at_ms = robbed(person, bought, points)
    spot = elsewhere(draw, person.home, ABROAD + HOMES)
    person.buys(account, at_ms, draw.randrange(500, 5_000))
    at_ms += round(draw.expovariate(1 / (2 * HOUR_MS))) + MINUTE_MS
    emptied(person, account, at_ms, points, 30 * MINUTE_MS, spot=spot)


def denied_country(person: Person, bought: list[Bought], points: int) -> None:
    """Redeems from a country that is not served; now and then by way of another one."""
    draw = person.draw
    account, at_ms = robbed(person, bought, points)
    at_ms += 3 * DAY_MS
    for reward_id in vouchers(draw, points, 400) or [COFFEE]:
        spot = draw.choice(DENIED) if draw.random() < 0.7 else person.home
        person.redeems(account, at_ms, reward_id, attack=True, spot=spot)
        at_ms += DAY_MS + draw.randrange(20 * HOUR_MS)


def structuring(person: Person, bought: list[Bought], points: int) -> None:
    """Takes what is there in small vouchers, under what any hour or day would show, night and day until it is gone."""
    draw = person.draw
    account, at_ms = robbed(person, bought, points)
    device = f"stranger-{person.person_id}"
    for reward_id in vouchers(draw, points, 100) or [COFFEE]:
        person.redeems(account, at_ms, reward_id, attack=True, device=device)
        at_ms += draw.randrange(65 * MINUTE_MS, 5 * HOUR_MS)


def refund_abuse(person: Person, bought: list[Bought], points: int) -> None:
    """Buys, waits until the points can be spent, spends them, and brings the goods back; over and over."""
    draw = person.draw
    account = joined(person, bought)
    at_ms = bought[0].at_ms
    cycles = draw.randint(1, 6) if points < 1_000 else draw.randint(3, 12)
    for _ in range(cycles):
        own = max(points // cycles, 100)
        amount_minor = own * 100 + draw.randrange(500)
        order_id = person.buys(account, at_ms, amount_minor, attack=True)
        at_ms += PENDING_MS + draw.randrange(3 * DAY_MS)
        emptied(person, account, at_ms, own, HOUR_MS)
        at_ms += draw.randrange(HOUR_MS, 5 * DAY_MS)
        person.refunds(account, at_ms, order_id, amount_minor, attack=True)
        at_ms += draw.randrange(HOUR_MS, 10 * DAY_MS)


def transferred_away(person: Person, bought: list[Bought], points: int) -> None:
    """As a takeover, but the points are given to an account of the thief's, which redeems."""
    draw = person.draw
    account, at_ms = robbed(person, bought, points)
    device = f"stranger-{person.person_id}"
    spot = elsewhere(draw, person.home, HOMES)
    own_phone, home = person.device, person.home
    person.device, person.home = device, spot
    mule = person.joins(at_ms - 5 * DAY_MS, device=device)
    at_ms += DAY_MS
    person.does(account, at_ms, ProfileChanged("US", "", "1980-01-01"), attack=True, spot=spot, device=device)
    at_ms += round(draw.lognormvariate(0.7, 1.2) * HOUR_MS)
    person.gives(account, at_ms, mule, max(points * 9 // 10, 20), attack=True)
    emptied(person, mule, at_ms + draw.randrange(MINUTE_MS, 5 * HOUR_MS), points * 9 // 10, 5 * MINUTE_MS)
    person.device, person.home = own_phone, home
