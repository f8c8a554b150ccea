"""Amounts become minor units exactly or not at all."""

import pytest

from pipeline.history.money import BadAmountError, minor_units


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("11.77", "USD", 1177),
        ("0.00", "USD", 0),
        ("12", "EUR", 1200),
        ("12.5", "EUR", 1250),
        ("1e3", "USD", 100_000),
        ("11.7700", "USD", 1177),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("0.1", "USD", 10),
        ("-3.10", "USD", -310),
        ("92233720368547758.07", "USD", 2**63 - 1),
    ],
)
def test_an_amount_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert minor_units(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("11.775", "USD", "more decimals than the 2 of USD"),
        ("0.5", "JPY", "more decimals than the 0 of JPY"),
        ("$5", "USD", "no number"),
        ("1,234.50", "USD", "no number"),
        ("", "USD", "no number"),
        ("NaN", "USD", "no finite number"),
        ("inf", "USD", "no finite number"),
        ("1e999999", "USD", "larger than any amount"),
        ("92233720368547758.08", "USD", "larger than any amount"),
    ],
)
def test_what_is_no_exact_amount_is_refused_with_the_reason(text: str, currency: str, why: str) -> None:
    with pytest.raises(BadAmountError, match=why):
        minor_units(text, currency)
