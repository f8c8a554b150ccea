"""The sample programmes: neither mistakes nor warnings, in the rules or their examples, and each shows a subject."""

from pathlib import Path

import pytest

from pipeline.examples import check_examples
from pipeline.program import check, compile_bundle, load_program

PROGRAMS = Path(__file__).resolve().parents[3] / "programs"
SAMPLES = sorted(path.name for path in PROGRAMS.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_neither_mistakes_nor_warnings(name: str) -> None:
    assert check(PROGRAMS / name) == []
    assert check_examples(PROGRAMS / name, compile_bundle(load_program(PROGRAMS / name))) == []


def test_the_samples_show_shops_a_bank_and_an_airline() -> None:
    assert SAMPLES == ["airline", "bank", "guarded", "shop"]
    bank, airline = (compile_bundle(load_program(PROGRAMS / name)) for name in ("bank", "airline"))

    assert {"emi_payment_succeeded", "subscription_renewed", "transaction_completed"} <= bank.rules.keys()
    assert (bank.default_unit.unit_id, bank.qualification_unit) == ("cents", "points")
    assert (airline.default_unit.unit_id, airline.qualification_unit) == ("miles", "status")
