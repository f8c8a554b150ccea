"""The atoms of any condition come to what the generated rules come to, and a condition written again is the same."""

from cel_strategies import expressions, occurrences
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.program.atoms import Scope, judge
from pipeline.program.cel_check import check_expression
from pipeline.program.cel_python import Condition, generate, load
from pipeline.program.cel_text import comparable, text_of
from pipeline.program.vocabulary import terms

KIND = "custom_event"


@settings(deadline=None)
@given(expressions(KIND, "bool", 3), occurrences(KIND))
def test_atoms_come_to_what_the_rules_come_to(expression: str, occurrence: tuple[Event, Member]) -> None:
    event, member = occurrence
    tree, _ = check_expression(expression, KIND, "bool", {})
    if tree is None:
        return
    errors: list[tuple[int, str]] = []
    match = load(generate([Condition(0, tree, None)], terms(KIND)), KIND, "points", "bronze")
    held = bool(match(event, event.payload, member, errors))

    result, atoms = judge(tree, Scope(event, member, terms(KIND), "points", "bronze"))

    assert result is (None if errors else held)
    assert any(atom.decided for atom in atoms)
    if errors:
        assert any(atom.decided and atom.result is None for atom in atoms)


@settings(deadline=None)
@given(
    st.sampled_from([KIND, "emi_payment_succeeded"]).flatmap(
        lambda kind: st.tuples(st.just(kind), expressions(kind, "bool", 3))
    )
)
@example((KIND, "member.pending == -(0)"))
def test_a_condition_written_again_is_the_same(drawn: tuple[str, str]) -> None:
    kind, expression = drawn
    tree, _ = check_expression(expression, kind, "bool", {})
    if tree is None:
        return

    again, problems = check_expression(text_of(tree), kind, "bool", {})

    assert again is not None, problems
    assert comparable(again) == comparable(tree)
    assert text_of(again) == text_of(tree)
