"""Which comparison of a condition decided: every atom of it with its value for one event and member."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from pipeline.core.conversion import Conversion
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.program.cel_python import evaluator
from pipeline.program.cel_runtime import FAILURES, describe
from pipeline.program.cel_text import literal_text, operands, text_of
from pipeline.program.cel_tree import BOOL, Tree
from pipeline.program.vocabulary import Term

MISSING: Final = "missing"


@final
@dataclass(frozen=True, slots=True)
class Atom:
    """One comparison: `text` as CEL writes it, `values` the same with values in place of names, what came out (None: it
    failed, with `error`), and whether it decided the condition."""

    text: str
    values: str
    result: bool | None
    error: str
    decided: bool

    def sentence(self) -> str:
        """Such as `event.amount_minor >= 10000: 9500 >= 10000 is false`."""
        end = f"fails: {self.error}" if self.result is None else f"is {str(self.result).lower()}"
        return f"{self.text}: {self.values} {end}" if self.values != self.text else f"{self.text} {end}"


@final
class Scope:
    """One event and its member as the rules see them; `unit` is the default unit, `tier` the lowest tier or empty."""

    def __init__(
        self,
        event: Event,
        member: Member,
        known: Mapping[str, Term],
        unit: str,
        tier: str,
        conversion: Conversion | None = None,
    ) -> None:
        self._event = event
        self._member = member
        self._known = known
        self._unit = unit
        self._tier = tier
        self._conversion = conversion

    def value(self, tree: Tree) -> object:
        """The value of a checked expression; raises `cel_runtime.FAILURES`."""
        read = evaluator(tree, self._known, self._unit, self._tier, self._conversion)
        return read(self._event, self._event.payload, self._member)

    def values(self, tree: Tree) -> str:
        """The expression with values in place of names."""
        return text_of(tree, self._leaf)

    def _leaf(self, tree: Tree) -> str | None:
        if tree.kind == "name":
            value = self.value(tree)
            if isinstance(value, dict):
                return "[" + ", ".join(literal_text(key) for key in value) + "]"
            return literal_text(value) if isinstance(value, int | str) else None
        if tree.kind == "has":
            return text_of(tree)
        if tree.kind == "field" or (tree.kind == "call" and tree.value == "_[_]"):
            try:
                value = self.value(tree)
            except FAILURES:
                return MISSING
            return literal_text(value) if isinstance(value, int | str) else None
        return None


def judge(tree: Tree, scope: Scope) -> tuple[bool | None, list[Atom]]:
    """(whether the condition holds, None if it fails; its atoms in the order in which they are written)."""
    found = _judge(tree, scope)
    return found.result, found.atoms(decided=True)


@final
class _Judged:
    """What came out of a part, and the parts that it came out of."""

    def __init__(self, result: bool | None, atom: Atom | None, parts: "list[tuple[_Judged, bool]]") -> None:
        self.result = result
        self._atom = atom
        self._parts = parts

    def atoms(self, *, decided: bool) -> list[Atom]:
        """All atoms; one decides if each part that it belongs to does."""
        if self._atom is not None:
            atom = self._atom
            return [Atom(atom.text, atom.values, atom.result, atom.error, decided)]
        return [atom for part, decides in self._parts for atom in part.atoms(decided=decided and decides)]


def _judge(tree: Tree, scope: Scope) -> _Judged:
    function = str(tree.value) if tree.kind == "call" else ""
    if function in ("_&&_", "_||_"):
        return _logic(function, [_judge(operand, scope) for operand in operands(function, tree)])
    if function == "!_":
        inner = _judge(tree.children[0], scope)
        return _Judged(None if inner.result is None else not inner.result, None, [(inner, True)])
    if function == "_?_:_" and tree.type == BOOL:
        test, yes, no = (_judge(child, scope) for child in tree.children)
        taken = None if test.result is None else yes if test.result else no
        parts = [(test, True), (yes, taken is yes), (no, taken is no)]
        return _Judged(None if taken is None else taken.result, None, parts)
    return _Judged(*_atom(tree, scope), [])


def _logic(function: str, parts: list[_Judged]) -> _Judged:
    """One operand of the deciding value decides, whatever fails; else a failure does; else all of them together."""
    deciding = function == "_||_"
    results = [part.result for part in parts]
    result = deciding if deciding in results else None if None in results else not deciding
    return _Judged(result, None, [(part, part.result is result) for part in parts])


def _atom(tree: Tree, scope: Scope) -> tuple[bool | None, Atom]:
    text, values = text_of(tree), scope.values(tree)
    try:
        result = bool(scope.value(tree))
    except FAILURES as failure:
        return None, Atom(text, values, None, describe(failure), False)
    return result, Atom(text, values, result, "", False)
