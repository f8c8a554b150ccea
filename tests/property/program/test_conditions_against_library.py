"""Generated Python against Google's evaluator: the same value or both a failure, for any condition and event."""

from itertools import product

import pytest
from cel_expr_python import cel
from cel_strategies import EDGES, expressions, occurrences
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import CustomEvent
from pipeline.program.cel_check import check_expression, environment
from pipeline.program.cel_python import Condition, generate, load
from pipeline.program.vocabulary import terms

FAILED = "failed"
UNIT = "points"
TIER = "bronze"


def values(event_type: str, event: Event, member: Member) -> dict[str, object]:
    """What each name of the vocabulary stands for, read by the same words as the generated code reads it."""
    wallet = member.wallets.get(UNIT)
    read: dict[str, object] = {
        "event.event_id": event.event_id,
        "event.source": event.source,
        "event.attributes": event.attributes,
        "member.tier": member.tier or TIER,
        "member.country": member.country,
        "member.segment": member.segment,
        "member.available": wallet.available if wallet else 0,
        "member.pending": wallet.pending if wallet else 0,
        "member.transactions": member.event_counts.get("transaction_completed", 0),
        "member.instalments": member.event_counts.get("emi_payment_succeeded", 0),
        "member.custom_events": member.event_counts.get("custom_event", 0),
        "member.enrolled_days": 0,
    }
    if member.enrolled_at_ms and event.occurred_at_ms > member.enrolled_at_ms:
        read["member.enrolled_days"] = (event.occurred_at_ms - member.enrolled_at_ms) // (24 * 60 * 60 * 1000)
    read["event.amount_base_minor"] = getattr(event.payload, "amount_minor", 0)  # no expression of these tests reads it
    for name in terms(event_type):
        if name.startswith("event.") and name not in read:
            read[name] = getattr(event.payload, name.removeprefix("event."))
    return read


def by_library(event_type: str, expression: str, event: Event, member: Member) -> object:
    result = environment(event_type).compile(expression).eval(data=values(event_type, event, member))
    return FAILED if result.type() == cel.Type.ERROR else result.value()


def by_generated_code(event_type: str, when: str, of: str, event: Event, member: Member) -> object:
    """(condition, value of `of` or None) by the generated function, or FAILED."""
    checked_when, wrong = check_expression(when, event_type, "bool", {})
    assert not wrong, (when, wrong)
    checked_of, wrong = check_expression(of, event_type, "int", {})
    assert not wrong, (of, wrong)
    source = generate([Condition(3, checked_when, checked_of)], terms(event_type))
    errors: list[tuple[int, str]] = []
    found = load(source, event_type, UNIT, TIER)(event, event.payload, member, errors)
    if errors:
        assert found == []
        assert [index for index, text in errors if text] == [3]
        return FAILED
    assert len(found) <= 1
    assert all(index == 3 for index, _ in found)
    return found[0][1] if found else None


ATOMS = {
    "true": "event.name == 'x'",
    "false": "event.name == 'y'",
    "doubtful true": "event.numbers.one == 1",
    "doubtful false": "event.numbers.one == 2",
    "failing": "event.numbers.none == 1",
    "failing otherwise": "1 / event.numbers.zero == 1",
}
FORMS = (
    "{0} && {1} && {2}",
    "{0} || {1} || {2}",
    "({0} || {1}) && {2}",
    "{0} || ({1} && !({2}))",
    "({0}) ? ({1}) : ({2})",
)


@pytest.mark.parametrize("form", FORMS)
def test_logic_absorbs_failures_as_the_library_does(form: str) -> None:
    payload = CustomEvent("x", {"one": 1, "zero": 0})
    event, member = Event("e", "m-1", 0, "shop", "", {}, payload, 0), Member("m-1")

    for atoms in product(ATOMS.values(), repeat=3):
        when = form.format(*atoms)
        expected = by_library("custom_event", when, event, member)
        found = by_generated_code("custom_event", when, "1", event, member)
        assert found == {True: 1, False: None, FAILED: FAILED}[expected], when


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%"])
@pytest.mark.parametrize(
    "form", ["event.numbers.a {op} event.numbers.b", "event.numbers.a {op} ({b})", "({a}) {op} ({b})"]
)
def test_arithmetic_agrees_at_the_edges(form: str, operator: str) -> None:
    member = Member("m-1")

    for a, b in product(EDGES, repeat=2):
        event = Event("e", "m-1", 0, "shop", "", {}, CustomEvent("x", {"a": a, "b": b}), 0)
        of = form.format(a=a, b=b, op=operator)
        expected = by_library("custom_event", of, event, member)
        assert by_generated_code("custom_event", "true", of, event, member) == expected, (of, a, b)


@pytest.mark.parametrize("event_type", ["custom_event", "emi_payment_succeeded"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_generated_code_agrees_with_the_library(event_type: str, data: st.DataObject) -> None:
    when = data.draw(expressions(event_type, "bool", 4), label="when")
    of = data.draw(expressions(event_type, "int", 3), label="of")
    event, member = data.draw(occurrences(event_type), label="event and member")

    condition = by_library(event_type, when, event, member)
    expected = by_library(event_type, of, event, member) if condition is True else condition

    assert by_generated_code(event_type, when, of, event, member) == (None if condition is False else expected)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_rules_are_found_in_order_whatever_the_others_do(data: st.DataObject) -> None:
    kinds = st.one_of(st.none(), expressions("emi_payment_succeeded", "bool", 2))
    whens = data.draw(st.lists(kinds, min_size=1, max_size=8), label="conditions")
    event, member = data.draw(occurrences("emi_payment_succeeded"), label="event and member")
    conditions = []
    for index, when in enumerate(whens):
        tree, _ = check_expression(when or "true", "emi_payment_succeeded", "bool", {})
        conditions.append(Condition(index, tree if when else None, None))

    errors: list[tuple[int, str]] = []
    match = load(generate(conditions, terms("emi_payment_succeeded")), "emi", UNIT, TIER)
    found = match(event, event.payload, member, errors)

    judged = [True if w is None else by_library("emi_payment_succeeded", w, event, member) for w in whens]
    assert found == [(index, 0) for index, value in enumerate(judged) if value is True]
    assert [index for index, _ in errors] == [index for index, value in enumerate(judged) if value is FAILED]
