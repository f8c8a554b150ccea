"""A checked condition as text again: written one way, whatever way it was written, and put in a comparable order."""

import json
from collections.abc import Callable
from typing import Final

from pipeline.program.cel_errors import symbol
from pipeline.program.cel_tree import Tree

Leaf = Callable[[Tree], str | None]
"""What to write in place of a node, or None for the node itself."""

_CHOICE: Final = 1
_RELATION: Final = 4
_SUM: Final = 5
_PRODUCT: Final = 6
_UNARY: Final = 7
_MEMBER: Final = 8
_PRECEDENCE: Final = {
    "_?_:_": _CHOICE, "_||_": 2, "_&&_": 3,
    "_==_": _RELATION, "_!=_": _RELATION, "_<_": _RELATION, "_<=_": _RELATION, "_>_": _RELATION, "_>=_": _RELATION,
    "@in": _RELATION, "_+_": _SUM, "_-_": _SUM, "_*_": _PRODUCT, "_/_": _PRODUCT, "_%_": _PRODUCT,
    "!_": _UNARY, "-_": _UNARY,
}  # fmt: skip
_METHODS: Final = ("contains", "startsWith", "endsWith")
_LOGIC: Final = ("_&&_", "_||_")


def literal_text(value: int | str | bool) -> str:
    """A value as CEL writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


def text_of(tree: Tree, leaf: Leaf = lambda _node: None) -> str:
    """The tree as CEL, with brackets only where they are needed; `leaf` can put other text in place of nodes."""
    return _text(tree, leaf)[0]


def operands(function: str, tree: Tree) -> list[Tree]:
    """What a chain of && or || joins, in the order in which it is written."""
    if tree.kind == "call" and tree.value == function:
        return [operand for child in tree.children for operand in operands(function, child)]
    return [tree]


def comparable(tree: Tree) -> str:
    """A text that is the same for trees that differ only in the order of what && and || join, and of what `in` lists.

    Those are commutative in CEL, also where an operand fails.
    """
    if tree.kind == "call" and tree.value in _LOGIC:
        parts = sorted({comparable(each) for each in operands(str(tree.value), tree)})
        return f"{tree.value}({', '.join(parts)})"
    parts = [comparable(child) for child in tree.children]
    if tree.kind == "call" and tree.value == "@in" and tree.children[1].kind == "list":
        parts[1] = f"list({', '.join(sorted({comparable(child) for child in tree.children[1].children}))})"
    value = literal_text(tree.value) if tree.kind == "literal" else str(tree.value)
    return f"{tree.kind} {value}({', '.join(parts)})"


def _text(tree: Tree, leaf: Leaf) -> tuple[str, int]:
    """(text, precedence of its outermost operator)."""
    instead = leaf(tree)
    if instead is not None:
        return instead, _MEMBER
    if tree.kind == "literal":
        return literal_text(tree.value), _UNARY if isinstance(tree.value, int) and tree.value < 0 else _MEMBER
    if tree.kind == "name":
        return str(tree.value), _MEMBER
    if tree.kind == "call" and tree.value in _LOGIC:
        function = str(tree.value)
        precedence = _PRECEDENCE[function]
        chain = [_within(_text(each, leaf), precedence + 1) for each in operands(function, tree)]
        return f" {symbol(function)} ".join(chain), precedence
    parts = [_text(child, leaf) for child in tree.children]
    if tree.kind == "list":
        return f"[{', '.join(part for part, _ in parts)}]", _MEMBER
    if tree.kind == "has":
        return f"has({_within(parts[0], _MEMBER)}.{tree.value})", _MEMBER
    if tree.kind == "field":
        return f"{_within(parts[0], _MEMBER)}.{tree.value}", _MEMBER
    if tree.value == "-_" and tree.children[0].kind == "literal":
        return f"-({parts[0][0]})", _UNARY  # without brackets the sign would be part of the number
    return _call(str(tree.value), parts)


def _call(function: str, parts: list[tuple[str, int]]) -> tuple[str, int]:
    if function == "_?_:_":
        condition, yes, no = parts
        text = f"{_within(condition, _CHOICE + 1)} ? {_within(yes, _CHOICE + 1)} : {_within(no, _CHOICE)}"
        return text, _CHOICE
    if function == "_[_]":
        return f"{_within(parts[0], _MEMBER)}[{parts[1][0]}]", _MEMBER
    if function in ("!_", "-_"):
        # The parser takes a doubled operator as none.
        return f"{symbol(function)}{_within(parts[0], _UNARY + 1)}", _UNARY
    if function in _METHODS:
        return f"{_within(parts[0], _MEMBER)}.{function}({parts[1][0]})", _MEMBER
    precedence = _PRECEDENCE.get(function)
    if precedence is None:
        return f"{function}({', '.join(part for part, _ in parts)})", _MEMBER
    left, right = parts
    return f"{_within(left, precedence)} {symbol(function)} {_within(right, precedence + 1)}", precedence


def _within(part: tuple[str, int], least: int) -> str:
    """The part, in brackets where it binds less than what is round it."""
    return part[0] if part[1] >= least else f"({part[0]})"
