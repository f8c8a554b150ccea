"""The generated shoppers: the same for the same seed, and alike to the customers whose published models they follow."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.demo.shoppers import (
    ACQUISITION_WEEKS,
    CDNOW_CUSTOMERS,
    FIRST_DAY,
    HORIZON_WEEKS,
    Purchase,
    shoppers,
    write_purchases,
)

REAL_FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "cdnow_purchases.txt"


def real_purchases() -> list[Purchase]:
    if not REAL_FILE.is_file():
        pytest.skip("the CDNOW purchases are not beside this checkout (../shared/data/cdnow_purchases.txt)")
    rows = [line.split() for line in REAL_FILE.read_text().splitlines()[1:] if line.strip()]
    return [
        Purchase(who, FIRST_DAY.fromisoformat(day), int(cds), round(100 * float(dollars)))
        for who, day, cds, dollars in rows
    ]


def days_per_customer(purchases: list[Purchase]) -> list[int]:
    """Days with a purchase per customer: the model counts two purchases of one day once, as its authors did."""
    return list(Counter(who for who, _day in {(p.customer_id, p.day) for p in purchases}).values())


def mean(values: list[int]) -> float:
    return sum(values) / len(values)


def test_the_same_seed_gives_the_same_shoppers_and_another_seed_others() -> None:
    assert list(shoppers(200, 7)) == list(shoppers(200, 7))
    assert list(shoppers(200, 7)) != list(shoppers(200, 8))


def test_a_larger_run_begins_with_the_customers_of_a_smaller_one() -> None:
    small = list(shoppers(50, 1))

    assert list(shoppers(90, 1))[: len(small)] == small


def test_every_customer_first_buys_within_the_acquisition_weeks_and_in_order() -> None:
    purchases = list(shoppers(2_000, 3))

    first_days = {p.customer_id: p.day for p in reversed(purchases)}
    assert len(first_days) == 2_000
    assert max(first_days.values()) < FIRST_DAY + timedelta(weeks=ACQUISITION_WEEKS)
    assert max(p.day for p in purchases) < FIRST_DAY + timedelta(weeks=HORIZON_WEEKS)
    assert [(p.customer_id, p.day) for p in purchases] == sorted((p.customer_id, p.day) for p in purchases)
    assert all(p.value_cents >= 1 and p.number_of_cds >= 1 for p in purchases)


def test_no_customers_are_refused() -> None:
    with pytest.raises(ValueError, match="customers is 0: give at least 1"):
        next(shoppers(0, 1))


def test_the_file_is_written_as_the_real_one_is(tmp_path: Path) -> None:
    written = write_purchases(tmp_path / "purchases.txt", shoppers(3, 1))

    lines = (tmp_path / "purchases.txt").read_text().splitlines()
    assert lines[0].split() == ["customer_id", "date", "number_of_cds", "dollar_value"]
    assert lines[1:] == [p.line() for p in shoppers(3, 1)]
    assert len(lines) == written + 1
    assert Purchase("00001", FIRST_DAY, 2, 1205).line() == "00001 19970101 2 12.05"


def test_the_shoppers_are_alike_to_the_real_customers() -> None:
    """Tolerances: mean purchases 8%, share of one-time customers 4 points, mean spend and CDs 6%, median spend 6%."""
    real = real_purchases()
    made = list(shoppers(CDNOW_CUSTOMERS, 1))

    assert mean(days_per_customer(made)) == pytest.approx(mean(days_per_customer(real)), rel=0.08)
    once = [days_per_customer(some).count(1) / CDNOW_CUSTOMERS for some in (made, real)]
    assert once[0] == pytest.approx(once[1], abs=0.04)
    assert mean([p.value_cents for p in made]) == pytest.approx(mean([p.value_cents for p in real]), rel=0.06)
    assert mean([p.number_of_cds for p in made]) == pytest.approx(mean([p.number_of_cds for p in real]), rel=0.06)
    medians = [sorted(p.value_cents for p in some)[len(some) // 2] for some in (made, real)]
    assert medians[0] == pytest.approx(medians[1], rel=0.06)
    assert len(made) == pytest.approx(len(real), rel=0.10)
