"""Checks one CEL expression: Google's checker judges names and types; what conditions leave out is refused here."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Final

from cel_expr_python import cel

from pipeline.program.cel_errors import FUNCTION_NAMES, Finding, call_start, findings, symbol
from pipeline.program.cel_python import FUNCTIONS
from pipeline.program.cel_tree import Tree, read_tree
from pipeline.program.problems import closest, shorten
from pipeline.program.vocabulary import Term, terms

MAX_CHARACTERS: Final = 8000
MAX_LIST: Final = 1000

_TYPES: Final = {
    "int": cel.Type.INT,
    "string": cel.Type.STRING,
    "bool": cel.Type.BOOL,
    "map(string, int)": cel.Type.Map(cel.Type.STRING, cel.Type.INT),
    "map(string, string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_ALLOWED: Final = frozenset({*_TYPES, "list(int)", "list(string)", "list(bool)", "list(dyn)"})
_WORDS: Final = {"bool": "a condition that is true or false", "int": "a whole number"}


@cache
def environment(event_type: str) -> cel.Env:
    """The library's environment for conditions on an event type."""
    return cel.NewEnv(variables={term.name: _TYPES[term.type] for term in terms(event_type).values()})


def check_expression(
    expression: str, event_type: str, wanted: str, domains: Mapping[str, Collection[str]]
) -> tuple[Tree | None, list[Finding]]:
    """The checked tree of an expression that must be of type `wanted` ("bool" or "int"), or None and all its mistakes.

    `domains` holds what exists by kind (tier, currency): a literal compared with a value of that kind must be among
    them; kinds that are left out are not judged.
    """
    if len(expression) > MAX_CHARACTERS:
        reason = f"the expression has {len(expression)} characters, more than {MAX_CHARACTERS}"
        return None, [Finding(0, reason, "split it into several rules")]
    if any(ord(character) < 32 and character not in "\t\n" for character in expression):
        return None, [Finding(0, "the expression has control characters", "retype it")]
    known = terms(event_type)
    env = environment(event_type)
    try:
        compiled = env.compile(expression)
        tree = read_tree(compiled.serialize(), frozenset(known))
    except (RuntimeError, UnicodeEncodeError) as error:
        found = findings(str(error), expression, event_type)
        return None, found + _unchecked(env, expression, known, domains)
    found = _left_out(tree, expression) + _unknown_literals(tree, known, domains)
    if tree.type != wanted and not any(finding.offset == tree.offset for finding in found):
        found.append(_wrong_type(tree, wanted, expression))
    return (None, found) if found else (tree, [])


def _unchecked(
    env: cel.Env, expression: str, known: Mapping[str, Term], domains: Mapping[str, Collection[str]]
) -> list[Finding]:
    """What else is wrong with an expression that has the wrong names or types, as far as its syntax can be read."""
    try:
        parsed = env.compile(expression, disable_check=True)
        return _unknown_literals(read_tree(parsed.serialize(), frozenset(known)), known, domains)
    except (RuntimeError, UnicodeEncodeError):
        return []


def _wrong_type(tree: Tree, wanted: str, expression: str) -> Finding:
    reason = f"this must be {_WORDS[wanted]}, and is of type {tree.type}"
    if wanted == "bool":
        return Finding(0, reason, f"compare it with something: {shorten(expression, 30)} == ...")
    return Finding(0, reason, "name a number, such as event.amount_minor")


def _left_out(tree: Tree, expression: str) -> list[Finding]:
    """Parts of CEL that conditions do without."""
    found: list[Finding] = []
    for node in tree.walk():
        if node.kind == "other":
            reason = f"conditions do not have {node.value}"
            found.append(Finding(call_start(expression, node.offset), reason, _advice(node)))
        elif node.kind == "call" and node.value not in FUNCTIONS:
            name = symbol(str(node.value))
            reason = f"conditions do not have the function `{name}`"
            advice = f"known: {', '.join(FUNCTION_NAMES)}"
            found.append(Finding(call_start(expression, node.offset), reason, advice))
        elif node.kind == "list" and len(node.children) > MAX_LIST:
            reason = f"the list has {len(node.children)} values, more than {MAX_LIST}"
            found.append(Finding(node.offset, reason, "put what they share into an attribute of the event"))
        elif node.kind == "list" and node.type == "list(dyn)" and node.children:
            found.append(Finding(node.offset, "the list mixes types", "list values of one type"))
        elif node.type not in _ALLOWED and all(child.type in _ALLOWED for child in node.children):
            found.append(Finding(node.offset, f"conditions do not have values of type {node.type}", ""))
    return found


def _advice(node: Tree) -> str:
    if "double" in str(node.value):
        return "write whole numbers: amounts are in minor units, so 100.00 is 10000"
    if "macro" in str(node.value):
        return "compare values one by one, or use `in`"
    return ""


def _unknown_literals(tree: Tree, known: Mapping[str, Term], domains: Mapping[str, Collection[str]]) -> list[Finding]:
    """Literals that a value of their kind can never equal, such as the name of a tier that does not exist."""
    found: list[Finding] = []
    for node in tree.walk():
        if node.kind != "call" or node.value not in ("_==_", "_!=_", "@in"):
            continue
        left, right = node.children
        for side, other in ((left, right), (right, left)):
            term = known.get(str(side.value)) if side.kind == "name" else None
            if term is None or term.domain not in domains:
                continue
            literals = other.children if node.value == "@in" and other.kind == "list" else (other,)
            found.extend(
                _unknown_literal(literal, term, domains[term.domain])
                for literal in literals
                if literal.kind == "literal"
                and isinstance(literal.value, str)
                and literal.value not in domains[term.domain]
            )
    return found


def _unknown_literal(literal: Tree, term: Term, members: Collection[str]) -> Finding:
    reason = f"there is no {term.domain} `{shorten(str(literal.value))}`"
    advice = closest(str(literal.value), members) or f"the programme has no {term.domain}"
    return Finding(literal.offset, reason, advice)
