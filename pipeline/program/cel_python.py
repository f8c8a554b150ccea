"""Generates Python from checked conditions: one function per event type, evaluating all its rules in one pass."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from pipeline.core.conversion import Conversion
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import Payload
from pipeline.core.program import Match
from pipeline.program import cel_runtime
from pipeline.program.cel_tree import INT, Tree
from pipeline.program.vocabulary import Term

_ARITHMETIC: Final = {
    "_+_": "add",
    "_-_": "subtract",
    "_*_": "multiply",
    "_/_": "divide",
    "_%_": "modulo",
}
_COMPARISONS: Final = {"_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
_METHODS: Final = {"startsWith": "startswith", "endsWith": "endswith"}

FUNCTIONS: Final = frozenset(
    {*_ARITHMETIC, *_COMPARISONS, *_METHODS} | {"contains", "size", "_&&_", "_||_", "!_", "-_", "_?_:_", "@in", "_[_]"}
)
"""Functions and operators that conditions may use."""


class Code(NamedTuple):
    """A Python expression, in brackets where needed. `total`: it cannot fail. `constant`: its value if known."""

    text: str
    total: bool
    constant: int | None = None


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """What decides one rule: its index, the checked `when` (None: always) and the checked `of` (None: fixed points)."""

    index: int
    when: Tree | None
    of: Tree | None


@final
class Emitter:
    """Turns trees into Python; remembers which names they read."""

    def __init__(self, known: Mapping[str, Term]) -> None:
        self._known = known
        self.used: dict[str, str] = {}

    def emit(self, tree: Tree) -> Code:
        """Python for one tree, which has been checked to use only what conditions may."""
        if tree.kind == "literal":
            is_number = isinstance(tree.value, int) and not isinstance(tree.value, bool)
            text = f"({tree.value!r})" if is_number and int(tree.value) < 0 else repr(tree.value)
            return Code(text, True, int(tree.value) if is_number else None)
        if tree.kind == "name":
            term = self._known[str(tree.value)]
            local = term.name.replace(".", "_")
            self.used[local] = term.read
            return Code(local, True)
        if tree.kind == "list":
            return self._list(tree)
        if tree.kind == "has":
            return self._each("({!r} in {})", tree.value, tree.children)
        if tree.kind == "field":
            return Code(f"{self.emit(tree.children[0]).text}[{tree.value!r}]", False)
        if tree.kind == "call":
            return self._call(str(tree.value), tree)
        raise AssertionError(f"a {tree.kind} node was not refused by the check")

    def _each(self, form: str, value: object, children: tuple[Tree, ...]) -> Code:
        parts = [self.emit(child) for child in children]
        return Code(form.format(value, *(part.text for part in parts)), all(part.total for part in parts))

    def _list(self, tree: Tree) -> Code:
        parts = [self.emit(child) for child in tree.children]
        text = "(" + "".join(part.text + ", " for part in parts) + ")"
        return Code(text, all(part.total for part in parts))

    def _call(self, function: str, tree: Tree) -> Code:
        children = tree.children
        if function in ("_&&_", "_||_"):
            return self._logic(function, tree)
        if function == "@in":
            return self._membership(*children)
        if function == "_[_]":
            return self._index(*children)
        parts = [self.emit(child) for child in children]
        total = all(part.total for part in parts)
        texts = [part.text for part in parts]
        if function in _COMPARISONS:
            return Code(f"({texts[0]} {_COMPARISONS[function]} {texts[1]})", total)
        if function == "!_":
            return Code(f"(not {texts[0]})", total)
        if function == "_?_:_":
            return Code(f"({texts[1]} if {texts[0]} else {texts[2]})", total)
        if function == "-_":
            return _folded(Code(f"negate({texts[0]})", False), "negate", parts)
        if function == "size":
            return Code(f"len({texts[0]})", total)
        if function == "contains":
            return Code(f"({texts[1]} in {texts[0]})", total)
        if function in _METHODS:
            return Code(f"{texts[0]}.{_METHODS[function]}({texts[1]})", total)
        if tree.type != INT:
            return Code(f"({texts[0]} + {texts[1]})", total)
        name = _ARITHMETIC[function]
        # A quotient by a constant other than 0 and -1 always exists.
        safe = name in ("divide", "modulo") and parts[1].constant not in (None, 0, -1)
        return _folded(Code(f"{name}({texts[0]}, {texts[1]})", total and safe), name, parts)

    def _logic(self, function: str, tree: Tree) -> Code:
        """Operands that cannot fail go first: `&&` and `||` are commutative, so that absorbs a failure of the last."""
        parts = [self.emit(operand) for operand in _operands(function, tree)]
        certain = [part.text for part in parts if part.total]
        doubtful = [part.text for part in parts if not part.total]
        if len(doubtful) > 1:
            helper = "all_of" if function == "_&&_" else "any_of"
            doubtful = [f"{helper}(({', '.join('lambda: ' + text for text in doubtful)}))"]
        word = " and " if function == "_&&_" else " or "
        return Code("(" + word.join(certain + doubtful) + ")", not doubtful)

    def _membership(self, item: Tree, group: Tree) -> Code:
        left = self.emit(item)
        constants = [child for child in group.children if child.kind == "literal"]
        if group.kind == "list" and constants and len(constants) == len(group.children):
            # A display of constants becomes one frozenset in the compiled code.
            right = Code("{" + ", ".join(self.emit(child).text for child in constants) + "}", True)
        else:
            right = self.emit(group)
        return Code(f"({left.text} in {right.text})", left.total and right.total)

    def _index(self, group: Tree, key: Tree) -> Code:
        left, right = self.emit(group), self.emit(key)
        if group.type.startswith("map("):
            return Code(f"{left.text}[{right.text}]", False)
        return Code(f"element({left.text}, {right.text})", False)


def _operands(function: str, tree: Tree) -> list[Tree]:
    if tree.kind == "call" and tree.value == function:
        return [operand for child in tree.children for operand in _operands(function, child)]
    return [tree]


def _folded(code: Code, name: str, parts: list[Code]) -> Code:
    """The value itself where all operands are constants and it exists."""
    constants = [part.constant for part in parts if part.constant is not None]
    if len(constants) < len(parts):
        return code
    try:
        value: int = getattr(cel_runtime, name)(*constants)
    except cel_runtime.EvaluationError:
        return code
    return Code(f"({value})" if value < 0 else str(value), True, value)


def generate(conditions: Iterable[Condition], known: Mapping[str, Term]) -> str:
    """Source of `match(event, payload, member, errors)` for all rules of one event type."""
    emitter = Emitter(known)
    always: list[str] = []
    body: list[str] = []
    for condition in conditions:
        when = None if condition.when is None else emitter.emit(condition.when)
        of = Code("0", True) if condition.of is None else emitter.emit(condition.of)
        award = f"({condition.index}, {of.text})"
        if when is None and of.total and not body:
            always.append(award)
            continue
        lines = [f"found.append({award})"]
        if when is not None:
            lines = [f"if {_outer(when.text)}:", f"    {lines[0]}"]
        if not of.total or (when is not None and not when.total):
            handler = f"    errors.append(({condition.index}, describe(failure)))"
            lines = ["try:", *(f"    {line}" for line in lines), "except FAILURES as failure:", handler]
        body.extend(lines)
    reads = [f"{local} = {read}" for local, read in emitter.used.items()]
    found = f"found = [{', '.join(always)}]"
    lines = ["def match(event, payload, member, errors):"]
    lines.extend(f"    {line}" for line in (*reads, found, *body, "return found"))
    return "\n".join(lines) + "\n"


Evaluator = Callable[[Event, Payload, Member], object]
"""(event, payload, member) -> value of one expression; raises `cel_runtime.FAILURES`."""


def evaluator(
    tree: Tree, known: Mapping[str, Term], unit: str, tier: str, conversion: Conversion | None = None
) -> Evaluator:
    """The function of one checked expression, evaluated as `generate` lets it be within a rule."""
    emitter = Emitter(known)
    code = emitter.emit(tree)
    reads = [f"    {local} = {read}" for local, read in emitter.used.items()]
    source = "\n".join(["def value(event, payload, member):", *reads, f"    return {code.text}", ""])
    names = _executed(source, "one expression", unit, tier, conversion)
    value: Evaluator = names["value"]  # type: ignore[assignment]
    return value


def _outer(text: str) -> str:
    """A comparison without the brackets that only the inside of an expression needs."""
    return text[1:-1] if re.fullmatch(r"\([^()'\"]*\)", text) else text


def load(source: str, label: str, unit: str, tier: str, conversion: Conversion | None = None) -> Match:
    """The function of generated source. `unit` is the default unit's id, `tier` the lowest tier's id or empty;
    `conversion` is needed where the source reads amounts in the base currency."""
    match: Match = _executed(source, f"rules on {label}", unit, tier, conversion)["match"]  # type: ignore[assignment]
    return match


def _executed(source: str, label: str, unit: str, tier: str, conversion: Conversion | None) -> dict[str, object]:
    """The names that generated source defines."""
    namespace: dict[str, object] = {"UNIT": unit, "TIER": tier}
    if conversion is not None:
        namespace["base_minor"] = conversion.base_minor
    for name in (*_ARITHMETIC.values(), "negate", "element", "all_of", "any_of", "describe", "FAILURES"):
        namespace[name] = getattr(cel_runtime, name)
    # Generated above from a checked tree: names come from the vocabulary, constants through repr.
    exec(compile(source, f"<{label}>", "exec"), namespace)  # noqa: S102
    return namespace
