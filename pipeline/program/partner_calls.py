"""Reads how a partner is called: method, path, headers, body by JSON pointer, and what each answer means."""

import re
from collections.abc import Sequence
from typing import Final

from pipeline.program.partners import MEANINGS, AnswerRule, CallMapping
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.quantities import BadQuantity, parse_integer
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Named, Text, Whole
from pipeline.program.yaml_nodes import Scalar

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
POINTER: Final = Text("(/[^/ ]+)+", "/order/id")
ANY_TEXT: Final = Text(".{0,500}", "{fulfillment_id}")
MAX_ANSWERS: Final = 50
PLACEHOLDERS: Final = (
    "fulfillment_id",
    "member_id",
    "redemption_id",
    "reward_id",
    "item",
    "quantity",
    "unit",
    "points",
    "reference",
    "codes",
)
IN_HEADERS: Final = ("fulfillment_id", "quantity", "points")
"""A header must not carry what others wrote."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")

ANSWER_KEYS: Final[Keys] = {
    "means": Key(Choice(MEANINGS), "What the answer means.", required=True),
    "status": Key(Items(Whole(100, 599), 100), "HTTP statuses; any without it."),
    "where": Key(Named(ANY_TEXT, names=POINTER), "Values in the body, by pointer, that must be so."),
}


def answers_key(meaning: str) -> Key:
    """The key that lists what answers mean."""
    return Key(Items(Fields(ANSWER_KEYS), MAX_ANSWERS, ordered=True), meaning)


CALL_KEYS: Final[Keys] = {
    "method": Key(Choice(METHODS), "HTTP method; `POST`, of `ask` `GET`, without it."),
    "path": Key(Text("/.*", "/orders/{fulfillment_id}"), "Behind the address, with placeholders.", required=True),
    "headers": Key(Named(ANY_TEXT, names=Text("[A-Za-z0-9-]{1,64}", "Idempotency-Key")), "Further headers."),
    "body": Key(Named(ANY_TEXT, names=POINTER), "JSON by pointer: values are texts with placeholders."),
    "answers": answers_key("What answers mean, the first that fits; behind them the usual ones are tried."),
    "reference": Key(POINTER, "Where the partner's own id stands in the answer."),
    "quantity": Key(POINTER, "Where the pieces stand that were given, if not all."),
}

_CREATED: Final = AnswerRule("confirmed", (200, 201, 204), ())
_ACCEPTED: Final = AnswerRule("pending", (202,), ())
_LATER: Final = AnswerRule("retry", (401, 403, 425, 429), ())
_REFUSED: Final = AnswerRule("failed", (400, 404, 405, 410, 422), ())
ABSENT: Final = (AnswerRule("absent", (404, 410), ()),)
"""Of a question: the partner knows nothing of it."""
USUAL: Final = (_CREATED, _ACCEPTED, _LATER, _REFUSED)
"""What answers mean unless it is declared; any other, such as a 5xx, leaves unknown what has become of the call."""


def read_call(
    report: Report, source: Source, own: Section, key: str, method: str, usual: Sequence[AnswerRule] = ()
) -> CallMapping | None:
    """The call under a key, None where it is absent or unusable."""
    section = own.section(key, f"`{key}` of {own.what}", CALL_KEYS)
    if section is None or not section.readable or not section.require("path"):
        return None
    path = section.scalar("path", "a path such as /orders")
    if path is not None and not path.value.startswith("/"):
        section.refuse(
            "path", f"`path` must begin with /, not `{shorten(path.value)}`", f"write /{shorten(path.value)}"
        )
    if path is not None:
        _check_placeholders(report, source, path, PLACEHOLDERS)
    headers = read_texts(report, source, section, "headers", IN_HEADERS)
    body = read_texts(report, source, section, "body", PLACEHOLDERS)
    for name, _ in headers:
        if not re.fullmatch("[A-Za-z0-9-]{1,64}", name):
            section.refuse("headers", f"`{shorten(name)}` is no header's name", "write letters, digits and -")
    _check_body(section, body)
    ends = () if key == "ask" else USUAL
    answers = (*read_answers(report, source, section), *usual, *(ends or (_CREATED, _ACCEPTED, _LATER)))
    return CallMapping(
        section.choice("method", METHODS, method),
        "" if path is None else path.value,
        headers,
        body,
        answers,
        read_pointer(section, "reference"),
        read_pointer(section, "quantity"),
    )


def read_answers(report: Report, source: Source, section: Section) -> tuple[AnswerRule, ...]:
    """What answers mean, in their order."""
    found: list[AnswerRule] = []
    for item in section.items("answers", "answers", MAX_ANSWERS):
        own = Section(report, source, item, f"an answer of {section.what}", ANSWER_KEYS)
        if not own.readable or not own.require("means"):
            continue
        means = own.choice("means", MEANINGS, "unknown")
        if "status" not in own and "where" not in own:
            own.refuse("means", f"{own.what} fits every answer", "add `status: [...]` or `where: {...}`")
        statuses = tuple(_status(report, source, scalar) for scalar in own.texts("status", "statuses"))
        found.append(AnswerRule(means, statuses, read_texts(report, source, own, "where", ())))
    return tuple(found)


def read_pointer(section: Section, key: str) -> str:
    """A JSON pointer; empty where the key is absent or wrong."""
    scalar = section.scalar(key, "a JSON pointer such as /order/id")
    if scalar is None:
        return ""
    if not re.fullmatch(POINTER.pattern, scalar.value):
        section.refuse(key, f"`{shorten(scalar.value)}` is no JSON pointer", "write one such as /order/id")
    return scalar.value


def read_texts(
    report: Report, source: Source, section: Section, key: str, placeholders: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """A mapping of texts, in the file's order."""
    own = section.section(key, f"`{key}` of {section.what}", None)
    found: list[tuple[str, str]] = []
    for name in own.keys() if own is not None else ():
        node = own.node(name) if own is not None else None
        if not isinstance(node, Scalar):
            section.refuse(key, f"`{shorten(name)}` in `{key}` must be one value", "write a text")
            continue
        if key == "where" and not re.fullmatch(POINTER.pattern, name):
            section.refuse(key, f"`{shorten(name)}` is no JSON pointer", "write one such as /state")
        if key != "where":
            _check_placeholders(report, source, node, placeholders)
        found.append((name, node.value))
    return tuple(found)


def _check_placeholders(report: Report, source: Source, scalar: Scalar, known: Sequence[str]) -> None:
    for name in _PLACEHOLDER.findall(scalar.value):
        if name not in known:
            advice = closest(name, known) or "known: " + ", ".join(known)
            report.error(source, scalar.start, f"there is no `{{{shorten(name)}}}` here", advice)


def _check_body(section: Section, body: Sequence[tuple[str, str]]) -> None:
    """Each pointer must lead somewhere of its own."""
    names = [name for name, _ in body]
    for name in names:
        if not re.fullmatch(POINTER.pattern, name):
            section.refuse("body", f"`{shorten(name)}` is no JSON pointer", "write one such as /order/id")
        elif any(other != name and other.startswith(name + "/") for other in names):
            section.refuse("body", f"`{shorten(name)}` is a value and holds others", "give one of them another place")


def _status(report: Report, source: Source, scalar: Scalar) -> int:
    try:
        status = parse_integer(scalar.value)
    except BadQuantity:
        status = 0
    if not 100 <= status <= 599:
        report.error(source, scalar.start, f"`{shorten(scalar.value)}` is no HTTP status", "write one such as 200")
    return status
