"""The values of a programme's files by what they mean: however they are written, equal meanings are equal values."""

from dataclasses import dataclass, field
from typing import Final, final

from pipeline.core.program import Period
from pipeline.program.cel_check import check_expression
from pipeline.program.cel_text import comparable
from pipeline.program.quantities import DAY_MS, BadQuantity, parse_decimal, parse_period
from pipeline.program.shapes import (
    DEFAULT_UNIT,
    Exact,
    Expression,
    Fields,
    Items,
    Key,
    Length,
    Named,
    OneOrMany,
    Shape,
    ShortOrFields,
    Whole,
)
from pipeline.program.vocabulary import REWARDABLE
from pipeline.program.yaml_nodes import Listing, Mapping, Node, Scalar

_HOUR_MS: Final = 3_600_000
_SPANS: Final = ((7 * DAY_MS, "week"), (DAY_MS, "day"), (_HOUR_MS, "hour"), (60_000, "minute"))


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """A CEL expression: `text` as it is written, on one line; those are equal whose `key` is."""

    text: str = field(compare=False)
    key: str = ""


Value = str | Condition | tuple["Value", ...] | dict[str, "Value"]
"""Scalars as they are written one way, lists, and mappings without the keys that say nothing."""


@final
class Reader:
    """Reads nodes of one programme, whose default unit is given. Absent keys get their defaults if `complete`."""

    def __init__(self, default_unit: str, *, complete: bool = True) -> None:
        self._default_unit = default_unit
        self._complete = complete
        self._event_type = ""

    def value(self, node: Node, shape: Shape) -> Value:
        """The meaning of a node of this shape; of nodes of other shapes something that is unequal to others."""
        if isinstance(shape, OneOrMany):
            nodes = node.items if isinstance(node, Listing) else [node]
            return tuple(sorted((self.value(each, shape.item) for each in nodes), key=repr))
        if isinstance(shape, ShortOrFields):
            if isinstance(node, Mapping):
                found = self.value(node, shape.fields)
                return found[shape.long_for] if isinstance(found, dict) and [*found] == [shape.long_for] else found
            short = self.value(node, shape.short)
            if shape.short_for and isinstance(shape.fields, Fields):
                return self._with_defaults({shape.short_for: short}, shape.fields)
            return short
        if isinstance(node, Listing):
            item = shape.item if isinstance(shape, Items) else Exact()
            values = [self.value(each, item) for each in node.items]
            ordered = isinstance(shape, Items) and shape.ordered
            return tuple(values if ordered else sorted(values, key=repr))
        if isinstance(node, Mapping):
            return self._mapping(node, shape)
        return self._scalar(node, shape)

    def _mapping(self, node: Mapping, shape: Shape) -> dict[str, Value]:
        pairs = {key.value: value for key, value in node.pairs if isinstance(key, Scalar)}
        if isinstance(shape, Named):
            return {name: self.value(value, shape.item) for name, value in pairs.items()}
        if not isinstance(shape, Fields):
            return {name: self.value(value, Exact()) for name, value in pairs.items()}
        on = pairs.get("on")
        if isinstance(on, Scalar):
            self._event_type = on.value
        values = {name: self.value(value, _shape(shape, name)) for name, value in pairs.items()}
        return self._with_defaults(values, shape)

    def _with_defaults(self, values: dict[str, Value], shape: Fields) -> dict[str, Value]:
        """Keys in the description's order; absent ones as what they mean."""
        found: dict[str, Value] = {}
        for name, key in shape.keys.items():
            if name in values:
                found[name] = values[name]
            elif key.default is not None and self._complete and (not key.beside or key.beside in values):
                found[name] = self._default(key)
        return found | values

    def _default(self, key: Key) -> Value:
        if key.default == DEFAULT_UNIT:
            return self._default_unit
        if isinstance(key.shape, Fields):
            return self._with_defaults({}, key.shape)
        return self.value(Scalar(key.default or "", "", 0, 0), key.shape)

    def _scalar(self, node: Scalar, shape: Shape) -> Value:
        text = node.value
        try:
            if isinstance(shape, Length):
                return "never" if text == "never" else period_text(parse_period(text))
            if isinstance(shape, Exact):
                return _decimal_text(*parse_decimal(text))
        except BadQuantity:
            return text
        if isinstance(shape, Whole):
            return text.strip()
        if isinstance(shape, Expression):
            return self._condition(text, shape.wanted)
        return text

    def _condition(self, text: str, wanted: str) -> Condition:
        flat = " ".join(text.split())
        if self._event_type not in REWARDABLE:
            return Condition(flat, flat)
        tree, _ = check_expression(text, self._event_type, wanted, {})
        return Condition(flat, flat if tree is None else comparable(tree))


def _shape(fields: Fields, name: str) -> Shape:
    """The shape of a key; one that is not known is read as a text."""
    return fields.keys[name].shape if name in fields.keys else Exact()


def period_text(period: Period) -> str:
    """A length of time in words, in the largest unit that it is a multiple of."""
    if period.months:
        years = period.months // 12
        return _count(years, "year") if years * 12 == period.months else _count(period.months, "month")
    for span_ms, unit in _SPANS:
        if period.ms % span_ms == 0:
            return _count(period.ms // span_ms, unit)
    return f"{period.ms} ms"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == 1 else "s")


def _decimal_text(numerator: int, denominator: int) -> str:
    whole, rest = divmod(numerator, denominator)
    if not rest:
        return str(whole)
    digits = len(str(denominator)) - 1
    return f"{whole}.{str(rest).zfill(digits)}"
