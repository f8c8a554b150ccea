"""Shoppers as they really buy: seeded purchases by the two models that are known to fit the CDNOW customers.

When they buy: BG/NBD (Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24, 2005). A
customer buys at a Poisson rate of their own, gamma distributed over customers, and after each repeat purchase leaves
for good with a probability of their own, beta distributed. What they spend: gamma-gamma (Fader and Hardie, The
Gamma-Gamma Model of Monetary Value, 2013). Both are given here with the values published for the
CDNOW data: 23,570 customers who first bought within 12 weeks, followed for 78.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

CDNOW_CUSTOMERS: Final = 23_570
FIRST_DAY: Final = date(1997, 1, 1)
ACQUISITION_WEEKS: Final = 12
HORIZON_WEEKS: Final = 78

RATE_SHAPE_R: Final = 0.243
RATE_ALPHA_WEEKS: Final = 4.414
LEAVE_A: Final = 0.793
LEAVE_B: Final = 2.426

SPEND_SHAPE_P: Final = 6.25
SPEND_Q: Final = 3.74
SPEND_GAMMA_DOLLARS: Final = 15.44

CD_PRICE_CENTS: Final = (1_100, 1_900)
"""Range of what one CD costs on average in a purchase; it gives the 2.4 CDs that a purchase has in the data."""

HEADER: Final = "customer_id date number_of_cds dollar_value"


class Purchase(NamedTuple):
    """One purchase. `value_cents` is the paid total in US cents."""

    customer_id: str
    day: date
    number_of_cds: int
    value_cents: int

    def line(self) -> str:
        """The purchase as the CDNOW file has it: whitespace columns, date as YYYYMMDD, dollars with two decimals."""
        dollars, cents = divmod(self.value_cents, 100)
        return f"{self.customer_id} {self.day:%Y%m%d} {self.number_of_cds} {dollars}.{cents:02}"


def shoppers(customers: int, seed: int) -> Iterator[Purchase]:
    """Purchases of `customers` customers, customer by customer, each in order of time; the same for the same seed.

    Every customer draws from a stream of their own, so the first customers of a larger run are those of a smaller one.
    About 2.8 purchases a customer. Raises ValueError for fewer than one customer.
    """
    if customers < 1:
        raise ValueError(f"customers is {customers}: give at least 1")
    width = max(5, len(str(customers)))
    for number in range(1, customers + 1):
        draw = random.Random(f"{seed}/{number}")  # noqa: S311 - a model of shoppers, no secret
        customer_id = f"{number:0{width}}"
        spend_rate = draw.gammavariate(SPEND_Q, 1 / SPEND_GAMMA_DOLLARS)
        for weeks in _purchase_times_weeks(draw):
            day = FIRST_DAY + timedelta(days=int(weeks * 7))
            value_cents = max(1, round(100 * draw.gammavariate(SPEND_SHAPE_P, 1 / spend_rate)))
            cds = max(1, round(value_cents / draw.uniform(*CD_PRICE_CENTS)))
            yield Purchase(customer_id, day, cds, value_cents)


def write_purchases(path: Path, purchases: Iterator[Purchase]) -> int:
    """Write them as the CDNOW file is written, header first; returns how many. Raises OSError."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for purchase in purchases:
            file.write(purchase.line() + "\n")
            count += 1
    return count


def _purchase_times_weeks(draw: random.Random) -> Iterator[float]:
    """The first purchase and the repeats before the horizon, in weeks since the first day."""
    at = draw.random() * ACQUISITION_WEEKS
    rate = draw.gammavariate(RATE_SHAPE_R, 1 / RATE_ALPHA_WEEKS)
    leave = draw.betavariate(LEAVE_A, LEAVE_B)
    yield at
    while rate > 0:  # a shape this small draws rates that underflow to zero: such a customer never returns
        at += draw.expovariate(rate)
        if at >= HORIZON_WEEKS:
            return
        yield at
        if draw.random() < leave:
            return
