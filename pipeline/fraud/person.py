"""One person of the trial: an honest member, or an attacker with every account they use, and all that they do."""

import random
from typing import Final, NamedTuple, final

from pipeline.core.events import Event
from pipeline.core.payloads import (
    MemberEnrolled,
    OnboardingCompleted,
    Payload,
    PointsAdjusted,
    RedemptionRequested,
    TransactionCompleted,
    TransactionRefunded,
    TransferRequested,
)
from pipeline.fraud.customers import CURRENCY
from pipeline.fraud.places import HOMES, Spot, journey_ms, near

SOURCE: Final = "trial"
SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
PENDING_MS: Final = 15 * DAY_MS
"""Points of purchases can be spent after that."""
VOUCHERS: Final = {"voucher-5": 100, "voucher-20": 400, "voucher-50": 1_000}
COFFEE: Final = "coffee"
COFFEE_POINTS: Final = 25


class Trip(NamedTuple):
    """Where somebody is for a while; who flies is out of sight for the journey before and after."""

    start_ms: int
    end_ms: int
    spot: Spot


@final
class Person:
    """`kind` is what they are; `honest` says on which side. `events` are all they do, in the order it was written.

    `attack_ids` are the events that an attack consists of, `attack_ms` when it begins. From `new_phone_ms` on, unless
    it is 0, they have a new phone. Accounts that are `apart` have an address each, else they share one.
    """

    def __init__(self, person_id: str, kind: str, honest: bool, draw: random.Random) -> None:
        self.person_id = person_id
        self.kind = kind
        self.honest = honest
        self.draw = draw
        self.home = draw.choice(HOMES)
        self.device = f"phone-{person_id}"
        self.new_phone_ms = 0
        self.apart = False
        self.accounts: list[str] = []
        self.events: list[Event] = []
        self.attack_ids: set[str] = set()
        self.attack_ms = 0
        self.trips: list[Trip] = []
        self._written = 0

    def does(
        self,
        account: str,
        at_ms: int,
        payload: Payload,
        *,
        attack: bool = False,
        spot: Spot | None = None,
        device: str = "",
        partner: str = "",
    ) -> bool:
        """Write down one event, by the person's own phone and where they are unless another is given. Returns False,
        and writes nothing, where they are on a journey."""
        if spot is None:
            spot = self.place_at(at_ms)
            if spot is None:
                return False
        here = near(self.draw, spot)
        told = {
            "device": device or self.phone_at(at_ms),
            "address": f"home-{account if self.apart else self.person_id}",
            "place": f"store-{here.town}",
            "country": here.country,
            "lat": f"{here.lat:.4f}",
            "lon": f"{here.lon:.4f}",
        }
        if partner:
            told["partner"] = partner
        event_id = self._new_id("event")
        self.events.append(Event(event_id, account, at_ms, SOURCE, "", told, payload, at_ms))
        if attack:
            self.attack_ids.add(event_id)
            self.attack_ms = min(self.attack_ms or at_ms, at_ms)
        return True

    def _new_id(self, what: str) -> str:
        self._written += 1
        return f"{what}-{self.person_id}-{self._written}"

    def phone_at(self, at_ms: int) -> str:
        """The person's own phone."""
        return f"{self.device}-new" if self.new_phone_ms and at_ms >= self.new_phone_ms else self.device

    def place_at(self, at_ms: int) -> Spot | None:
        """Where the person is; None on the way."""
        for trip in self.trips:
            way_ms = journey_ms(self.home, trip.spot)
            if trip.start_ms <= at_ms <= trip.end_ms:
                return trip.spot
            if trip.start_ms - way_ms < at_ms < trip.end_ms + way_ms:
                return None
        return self.home

    def joins(self, at_ms: int, opening: int = 0, *, attack: bool = False, device: str = "") -> str:
        """Open another account, with so many points brought over from the programme before. Returns its id."""
        account = f"{self.person_id}-{len(self.accounts)}" if self.accounts else self.person_id
        self.accounts.append(account)
        self.does(account, at_ms, MemberEnrolled("US", "", ""), attack=attack, spot=self.home, device=device)
        if opening:
            adjusted = PointsAdjusted("points", opening, "brought over", "migration")
            self.does(account, at_ms + SECOND_MS, adjusted, spot=self.home, device=device)
        return account

    def onboards(self, account: str, at_ms: int, *, attack: bool = False, device: str = "") -> None:
        """Complete what is asked of new members."""
        for step, flow in enumerate(("profile", "app")):
            done = OnboardingCompleted(flow, "app")
            self.does(account, at_ms + step * 5 * MINUTE_MS, done, attack=attack, spot=self.home, device=device)

    def buys(
        self,
        account: str,
        at_ms: int,
        amount_minor: int,
        *,
        attack: bool = False,
        spot: Spot | None = None,
        device: str = "",
        partner: str = "",
    ) -> str:
        """Buy; returns the order's id, "" where they could not."""
        order_id = self._new_id("order")
        payload = TransactionCompleted(order_id, amount_minor, CURRENCY, "app")
        done = self.does(account, at_ms, payload, attack=attack, spot=spot, device=device, partner=partner)
        return order_id if done else ""

    def refunds(self, account: str, at_ms: int, order_id: str, amount_minor: int, *, attack: bool = False) -> None:
        """Bring back all of an order."""
        payload = TransactionRefunded(order_id, amount_minor, CURRENCY, "returned")
        self.does(account, at_ms, payload, attack=attack)

    def redeems(
        self,
        account: str,
        at_ms: int,
        reward_id: str,
        *,
        attack: bool = False,
        spot: Spot | None = None,
        device: str = "",
    ) -> None:
        """Ask for one reward."""
        payload = RedemptionRequested(self._new_id("redemption"), reward_id, 1, "app")
        self.does(account, at_ms, payload, attack=attack, spot=spot, device=device)

    def gives(
        self, account: str, at_ms: int, receiver: str, points: int, *, attack: bool = False, device: str = ""
    ) -> None:
        """Give points to another member."""
        payload = TransferRequested(self._new_id("transfer"), receiver, points, "points")
        self.does(account, at_ms, payload, attack=attack, device=device)


def vouchers(draw: random.Random, points: int, largest: int = 1_000) -> list[str]:
    """Vouchers for about so many points, of at most `largest` each, in a random mix."""
    found: list[str] = []
    left = points
    while left >= 100:
        fitting = [name for name, price in VOUCHERS.items() if price <= min(left, largest)]
        found.append(draw.choice(fitting))
        left -= VOUCHERS[found[-1]]
    return found
