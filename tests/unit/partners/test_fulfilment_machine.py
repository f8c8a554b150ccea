"""What becomes of one fulfilment, sentence by sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from partner_samples import ACME, CALLBACK, NOW_MS, OTHER, command, falling_back, policies

from pipeline.partners import fulfilment as machine
from pipeline.partners.fulfilment import Fulfilment, Policies, Result
from pipeline.program.partners import Fallback

PLAIN = policies(ACME)


def begun(known: Policies = PLAIN) -> Fulfilment:
    return machine.begin(command(), NOW_MS, known)


def called(f: Fulfilment, at_ms: int = NOW_MS, known: Policies = PLAIN) -> Fulfilment:
    machine.next_call(f, at_ms, known)
    return f


def answer(f: Fulfilment, means: str, at_ms: int = NOW_MS + 1_000, known: Policies = PLAIN, **more: object) -> bool:
    result = Result(f.provider, f.calls, means, **more)  # type: ignore[arg-type]
    return machine.answered(f, result, at_ms, known)


def told(f: Fulfilment, means: str, known: Policies = PLAIN, provider: str = "acme") -> bool:
    return machine.answered(f, Result(provider, 0, means), NOW_MS + 2_000, known)


def test_the_first_attempt_is_due_at_once() -> None:
    f = begun()
    assert (f.state, f.due_ms) == ("waiting", NOW_MS)
    assert machine.next_call(f, NOW_MS, PLAIN) == "fulfil"
    assert f.state == "calling" and f.due_ms == NOW_MS + 10_000 + machine.LATE_MS


def test_confirmed_ends_it() -> None:
    f = called(begun())
    answer(f, "confirmed", reference="A-7")
    assert (f.state, f.reference, f.given, f.due_ms) == ("confirmed", "A-7", 0, 0)


def test_a_part_is_confirmed_as_a_part() -> None:
    f = called(begun())
    answer(f, "confirmed", quantity=1)
    assert (f.state, f.given) == ("confirmed", 1)


def test_a_timeout_is_unknown_and_asked_about() -> None:
    f = called(begun())
    answer(f, "unknown", NOW_MS + 10_000)
    assert f.state == "unknown" and 4_500 <= f.due_ms - NOW_MS - 10_000 <= 5_500
    assert machine.next_call(f, f.due_ms, PLAIN) == "ask"
    answer(f, "confirmed")
    assert f.state == "confirmed"


def test_what_the_partner_knows_nothing_of_is_tried_again() -> None:
    f = called(begun())
    answer(f, "unknown", NOW_MS + 10_000)
    called(f, NOW_MS + 15_000)
    answer(f, "absent", NOW_MS + 15_100)
    assert f.state == "waiting" and f.attempts == 1
    assert machine.next_call(f, f.due_ms, PLAIN) == "fulfil"


def test_without_idempotency_absent_is_believed_only_when_the_call_can_no_longer_be_acted_on() -> None:
    known = policies(replace(ACME, idempotent=False))
    f = called(begun(known), known=known)
    answer(f, "unknown", NOW_MS + 10_000, known)
    called(f, NOW_MS + 15_000, known)
    answer(f, "absent", NOW_MS + 15_100, known)
    assert f.state == "unknown" and f.due_ms == NOW_MS + 10_000 + 60_000
    called(f, f.due_ms, known)
    answer(f, "absent", f.due_ms, known)
    assert f.state == "waiting"


def test_attempts_that_were_refused_follow_the_schedule_and_then_it_has_failed() -> None:
    f, at_ms, waits = begun(), NOW_MS, []
    while f.open:
        waits.append(f.due_ms - at_ms)
        at_ms = f.due_ms
        called(f, at_ms)
        answer(f, "retry", at_ms, reason="429")
    assert len(waits) == 3 and waits[0] == 0
    assert 4_500 <= waits[1] <= 5_500 and 270_000 <= waits[2] <= 330_000
    assert (f.state, f.reason) == ("failed", "429")


def test_the_jitter_follows_from_the_id() -> None:
    def second_wait(fulfillment_id: str) -> int:
        f = called(machine.begin(command(fulfillment_id), NOW_MS, PLAIN))
        answer(f, "retry", NOW_MS)
        return f.due_ms

    assert second_wait("a") == second_wait("a")
    assert len({second_wait(str(number)) for number in range(20)}) > 10


def test_what_stays_unknown_goes_to_review_and_stays_open() -> None:
    f = called(begun())
    answer(f, "unknown")
    for _ in range(3):
        called(f, f.due_ms)
        answer(f, "unknown", reason="timeout")
    assert (f.state, f.open, f.due_ms, f.reason) == ("review", True, 0, "timeout")


def test_unknown_never_falls_back() -> None:
    known = policies(falling_back(Fallback("other", "")), OTHER)
    f = called(begun(known), known=known)
    answer(f, "unknown", known=known)
    while f.state != "review":
        called(f, f.due_ms, known)
        answer(f, "unknown", known=known)
    assert f.provider == "acme"


def test_accepted_is_asked_about_until_it_is_settled() -> None:
    f = called(begun())
    answer(f, "pending", reference="A-7")
    assert f.state == "unknown"
    called(f, f.due_ms)
    answer(f, "failed")
    assert (f.state, f.reference) == ("failed", "A-7")


def test_without_question_and_idempotency_it_goes_to_review() -> None:
    known = policies(replace(ACME, ask=None, idempotent=False))
    f = called(begun(known), known=known)
    answer(f, "unknown", known=known)
    assert f.state == "review"


def test_an_idempotent_partner_is_asked_by_the_same_call_again() -> None:
    known = policies(replace(ACME, ask=None))
    f = called(begun(known), known=known)
    answer(f, "unknown", known=known)
    assert machine.next_call(f, f.due_ms, known) == "fulfil" and f.attempts == 1
    answer(f, "confirmed", known=known)
    assert f.state == "confirmed"


def test_with_a_callback_alone_it_waits_for_that() -> None:
    known = policies(replace(ACME, ask=None, idempotent=False, callback=CALLBACK))
    f = called(begun(known), known=known)
    answer(f, "unknown", NOW_MS, known)
    assert (f.state, f.due_ms) == ("unknown", NOW_MS + 300_000)
    assert machine.next_call(f, f.due_ms, known) == "" and f.state == "review"
    told(f, "confirmed", known)
    assert f.state == "confirmed"


@pytest.mark.parametrize("provider", ["other", "house"])
def test_after_a_failure_the_fallback_runs(provider: str) -> None:
    step = Fallback("other", "") if provider == "other" else Fallback("", "mug")
    known = policies(falling_back(step), OTHER, rewards=[("mug", "house")])
    f = called(begun(known), known=known)
    answer(f, "failed", known=known)
    if provider == "house":
        assert (f.state, f.provider, f.gives) == ("confirmed", "house", "mug")
    else:
        assert (f.state, f.provider, f.gives, f.attempts) == ("waiting", "other", "gift", 0)
        called(f, f.due_ms, known)
        answer(f, "failed", known=known)
        assert f.state == "failed"


def test_a_reward_that_cannot_stand_in_is_passed_over_and_the_points_return() -> None:
    known = policies(falling_back(Fallback("", "film")), rewards=[("mug", "house")])
    f = called(begun(known), known=known)
    answer(f, "failed", known=known)
    assert (f.state, f.provider, f.gives) == ("failed", "acme", "gift")


def test_what_one_has_refused_and_confirms_after_all_is_a_contradiction() -> None:
    known = policies(falling_back(Fallback("other", "")), OTHER)
    f = called(begun(known), known=known)
    answer(f, "failed", known=known)
    assert told(f, "confirmed", known) is False
    called(f, f.due_ms, known)
    answer(f, "confirmed", known=known)
    assert told(f, "confirmed", known, "other") and not told(f, "confirmed", known)


def test_late_and_duplicate_callbacks_are_harmless() -> None:
    f = called(begun())
    assert told(f, "confirmed") and f.state == "confirmed"
    before = f.gone_ms
    assert told(f, "confirmed") and answer(f, "confirmed") and answer(f, "retry")
    assert (f.state, f.gone_ms) == ("confirmed", before)
    assert not told(f, "failed")


def test_an_earlier_calls_refusal_does_not_end_the_one_on_its_way() -> None:
    f = called(begun())
    answer(f, "retry")
    called(f, f.due_ms)
    machine.answered(f, Result("acme", 1, "failed"), NOW_MS, PLAIN)
    assert f.state == "calling"


def test_a_call_whose_worker_is_gone_is_unknown() -> None:
    f = called(begun())
    machine.give_up_call(f, f.due_ms, PLAIN)
    assert f.state == "unknown"
    machine.answered(f, Result("acme", 1, "confirmed"), f.due_ms, PLAIN)
    assert f.state == "confirmed"


def test_what_nobody_was_asked_for_is_cancelled_at_once() -> None:
    f = begun()
    machine.cancel(f, NOW_MS, PLAIN)
    assert f.state == "cancelled"


def test_cancelled_while_on_its_way_it_is_undone_once_confirmed() -> None:
    f = called(begun())
    machine.cancel(f, NOW_MS, PLAIN)
    answer(f, "confirmed")
    assert machine.next_call(f, f.due_ms, PLAIN) == "cancel"
    answer(f, "confirmed")
    assert f.state == "cancelled"


def test_a_partner_that_cannot_undo_leaves_it_confirmed() -> None:
    for known in (policies(replace(ACME, cancel=None)), PLAIN):
        f = called(begun(known), known=known)
        machine.cancel(f, NOW_MS, known)
        answer(f, "confirmed", known=known)
        if f.open:
            called(f, f.due_ms, known)
            answer(f, "failed", known=known)
        assert f.state == "confirmed"


def test_cancelled_while_on_its_way_and_refused_it_is_not_tried_again() -> None:
    f = called(begun())
    machine.cancel(f, NOW_MS, PLAIN)
    answer(f, "retry")
    assert f.state == "cancelled"


def test_a_retry_looks_once_more_into_what_is_under_review() -> None:
    f = called(begun())
    answer(f, "unknown")
    while f.state != "review":
        called(f, f.due_ms)
        answer(f, "unknown")
    machine.retry(f, NOW_MS + 7, PLAIN)
    assert (f.state, f.due_ms, f.asks) == ("unknown", NOW_MS + 7, 0)


def test_people_decide_what_is_under_review_and_not_what_is_on_its_way() -> None:
    f = called(begun())
    machine.decide(f, "failed", "they said so", NOW_MS)
    assert f.state == "calling"
    answer(f, "unknown")
    machine.decide(f, "failed", "they said so", NOW_MS)
    assert (f.state, f.reason) == ("failed", "they said so")


def test_a_partner_that_is_declared_no_more_sends_it_to_review() -> None:
    f = machine.begin(command(provider="gone"), NOW_MS, PLAIN)
    assert (f.state, f.reason) == ("review", "the programme has no partner gone")


def in_doubt() -> Fulfilment:
    """Its first call was not heard of, the partner knows nothing of it yet, and the next attempt is due."""
    f = called(begun())
    answer(f, "unknown", NOW_MS + 10_000)
    called(f, NOW_MS + 15_000)
    answer(f, "absent", NOW_MS + 15_100)
    return f


def test_refusals_do_not_settle_what_an_earlier_call_left_open() -> None:
    f = in_doubt()
    for _ in range(2):
        called(f, f.due_ms)
        answer(f, "retry", f.due_ms)
    assert f.state == "unknown"
    called(f, f.due_ms)
    answer(f, "absent", f.due_ms)
    assert f.state == "failed"


def test_cancelled_while_in_doubt_it_is_asked_about_first() -> None:
    f = in_doubt()
    machine.cancel(f, NOW_MS + 16_000, PLAIN)
    assert f.state == "unknown"
    called(f, f.due_ms)
    answer(f, "absent", NOW_MS + 16_100)
    assert f.state == "unknown" and f.due_ms == NOW_MS + 70_000
    called(f, f.due_ms)
    answer(f, "absent", f.due_ms)
    assert f.state == "cancelled"
