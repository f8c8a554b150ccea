"""Pools as such: never overspent, never refused while something is left, each code given once."""

from __future__ import annotations

from random import Random

import pytest

from pipeline.core.memory import MemoryPools
from pipeline.core.pools import Pool, answer_event, balance, decide, request_fault
from pipeline.core.records import PoolRequest

BUDGET = "budget:summer"
CODES = "codes:cinema"


def take(
    amount: int, limit: int = 100, at_ms: int = 1_000, pool_id: str = BUDGET, request_id: str = "r"
) -> PoolRequest:
    return PoolRequest(request_id, pool_id, "take", amount, limit, [], "m", "e", "p", at_ms, at_ms)


def back(amount: int, pool_id: str = BUDGET, codes: tuple[str, ...] = ()) -> PoolRequest:
    return PoolRequest("b", pool_id, "give_back", amount, 0, list(codes), "m", "e", "p", 1_000, 1_000)


def load(*codes: str) -> PoolRequest:
    return PoolRequest("l", CODES, "load", len(codes), 0, list(codes), "", "l", "", 1, 1)


def granted(pools: MemoryPools, request: PoolRequest) -> int:
    answer = decide(pools, request)
    assert answer is not None
    assert answer.desired == request.amount
    return answer.granted


def codes_of(pools: MemoryPools, amount: int) -> list[str]:
    answer = decide(pools, take(amount, 0, pool_id=CODES))
    assert answer is not None
    assert len(answer.codes) == answer.granted
    return answer.codes


def test_what_is_asked_is_granted_while_it_is_there_then_what_is_left_then_nothing() -> None:
    pools = MemoryPools()

    assert [granted(pools, take(40)) for _ in range(4)] == [40, 40, 20, 0]

    assert pools.pools[BUDGET].to_tuple()[:6] == (100, 1_000, 100, 160, 60, 4)


def test_what_is_given_back_can_be_given_again() -> None:
    pools = MemoryPools()
    granted(pools, take(100))

    assert decide(pools, back(30)) is None

    assert granted(pools, take(50)) == 30


def test_the_limit_is_that_of_the_request_that_occurred_last() -> None:
    """A late event was decided under an older programme: what that said of the budget is over."""
    pools = MemoryPools()
    assert granted(pools, take(60, limit=100, at_ms=1_000)) == 60
    assert granted(pools, take(60, limit=150, at_ms=2_000)) == 60
    assert granted(pools, take(60, limit=100, at_ms=1_500)) == 30


def test_a_limit_lowered_below_what_was_given_grants_nothing_and_takes_nothing_back() -> None:
    pools = MemoryPools()
    granted(pools, take(60))

    assert granted(pools, take(10, limit=50, at_ms=2_000)) == 0
    assert pools.pools[BUDGET].given == 60


def test_pools_do_not_know_of_each_other() -> None:
    pools = MemoryPools()

    assert granted(pools, take(100)) == 100
    assert granted(pools, take(100, pool_id="stock:coffee")) == 100


def test_codes_are_given_in_the_order_in_which_they_were_loaded_each_once() -> None:
    pools = MemoryPools()
    decide(pools, load("A", "B", "C"))

    assert codes_of(pools, 2) == ["A", "B"]
    assert codes_of(pools, 2) == ["C"]
    assert codes_of(pools, 1) == []


def test_loading_a_code_twice_is_harmless_given_or_not() -> None:
    pools = MemoryPools()
    decide(pools, load("A", "B"))
    assert codes_of(pools, 1) == ["A"]

    decide(pools, load("A", "B", "C"))

    assert codes_of(pools, 5) == ["B", "C"]
    assert pools.pools[CODES].limit == 3


def test_a_code_that_is_given_back_is_given_again_and_only_if_it_was_given() -> None:
    pools = MemoryPools()
    decide(pools, load("A", "B"))
    codes_of(pools, 1)

    decide(pools, back(3, CODES, ("A", "A", "B", "unknown")))

    assert codes_of(pools, 5) == ["B", "A"]
    assert pools.pools[CODES].given == 2


@pytest.mark.parametrize("seed", range(20))
def test_never_overspent_and_never_refused_while_something_is_left(seed: int) -> None:
    random = Random(seed)
    pools, given, limit = MemoryPools(), 0, 500
    for _ in range(300):
        if given and random.random() < 0.3:
            amount = random.randrange(1, given + 1)
            decide(pools, back(amount))
            given -= amount
        amount = random.randrange(1, 60)
        got = granted(pools, take(amount, limit))
        assert got == min(amount, limit - given)
        given += got
        assert given <= limit
    assert pools.pools[BUDGET].given == given


def test_the_answer_is_the_members_own_record_under_the_requests_id() -> None:
    request = take(5, request_id="abc")
    answer = decide(MemoryPools(), request)
    assert answer is not None

    event = answer_event(request, answer, 9)

    assert (event.event_id, event.member_id, event.source) == ("abc", "m", "accrue")
    assert (event.occurred_at_ms, event.recorded_at_ms) == (1_000, 9)


def test_a_balance_says_what_is_left() -> None:
    assert left(BUDGET, Pool(100, 0, 30)) == 70
    assert left(BUDGET, Pool(20, 0, 30)) == 0
    assert left(CODES, Pool(5, 0, 3, first=3, after=5)) == 2


def left(pool_id: str, pool: Pool) -> int:
    pools = MemoryPools()
    pools.put_pool(pool_id, pool)
    return balance(pools, pool_id, 7, 8).left


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (take(0), "out_of_range"),
        (take(1, pool_id=""), "missing_field"),
        (take(1, pool_id="summer"), "malformed"),
        (take(1, request_id=""), "missing_field"),
        (PoolRequest("r", BUDGET, "other", 1, 1, [], "m", "e", "p", 1, 1), "malformed"),
        (PoolRequest("r", BUDGET, "take", 1, 1, [], "", "e", "p", 1, 1), "missing_field"),
        (back(0), "out_of_range"),
        (back(1, CODES), "out_of_range"),
        (back(1, CODES, ("",)), "malformed"),
        (PoolRequest("l", BUDGET, "load", 1, 0, ["A"], "", "l", "", 1, 1), "malformed"),
        (load("x" * 201), "malformed"),
    ],
)
def test_a_request_that_is_not_sound_is_refused_with_its_reason(request_: PoolRequest, reason: str) -> None:
    fault = request_fault(request_)
    assert fault is not None
    assert fault[0] == reason


def test_sound_requests_have_no_fault() -> None:
    for request in (take(1), back(1), back(1, CODES, ("A",)), load("A")):
        assert request_fault(request) is None
