"""Says what the CEL checker found in the words of a programme: place, reason, suggestion."""

import re
from dataclasses import dataclass
from typing import Final, final

from pipeline.core.payloads import RULE_FIELDS
from pipeline.program.problems import closest, shorten
from pipeline.program.vocabulary import terms, types_with


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake in an expression at a character offset of it."""

    offset: int
    reason: str
    suggestion: str


_ERROR: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '(.*)' \(in container '.*'\)")
_OVERLOAD: Final = re.compile(r"found no matching overload for '(.*)' applied to '\((.*)\)'")
_SELECT: Final = re.compile(r"expression of type '(.*)' cannot be the operand of a select operation")
_TOO_DEEP: Final = re.compile(r"recursion (limit|depth)|max recursion")

_SYMBOLS: Final = {
    "_&&_": "&&",
    "_||_": "||",
    "!_": "!",
    "-_": "-",
    "@in": "in",
    "_[_]": "[ ]",
    "_?_:_": "? :",
}
_WORDS: Final = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}

_USAGE: Final = {
    "size": "write size(text), or size of a list or map",
    "contains": 'write text.contains("part")',
    "startsWith": 'write text.startsWith("beginning")',
    "endsWith": 'write text.endsWith("end")',
    "has": "write has(event.attributes.name)",
}
FUNCTION_NAMES: Final = tuple(_USAGE)
"""Functions that conditions may call."""


def call_start(expression: str, offset: int) -> int:
    """Where a called name begins; the library places a call at its opening bracket."""
    called = re.search(r"\w+\s*$", expression[:offset]) if expression[offset : offset + 1] == "(" else None
    return called.start() if called else offset


def symbol(function: str) -> str:
    """An operator as it is written."""
    return _SYMBOLS.get(function, function.strip("_") if function.startswith("_") else function)


def findings(message: str, expression: str, event_type: str) -> list[Finding]:
    """Every mistake that the library's message tells of; never empty."""
    found: list[Finding] = []
    starts = [0]
    starts.extend(index + 1 for index, character in enumerate(expression) if character == "\n")
    for match in _ERROR.finditer(message):
        line, column, reason = int(match[1]), int(match[2]), match[3]
        offset = min(starts[line - 1] + column - 1, len(expression)) if 0 < line <= len(starts) and column > 0 else 0
        found.append(_finding(reason, offset, expression, event_type))
    if not found:
        found.append(_finding(message, 0, expression, event_type))
    # One slip, such as a missing quote, makes the parser complain several times: the first complaint helps.
    syntax = [finding for finding in found if finding.reason.startswith("not a valid expression")]
    return syntax[:1] if syntax else list(dict.fromkeys(found))


def _finding(reason: str, offset: int, expression: str, event_type: str) -> Finding:
    undeclared = _UNDECLARED.match(reason)
    if undeclared:
        return _undeclared(undeclared[1], offset, expression, event_type)
    overload = _OVERLOAD.match(reason)
    if overload:
        return _overload(overload[1], overload[2], offset)
    select = _SELECT.match(reason)
    if select:
        word = re.match(r"\.\s*(\w+)", expression[offset:])
        return Finding(
            offset,
            f"a value of type {select[1]} has no fields, so `.{word[1] if word else ''}` cannot follow it",
            "write size(x) for a length" if word and word[1] == "size" else "",
        )
    if _TOO_DEEP.search(reason):
        return Finding(0, "the expression is nested too deeply", "split it into several rules, or use `in [...]`")
    if "int literal" in reason:
        return Finding(offset, "the number does not fit into 64 bits", "")
    if reason.startswith("Syntax error"):
        return _syntax(reason.removeprefix("Syntax error: "), offset, expression)
    return Finding(offset, shorten(reason, 160), "")


def _syntax(reason: str, offset: int, expression: str) -> Finding:
    word = re.match(r"\w+", expression[offset:])
    if offset >= len(expression.rstrip()):
        return Finding(offset, "not a valid expression: it ends too early", "complete it, or remove the last operator")
    if word and word[0] in _WORDS:
        return Finding(offset, f"not a valid expression: `{word[0]}` is not an operator", f"write {_WORDS[word[0]]}")
    if expression[offset] == "=" and expression[offset + 1 : offset + 2] != "=":
        return Finding(offset, "not a valid expression: `=` is not an operator", "write == to compare")
    if expression[offset] in "&|" and expression[offset + 1 : offset + 2] != expression[offset]:
        mark = expression[offset]
        return Finding(offset, f"not a valid expression: `{mark}` is not an operator", f"write {mark * 2}")
    if expression[offset] in "'\"":
        return Finding(
            offset, "not a valid expression: a text is not closed, or stands in the wrong place", "check the quotes"
        )
    if expression[offset] == ",":
        return Finding(offset, "not a valid expression: unexpected `,`", "write numbers without commas, such as 10000")
    plain = re.sub(r" expecting .*| at: .*", "", reason)
    return Finding(offset, f"not a valid expression: {shorten(plain, 80)}", "")


def _undeclared(name: str, offset: int, expression: str, event_type: str) -> Finding:
    prefix, _, field = name.rpartition(".")
    if not prefix and expression[offset : offset + 1] in ("(", "."):
        # A method that is not known is placed at the dot before it.
        place = max(expression.find(name, offset), 0) if expression[offset] == "." else call_start(expression, offset)
        if name in FUNCTION_NAMES:
            return Finding(place, f"`{name}` is not called like that", _USAGE[name])
        return Finding(place, f"there is no function `{shorten(name)}`", closest(name, FUNCTION_NAMES))
    if prefix:
        # It points at the last dot of a dotted name: show the field if what stands before it exists, else the name.
        field_at = offset + 1 + len(expression[offset + 1 :]) - len(expression[offset + 1 :].lstrip())
        start = expression.rfind(prefix.split(".", 1)[0], 0, offset + 1)
        offset = field_at if prefix in ("event", "member") or start < 0 else start
    elif not prefix and name in ("event", "member"):
        example = "tier" if name == "member" else next((field for field, _ in RULE_FIELDS[event_type]), "source")
        return Finding(offset, f"`{name}` is not a value by itself", f"name a field, such as `{name}.{example}`")
    return Finding(offset, *_unknown_name(name, prefix, field, event_type))


def _unknown_name(name: str, prefix: str, field: str, event_type: str) -> tuple[str, str]:
    known = terms(event_type)
    if prefix == "event":
        elsewhere = types_with(field)
        suggestion = closest(name, [term for term in known if term.startswith("event.")])
        if elsewhere:
            suggestion = f"`{name}` exists on {', '.join(elsewhere)}"
        return f"`{shorten(name)}` does not exist on {event_type}", suggestion
    if prefix == "member":
        members = [term for term in known if term.startswith("member.")]
        return f"`{shorten(name)}` does not exist", closest(name, members)
    suggestion = closest(name, known)
    if not prefix and not suggestion.startswith("did you mean"):
        suggestion = f'put a text into quotes: "{shorten(name)}"'
    return (
        f"`{shorten(name)}` is not known here",
        suggestion if "known:" not in suggestion else "names start with event. or member.",
    )


def _overload(function: str, types: str, offset: int) -> Finding:
    operands = _split(types)
    mark = symbol(function)
    if function == "@in":
        reason = f"`in` cannot look for {operands[0]} in {operands[-1]}"
        return Finding(offset, reason, _in_advice(operands[0], operands[-1]))
    if len(operands) == 2 and function.startswith("_") and function != "_[_]":
        reason = f"`{mark}` cannot be applied to {operands[0]} and {operands[1]}"
        return Finding(offset, reason, _pair_advice(function, operands))
    advice = "compare it with something first" if function == "!_" else ""
    return Finding(offset, f"`{mark}` cannot be applied to {', '.join(operands)}", advice)


def _in_advice(item: str, group: str) -> str:
    if group == item:
        return "write a list: in [...]"
    if group.startswith("list("):
        return f"the list must hold values of type {item}"
    return ""


def _pair_advice(function: str, operands: list[str]) -> str:
    pair = set(operands)
    if "double" in pair:
        return "write whole numbers: amounts are in minor units, so 100.00 is 10000"
    if pair == {"int", "string"}:
        return "both sides must be of one type: a number without quotes, a text in quotes"
    if function in ("_&&_", "_||_"):
        return "both sides must be conditions: compare each value with something"
    if "bool" in pair:
        return "compare a bool with true or false, or write it alone"
    return "both sides must be of one type"


def _split(types: str) -> list[str]:
    """Operand types: commas within brackets do not separate."""
    parts: list[str] = []
    depth = start = 0
    for index, character in enumerate(types):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(types[start:index].strip())
            start = index + 1
    parts.append(types[start:].strip())
    return parts
