"""Which atom of a condition decided, with its values: true ones of `||`, false ones of `&&`, failures that count."""

import pytest

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import TransactionCompleted
from pipeline.program.atoms import Atom, Scope, judge
from pipeline.program.cel_check import check_expression
from pipeline.program.cel_text import text_of
from pipeline.program.vocabulary import terms

KIND = "transaction_completed"


def judged(expression: str, **attributes: str) -> tuple[bool | None, list[Atom]]:
    """What comes out of a condition for a purchase of 95.00 by app, of a silver member with two purchases."""
    tree, problems = check_expression(expression, KIND, "bool", {})
    assert tree is not None, problems
    payload = TransactionCompleted("o-1", 9500, "USD", "app", "", "US", [])
    event = Event("e-1", "m-1", 1_000, "till", "", attributes, payload, 1_000)
    member = Member("m-1")
    member.tier = "silver"
    member.event_counts = {KIND: 2}
    return judge(tree, Scope(event, member, terms(KIND), "points", "bronze"))


def sentences(expression: str, **attributes: str) -> list[str]:
    """The deciding atoms in words."""
    return [atom.sentence() for atom in judged(expression, **attributes)[1] if atom.decided]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("event.amount_minor >= 10000", ["event.amount_minor >= 10000: 9500 >= 10000 is false"]),
        ("event.amount_minor / 100 == 95", ["event.amount_minor / 100 == 95: 9500 / 100 == 95 is true"]),
        (
            'event.amount_minor > 1 && member.tier in ["gold"] && event.channel == "web"',
            [
                'member.tier in ["gold"]: "silver" in ["gold"] is false',
                'event.channel == "web": "app" == "web" is false',
            ],
        ),
        (
            'event.amount_minor > 1 && event.channel == "app"',
            ["event.amount_minor > 1: 9500 > 1 is true", 'event.channel == "app": "app" == "app" is true'],
        ),
        ('event.amount_minor > 1 || event.channel == "web"', ["event.amount_minor > 1: 9500 > 1 is true"]),
        (
            "member.transactions < 1 || member.refunds > 0",
            ["member.transactions < 1: 2 < 1 is false", "member.refunds > 0: 0 > 0 is false"],
        ),
        ('!(event.channel == "web" || event.country == "US")', ['event.country == "US": "US" == "US" is true']),
        (
            'event.amount_minor > 5 ? event.channel == "web" : event.channel == "app"',
            ["event.amount_minor > 5: 9500 > 5 is true", 'event.channel == "web": "app" == "web" is false'],
        ),
        ('event.channel.startsWith("a")', ['event.channel.startsWith("a"): "app".startsWith("a") is true']),
        ("size(event.channel) == 3", ['size(event.channel) == 3: size("app") == 3 is true']),
        ("-event.amount_minor < -(-5)", ["-event.amount_minor < -(-5): -9500 < -(-5) is true"]),
        ("true", ["true is true"]),
    ],
)
def test_the_deciding_atoms_are_told_with_their_values(expression: str, said: list[str]) -> None:
    assert sentences(expression) == said


def test_attributes_are_shown_as_they_are_or_as_missing() -> None:
    asked = 'has(event.attributes.gift) && event.attributes.gift == "yes"'

    assert sentences(asked, gift="no") == ['event.attributes.gift == "yes": "no" == "yes" is false']
    assert sentences(asked) == ["has(event.attributes.gift) is false"]
    assert judged(asked)[0] is False, "what fails is absorbed by what is false"
    assert sentences('"gift" in event.attributes', wrap="x") == [
        '"gift" in event.attributes: "gift" in ["wrap"] is false'
    ]
    assert sentences('event.attributes["gift"] == "yes"', gift="yes") == [
        'event.attributes["gift"] == "yes": "yes" == "yes" is true'
    ]


def test_a_failure_decides_where_nothing_else_does() -> None:
    result, atoms = judged('event.attributes.gift == "yes" && event.amount_minor > 1')

    assert result is None
    assert [(atom.text, atom.result, atom.error, atom.decided) for atom in atoms] == [
        ('event.attributes.gift == "yes"', None, "no such key: 'gift'", True),
        ("event.amount_minor > 1", True, "", False),
    ]
    assert atoms[0].sentence() == 'event.attributes.gift == "yes": missing == "yes" fails: no such key: \'gift\''
    assert judged('event.attributes.gift == "yes" || event.amount_minor > 1')[0] is True
    assert sentences("event.amount_minor / member.refunds > 1") == [
        "event.amount_minor / member.refunds > 1: 9500 / 0 > 1 fails: division by zero"
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "(event.amount_minor + 1) * 2 > 3",
        "event.amount_minor - (1 - 2) > 3",
        "!(event.amount_minor > 1 && (event.channel == 'a' || event.country == 'b'))",
        "(event.amount_minor > 1 ? event.channel : event.country) == 'a'",
        "event.amount_minor > 1 ? true : event.amount_minor > 2 ? false : true",
        'event.channel in ["a", "b"] == true',
        "event.attributes[event.channel].contains('x\\n\"')",
        "-(-1) < event.amount_minor % 7",
        "-(-9223372036854775807) > event.amount_minor",
    ],
)
def test_a_tree_is_written_so_that_it_reads_as_the_same_tree(expression: str) -> None:
    tree, problems = check_expression(expression, KIND, "bool", {})
    assert tree is not None, problems
    again, problems = check_expression(text_of(tree), KIND, "bool", {})

    assert again is not None, problems
    assert [(node.kind, node.value) for node in again.walk()] == [(node.kind, node.value) for node in tree.walk()]
