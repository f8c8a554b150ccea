"""The circuit breaker: every row of its table, and what time does."""

from __future__ import annotations

import itertools

import pytest

from pipeline.partners.breaker import ANSWERED, CLOSED, FAILED, HALF_OPEN, LOST, OPEN, STATES, TRANSITIONS, Breaker
from pipeline.program.partners import BreakerPolicy

POLICY = BreakerPolicy(failures=3, pause_ms=30_000, probes=2)


def test_the_table_has_every_row() -> None:
    assert set(TRANSITIONS) == set(itertools.product(STATES, (ANSWERED, FAILED, LOST)))


@pytest.mark.parametrize(("state", "how"), list(TRANSITIONS))
def test_each_row_is_followed(state: str, how: str) -> None:
    breaker = Breaker(state, failures=POLICY.failures - 1 if state == CLOSED else 0, until_ms=5, probing=1)

    breaker.ended(how, POLICY, 100)

    assert breaker.state == TRANSITIONS[state, how]


def test_it_opens_only_at_the_last_failure_in_a_row() -> None:
    breaker = Breaker()
    for how in (FAILED, FAILED, ANSWERED, FAILED, LOST, FAILED):
        breaker.ended(how, POLICY, 1_000)
        assert breaker.state == CLOSED
    breaker.ended(FAILED, POLICY, 1_000)

    assert breaker.state == OPEN and breaker.room(POLICY, 30_999, 8) == 0


def test_after_the_pause_a_few_calls_try() -> None:
    breaker = Breaker(OPEN, until_ms=31_000)

    assert breaker.room(POLICY, 31_000, 8) == 2
    breaker.called()
    assert breaker.room(POLICY, 31_000, 8) == 1
    breaker.called()
    assert breaker.room(POLICY, 31_000, 8) == 0
    breaker.ended(ANSWERED, POLICY, 31_500)
    assert breaker.state == CLOSED and breaker.room(POLICY, 31_500, 8) == 8


def test_a_failed_trial_opens_it_for_another_pause() -> None:
    breaker = Breaker(OPEN, until_ms=31_000)
    breaker.room(POLICY, 31_000, 8)
    breaker.called()

    breaker.ended(FAILED, POLICY, 32_000)

    assert breaker.room(POLICY, 61_999, 8) == 0
    assert breaker.room(POLICY, 62_000, 8) == 2 and breaker.state == HALF_OPEN


def test_an_answer_of_before_does_not_end_the_pause() -> None:
    breaker = Breaker(OPEN, until_ms=31_000)
    breaker.ended(ANSWERED, POLICY, 2_000)
    assert breaker.room(POLICY, 30_000, 8) == 0


def test_a_lost_trial_makes_room_for_another() -> None:
    breaker = Breaker(OPEN, until_ms=1)
    breaker.room(POLICY, 1, 8)
    breaker.called()
    breaker.called()

    breaker.ended(LOST, POLICY, 2)

    assert breaker.state == HALF_OPEN and breaker.room(POLICY, 2, 8) == 1
