"""Several currencies: dated rates, ISO 4217 exponents, integers only, a named rounding."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from core_programs import Bench, Dead, ms, of, program
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.conversion import Conversion, exponent
from pipeline.core.payloads import EmiPaymentSucceeded, Payload, SubscriptionRenewed, TransactionCompleted
from pipeline.core.program import Program

BERLIN = ZoneInfo("Europe/Berlin")


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


RATES = {
    "EUR": (),
    "USD": ((day("2026-01-01"), 92, 100), (day("2026-07-01"), 88, 100)),
    "JPY": ((day("2026-01-01"), 61, 10_000),),
    "BHD": ((day("2026-01-01"), 25, 10),),
}
NOON = ms("2026-03-01T12:00:00")


def conversion(rounding: str = "half_even", base: str = "EUR") -> Conversion:
    return Conversion(base, rounding, RATES, BERLIN)


@pytest.mark.parametrize(
    ("currency", "amount_minor", "expected"),
    [
        ("EUR", 1_234, 1_234),
        ("USD", 10_000, 9_200),  # 100.00 USD
        ("JPY", 10_000, 6_100),  # 10,000 JPY have no decimals
        ("BHD", 10_000, 2_500),  # 10.000 BHD have three
        ("USD", 0, 0),
        ("USD", 10**12, 92 * 10**10),
    ],
)
def test_amounts_are_converted_by_iso_4217_exponents(currency: str, amount_minor: int, expected: int) -> None:
    assert conversion().base_minor(currency, amount_minor, NOON) == expected


def test_a_base_without_or_with_three_decimals() -> None:
    yen = Conversion("JPY", "floor", {"EUR": ((1, 164, 1),)}, BERLIN)
    dinar = Conversion("BHD", "floor", {"EUR": ((1, 4, 10),)}, BERLIN)

    assert yen.base_minor("EUR", 1_099, NOON) == 1_802  # 10.99 * 164 = 1,802.36
    assert dinar.base_minor("EUR", 1_001, NOON) == 4_004  # 10.01 * 0.4 = 4.004
    assert (exponent("JPY"), exponent("BHD"), exponent("CLF"), exponent("EUR")) == (0, 3, 4, 2)


@pytest.mark.parametrize(("rounding", "expected"), [("floor", 0), ("ceiling", 1), ("half_up", 1), ("half_even", 0)])
def test_the_rounding_is_named(rounding: str, expected: int) -> None:
    half = Conversion("EUR", rounding, {"USD": ((1, 1, 2),)}, BERLIN)

    assert half.base_minor("USD", 1, NOON) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-06-30T23:59:59+02:00", 9_200), ("2026-07-01T00:00:00+02:00", 8_800), ("2030-01-01T00:00:00", 8_800)],
)
def test_the_rate_is_that_of_the_local_day_on_which_the_event_occurred(at: str, expected: int) -> None:
    assert conversion().base_minor("USD", 10_000, ms(at)) == expected


@given(st.integers(0, 10**12), st.integers(1, 10**9), st.integers(0, 9), st.sampled_from(["USD", "JPY", "BHD"]))
def test_conversion_is_exact_but_for_one_rounding(amount: int, numerator: int, digits: int, currency: str) -> None:
    one = Conversion("EUR", "half_even", {currency: ((1, numerator, 10**digits),)}, BERLIN)

    exact = Fraction(amount, 10 ** exponent(currency)) * Fraction(numerator, 10**digits) * 100
    assert one.base_minor(currency, amount, NOON) == round(exact)


def shop(rates: Conversion) -> Program:
    made = program(currencies=frozenset({"EUR", "USD", "JPY", "BHD"}), zone="Europe/Berlin")
    made.conversion = rates
    return made


@pytest.mark.parametrize(
    "payload",
    [
        TransactionCompleted("o", 100, "USD", "", "", "", []),
        SubscriptionRenewed("s", "plan", 100, "USD", 1),
        EmiPaymentSucceeded("l", 1, 100, "USD", True),
    ],
    ids=lambda payload: type(payload).__name__,
)
def test_an_event_of_a_day_without_a_rate_goes_to_dead_letters(payload: Payload) -> None:
    bench = Bench(shop(conversion()), start="2025-12-31T22:59:59")

    (dead,) = of(Dead, bench.send("e1", payload))

    assert dead.reason == "no_exchange_rate"
    assert "has no rate on 2025-12-31T22:59:59Z" in dead.detail and "earlier rate" in dead.detail
    bench.at("2025-12-31T23:00:00").send("e1", payload)
    assert bench.reason == ""


def test_an_amount_beyond_its_range_in_the_base_currency_goes_to_dead_letters() -> None:
    dear = Conversion("EUR", "floor", {"BHD": ((1, 10**9, 1),)}, BERLIN)
    bench = Bench(shop(dear))

    (dead,) = of(Dead, bench.send("e1", TransactionCompleted("o", 10**6, "BHD", "", "", "", [])))

    assert (dead.reason, dead.detail.partition(" is ")[0]) == ("out_of_range", "amount_minor in EUR")
