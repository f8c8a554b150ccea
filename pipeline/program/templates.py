"""Texts of messages as Jinja2 templates: only what shows values and chooses between texts is allowed in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.core import notices
from pipeline.program.problems import closest, shorten

Value = str | int | datetime

TEMPLATE_MAX: Final = 10_000
"""Most characters of a template."""
COMPILED_MAX: Final = 1_000
ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter,
)  # fmt: skip
"""No loops, calls, arithmetic or access into values: a template always ends, at once, with a text of bounded length."""
FILTERS: Final = ("upper", "lower", "capitalize", "trim", "number", "date")

_EVERYWHERE: Final[Mapping[str, Value]] = {"count": 1, "member": "m-1042", "program": "shop", "tier": "gold"}
_POINTS: Final[Mapping[str, Value]] = {"points": 125, "unit": "points", "balance": 4_885}
_REWARD: Final[Mapping[str, Value]] = {**_POINTS, "reward": "voucher-10", "redemption": "rd-31"}
_OF_KIND: Final[Mapping[str, Mapping[str, Value]]] = {
    notices.POINTS_EARNED: _POINTS,
    notices.POINTS_EXPIRED: _POINTS,
    notices.POINTS_EXPIRING: _POINTS,
    notices.TIER_CHANGED: {"previous_tier": "silver"},
    notices.REDEMPTION_HELD: _REWARD,
    notices.REWARD_FULFILLED: _REWARD,
    notices.REWARD_FAILED: {**_REWARD, "reason": "sold out"},
}


class BadTemplate(Exception):
    """A text that is no template for its kind: `line` within it from 1, `reason`, and what to do instead."""

    def __init__(self, line: int, reason: str, suggestion: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason
        self.suggestion = suggestion


def number(value: int, separator: str = ",") -> str:
    """A whole number in groups of three digits."""
    return f"{value:,}".replace(",", separator)


def date(value: datetime, form: str = "%Y-%m-%d") -> str:
    """A time of the programme's zone, by `strftime`."""
    return value.strftime(form)


_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in FILTERS[:4]} | {"number": number, "date": date}


def samples(kind: str, occurred: datetime) -> dict[str, Value]:
    """Values like those that a message of this kind shows."""
    return {**_EVERYWHERE, "occurred": occurred, **_OF_KIND[kind]}


def check_template(text: str, kind: str) -> None:
    """Raises BadTemplate for what cannot be shown, or not of this kind of notification."""
    if len(text) > TEMPLATE_MAX:
        raise BadTemplate(1, f"a text has {len(text)} characters, more than {TEMPLATE_MAX}", "shorten it")
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateError as error:
        raise BadTemplate(getattr(error, "lineno", 1) or 1, f"not a template: {error}", "mend it") from error
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, ALLOWED):
            what = type(node).__name__
            raise BadTemplate(node.lineno, f"a text cannot use {what}", "use values, filters and {% if %}")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            suggestion = closest(node.name, FILTERS)
            raise BadTemplate(node.lineno, f"there is no filter `{shorten(node.name)}`", suggestion)
    known = samples(kind, datetime(2026, 3, 1))
    for name in sorted(meta.find_undeclared_variables(tree)):
        if name not in known:
            raise BadTemplate(_line_of(tree, name), f"`{kind}` has no value `{shorten(name)}`", closest(name, known))
    try:
        render(text, known)
    except (TemplateError, TypeError, ValueError) as error:
        raise BadTemplate(1, f"it cannot be shown with sample values: {error}", "mend it") from error


def render(text: str, values: Mapping[str, Value]) -> str:
    """The text with its values. Raises TemplateError, TypeError or ValueError for one that was not checked."""
    return _compiled(text).render(values)


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


def _line_of(tree: nodes.Template, name: str) -> int:
    return next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
