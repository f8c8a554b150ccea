"""Currencies with dated rates in program.yaml, and conditions on amounts in the base currency."""

from __future__ import annotations

import pytest
from core_programs import Bench, RewardDecision
from program_texts import SETTINGS, compiled, problems, rule

from pipeline.core.payloads import TransactionCompleted

LISTED = "currencies: [USD, EUR]\n"
RATES = """\
currencies:
  EUR: {}
  USD: {2026-07-01: 0.88, 2026-01-01: 0.92}
  JPY: {2026-01-01: 0.0061}
conversion: {base: EUR, rounding: half_up}
"""
BASE = "on: transaction_completed\nwhen: event.amount_base_minor >= 5000\n"
BASE += "award: {points: {per: 100, of: event.amount_base_minor}}"


def settings(text: str) -> dict[str, str]:
    return {"program.yaml": SETTINGS.replace(LISTED, text)}


def test_rates_are_compiled_by_date() -> None:
    program = compiled(settings(RATES))

    assert program.currencies == {"EUR", "USD", "JPY"}
    assert program.conversion is not None
    assert (program.conversion.base, program.conversion.rounding) == ("EUR", "half_up")
    assert [rate[1:] for rate in program.conversion.rates["USD"]] == [(92, 100), (88, 100)]
    assert compiled({}).conversion is None


def test_conditions_and_awards_see_the_amount_in_the_base_currency() -> None:
    bench = Bench(compiled({**settings(RATES), **rule(BASE)}), start="2026-03-01T12:00:00")
    bench.enrol()

    for number, (amount_minor, currency) in enumerate(
        [(5_400, "USD"), (10_000, "JPY"), (5_000, "EUR"), (8_000, "JPY")]
    ):
        bench.send(f"e{number}", TransactionCompleted(f"o{number}", amount_minor, currency, "", "", "", []))

    given = [{one.rule_id: one.value for one in decision.rewards} for decision in bench.of(RewardDecision)[1:]]
    assert [one.get("it") for one in given] == [None, 61, 50, None]


def test_what_is_converted_is_the_part_paid_with_money() -> None:
    bench = Bench(compiled({**settings(RATES), **rule(BASE)}), start="2026-03-01T12:00:00")
    bench.enrol()
    bench.adjust("gift", 100)

    bench.send("e1", TransactionCompleted("o1", 8_000, "USD", points_paid=100, points_paid_minor=1_000))
    bench.send("e2", TransactionCompleted("o2", 6_000, "USD", points_paid=1, points_paid_minor=600))

    given = [{one.rule_id: one.value for one in decision.rewards} for decision in bench.of(RewardDecision)[2:]]
    assert [one.get("it") for one in given] == [64, None]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (rule(BASE), "`event.amount_base_minor` needs a base currency, and the programme has none"),
        (settings(RATES.replace("base: EUR", "base: GBP")), "`GBP` is not among the currencies"),
        (settings(RATES.replace("EUR: {}", "EUR: {2026-01-01: 1}")), "EUR is the base and has no rate"),
        (settings(RATES.replace("{2026-01-01: 0.0061}", "{}")), "JPY has no rate"),
        (settings(RATES.replace("0.0061", "1/164")), "`2026-01-01`: `1/164` is not an exact decimal"),
        (settings(RATES.replace("2026-07-01", "1.7.2026")), "there is no date `1.7.2026`"),
        (settings(RATES.replace("2026-07-01", "2026-07-32")), "there is no date `2026-07-32`"),
        (settings(RATES.replace("  JPY", "  Yen")), "`Yen` is not a currency code"),
        (settings(RATES.partition("conversion")[0]), "program.yaml lacks `conversion`"),
        (settings(LISTED + "conversion: {base: EUR}\n"), "`conversion` needs rates"),
        (settings(RATES.replace("half_up", "up")), "`rounding` cannot be `up`"),
    ],
)
def test_misuse_is_refused_with_its_place(files: dict[str, str], message: str) -> None:
    assert any(f"error: {message}\n" in one for one in problems(files))
