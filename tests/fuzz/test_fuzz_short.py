"""A short run of both fuzzers, and that they would notice: a decoder or a check that is wrong is found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "property" / "wire"))

import fuzz_programs
import fuzz_wire
from fuzz_command import programs, wire
from fuzz_programs import TEXTS, ProgramFuzz
from fuzz_wire import WireFuzz, Wrong

from pipeline.core.reasons import NOT_AVRO, UNDECODABLE, UNKNOWN_SCHEMA, UNKNOWN_TYPE
from pipeline.wire.codec import Undecodable

SEED = 20_260_301


def test_thirty_thousand_values_are_decoded_or_refused_and_refusals_end_in_dead_letters() -> None:
    assert wire(SEED, 30_000) is None


def test_three_hundred_programmes_are_refused_or_work() -> None:
    assert programs(SEED, 300) is None


def test_a_seed_gives_all_kinds_of_values_and_the_same_again() -> None:
    one, two = WireFuzz(SEED, 20), WireFuzz(SEED, 20)
    one.run(3_000)
    two.run(3_000)

    assert one.reasons == two.reasons
    assert one.at_hand == two.at_hand
    assert {"decoded", NOT_AVRO, UNDECODABLE, UNKNOWN_SCHEMA, UNKNOWN_TYPE} <= one.reasons.keys()


def raises_key_error(_value: bytes, _at_ms: int) -> object:
    raise KeyError("x")


def refuses_untyped(_value: bytes, _at_ms: int) -> object:
    raise Undecodable("odd", "for no reason of ours")


@pytest.mark.parametrize(
    ("decode", "found"), [(raises_key_error, "KeyError"), (refuses_untyped, "typed"), (lambda _v, _a: 7, "fastavro")]
)
def test_a_decoder_that_is_wrong_is_noticed(decode: Callable[[bytes, int], object], found: str) -> None:
    fuzz = WireFuzz(SEED, 0)
    fuzz.decoder = SimpleNamespace(decode=decode)  # type: ignore[assignment]

    with pytest.raises(Wrong, match=found):
        fuzz.run(50)


def test_a_decoder_that_drops_bytes_is_noticed_and_the_value_shrunk() -> None:
    fuzz = WireFuzz(SEED, 0)
    decode = fuzz.decoder.decode

    def lenient(value: bytes, at_ms: int) -> object:
        try:
            return decode(value, at_ms)
        except Undecodable:
            return decode(value[:-1], at_ms)

    fuzz.decoder = SimpleNamespace(decode=lenient)  # type: ignore[assignment]
    with pytest.raises(Wrong):
        fuzz.run(10_000)
    small = fuzz_wire.shrunk(fuzz, fuzz.at_hand)
    assert len(small) <= len(fuzz.at_hand)
    with pytest.raises(Wrong):
        fuzz.judge(small)


def test_a_programme_that_makes_the_check_raise_is_noticed_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz = ProgramFuzz(SEED)
    check = fuzz_programs.check_texts

    def breaks(texts: dict[str, str], report: object) -> object:
        if "platinum" in texts.get("tiers.yaml", ""):
            raise ZeroDivisionError
        return check(texts, report)  # type: ignore[arg-type]

    texts = {**TEXTS, "tiers.yaml": TEXTS["tiers.yaml"] + "\n# platinum\n"}
    monkeypatch.setattr(fuzz_programs, "check_texts", breaks)
    with pytest.raises(Wrong, match="ZeroDivisionError"):
        fuzz.judge(texts)
    small = fuzz_programs.shrunk(fuzz.judge, texts)
    assert sum(text.count("\n") for text in small.values()) <= 1
