"""Hypothesis strategies: well-typed conditions over the vocabulary of an event type, and values for its names."""

import re

from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.core.member import Lot, Member, Wallet
from pipeline.core.payloads import CustomEvent, EmiPaymentSucceeded

INT_MAX = 2**63 - 1
EDGES = [0, 1, -1, 2, 3, -3, 7, 10_000, INT_MAX, INT_MAX - 1, -INT_MAX, -INT_MAX - 1]
KEYS = ["a", "b", "é", ""]
TEXTS = ["", "a", "b", "ab", "ba", "é", "e\u0301", "😀", "\uffff", "Z", "app", "a'b", 'a"b', "a\\b", "a\nb"]

int64 = st.one_of(st.sampled_from(EDGES), st.integers(-INT_MAX - 1, INT_MAX))
texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=4))


def quoted(text: str) -> str:
    """A CEL string literal."""
    escapes = {"\\": "\\\\", '"': '\\"'} | {chr(code): f"\\u{code:04x}" for code in range(32)}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


INT_NAMES = {
    "emi_payment_succeeded": [
        "event.amount_minor",
        "event.instalment_number",
        "member.available",
        "member.instalments",
    ],
    "custom_event": ["member.pending", "member.custom_events", "member.enrolled_days"],
}
BOOL_LEAVES = {
    "emi_payment_succeeded": ["true", "false", "event.on_time", "has(event.attributes.a)"],
    "custom_event": ["true", "false", "has(event.attributes.a)"],
}
STRING_NAMES = {
    "emi_payment_succeeded": ["event.loan_id", "event.source", "member.country", "member.segment"],
    "custom_event": ["event.name", "event.event_id", "member.country"],
}


@st.composite
def expressions(draw: st.DrawFn, event_type: str, kind: str, depth: int) -> str:
    """An expression of a kind (int, string, bool, list(int), list(string)), nested at most `depth` deep."""
    return _Writer(draw, event_type).write(kind, depth)


class _Writer:
    """Draws one expression by recursion, so that Hypothesis sees a flat sequence of choices."""

    def __init__(self, draw: st.DrawFn, event_type: str) -> None:
        self.draw = draw
        self.event_type = event_type

    def write(self, kind: str, depth: int) -> str:
        if depth == 0 or self.draw(st.integers(0, 4)) == 0:
            return self.leaf(kind)
        shapes = SHAPES[kind] + (CUSTOM_SHAPES[kind] if self.event_type == "custom_event" else [])
        shape = self.draw(st.sampled_from(shapes))
        return HOLE.sub(lambda hole: self.fill(hole[1], depth - 1), shape)

    def fill(self, hole: str, depth: int) -> str:
        return self.draw(st.sampled_from(OPERATORS[hole])) if hole in OPERATORS else self.write(hole, depth)

    def leaf(self, kind: str) -> str:
        if kind == "int":
            names = st.sampled_from(INT_NAMES[self.event_type])
            return self.draw(st.one_of(names, st.integers(-3, 12).map(str), int64.map(str)))
        if kind == "string":
            return self.draw(st.one_of(st.sampled_from(STRING_NAMES[self.event_type]), texts.map(quoted)))
        if kind == "bool":
            return self.draw(st.sampled_from(BOOL_LEAVES[self.event_type]))
        element = int64.map(str) if kind == "list(int)" else texts.map(quoted)
        return f"[{', '.join(self.draw(st.lists(element, min_size=1, max_size=3)))}]"


HOLE = re.compile(r"<([^<>]+)>")
OPERATORS = {
    "arithmetic": ["+", "-", "*", "/", "%"],
    "order": ["==", "!=", "<=", ">=", "<", ">"],
    "same": ["==", "!="],
    "logic": ["&&", "||"],
    "method": ["contains", "startsWith", "endsWith"],
}
SHAPES = {
    "int": [
        "(<bool> ? <int> : <int>)",
        "(<int> <arithmetic> <int>)",
        "(<int> <arithmetic> <int>)",
        "(-(<int>))",
        "size(<string>)",
        "size(<list(int)>)",
        "<list(string)>.size()",
        "<list(int)>[<int>]",
    ],
    "string": [
        "(<bool> ? <string> : <string>)",
        "(<string> + <string>)",
        "<list(string)>[<int>]",
        "event.attributes[<string>]",
        "event.attributes.a",
        "event.attributes.b",
    ],
    "bool": [
        "(<bool> ? <bool> : <bool>)",
        "(<bool> <logic> <bool>)",
        "(<bool> <logic> <bool> <logic> <bool>)",
        "(<bool> && <bool> && <bool> && <bool>)",
        "(!(<bool>))",
        "(<int> <order> <int>)",
        "(<int> <order> <int>)",
        "(<string> <order> <string>)",
        "(<bool> <order> <bool>)",
        "(<list(int)> <same> <list(int)>)",
        "(<list(string)> <same> <list(string)>)",
        "(<int> in <list(int)>)",
        "(<string> in <list(string)>)",
        "(<string> in event.attributes)",
        "<string>.<method>(<string>)",
        "has(event.attributes.b)",
    ],
    "list(int)": ["(<bool> ? <list(int)> : <list(int)>)", "[<int>, <int>]", "(<list(int)> + <list(int)>)"],
    "list(string)": ["(<bool> ? <list(string)> : <list(string)>)", "[<string>]", "(<list(string)> + <list(string)>)"],
}
CUSTOM_SHAPES = {
    "int": ["event.numbers[<string>]", "event.numbers.a", "size(event.numbers)"],
    "string": [],
    "bool": ["(<string> in event.numbers)", "has(event.numbers.a)"],
    "list(int)": ["[event.numbers.a, <int>]"],
    "list(string)": [],
}


@st.composite
def occurrences(draw: st.DrawFn, event_type: str) -> tuple[Event, Member]:
    """An event of the type and the member it happens to."""
    attributes = draw(st.dictionaries(st.sampled_from(KEYS), texts, max_size=3))
    payload: CustomEvent | EmiPaymentSucceeded
    if event_type == "custom_event":
        payload = CustomEvent(draw(texts), draw(st.dictionaries(st.sampled_from(KEYS), int64, max_size=3)))
    else:
        payload = EmiPaymentSucceeded(draw(texts), draw(int64), draw(int64), "USD", draw(st.booleans()))
    at_ms = draw(st.integers(0, 4 * 10**12))
    event = Event(draw(texts), "m-1", at_ms, draw(texts), "", attributes, payload, at_ms)
    member = Member("m-1")
    member.country, member.segment = draw(texts), draw(texts)
    member.enrolled_at_ms = draw(st.one_of(st.just(0), st.integers(1, 4 * 10**12)))
    counts = draw(st.integers(0, 5))
    if counts:
        member.event_counts = {"emi_payment_succeeded": counts, "custom_event": counts}
    if draw(st.booleans()):
        points = draw(st.integers(0, 10**9))
        member.wallets["points"] = Wallet(points, points, 0, 0, [Lot(1, points, 0, 0)], [Lot(2, points, at_ms + 1, 0)])
    return event, member
