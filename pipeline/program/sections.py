"""Reads a mapping of a programme file key by key: types, ranges and unknown keys, each mistake to the report."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final, TypeVar, final

from pipeline.core.program import Period
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.quantities import BadQuantity, parse_decimal, parse_integer, parse_period
from pipeline.program.yaml_nodes import Listing, Mapping, Node, Scalar

ELSEWHERE: Final = {
    "budget": "a budget is a campaign's: write it in campaigns.yaml and name the campaign in the rule",
    "stock": "stock is a reward's: write it in rewards.yaml",
    "codes": "voucher codes are a reward's: write `codes` in rewards.yaml",
    "households": "households are the programme's: write them in program.yaml",
}
"""Keys that are often looked for where they do not stand, and where they do."""

IDENTIFIER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

ITEMS_MAX: Final = 2000
"""Most items of a list, such as the rules of a file."""

T = TypeVar("T")

_EMPTY: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def kind_of(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, Scalar):
        return "empty" if is_empty(node) else f"`{shorten(node.value)}`"
    return "a list" if isinstance(node, Listing) else "a mapping"


def is_empty(node: Node) -> bool:
    """Whether nothing, or null, stands there."""
    return isinstance(node, Scalar) and not node.style and node.value in _EMPTY


@final
class Section:
    """A mapping with a fixed set of keys. `what` names it in messages, such as "rule `welcome`".

    Readers return None where the key is absent or its value is wrong; then the reason is in the report.
    """

    __slots__ = ("_key_starts", "_nodes", "_report", "_source", "readable", "start", "what")

    def __init__(self, report: Report, source: Source, node: Node, what: str, keys: Collection[str] | None) -> None:
        self._report = report
        self._source = source
        self._nodes: dict[str, Node] = {}
        self._key_starts: dict[str, int] = {}
        self.what = what
        self.start = node.start
        self.readable = False
        """Whether it is a mapping, and not only of keys that are refused: then it is worth asking for keys it lacks."""
        if not isinstance(node, Mapping):
            advice = f"write its keys, such as {', '.join(list(keys)[:4])}" if keys else "write `name: ...` lines"
            report.error(source, node.start, f"{what} must be a mapping, not {kind_of(node)}", advice)
            return
        for key, value in node.pairs:
            self._take(key, value, keys)
        self.readable = bool(self._nodes) or not node.pairs

    def _take(self, key: Node, value: Node, keys: Collection[str] | None) -> None:
        if not isinstance(key, Scalar):
            self._report.error(
                self._source, key.start, f"{kind_of(key)} cannot be a key of {self.what}", "write a name"
            )
        elif key.value in self._nodes:
            self._report.error(
                self._source,
                key.start,
                f"key `{shorten(key.value)}` stands twice in {self.what}",
                "keep one of the two",
            )
        elif keys is not None and key.value not in keys:
            suggestion = ELSEWHERE.get(key.value) or closest(key.value, keys)
            self._report.error(
                self._source, key.start, f"unknown key `{shorten(key.value)}` in {self.what}", suggestion
            )
        else:
            self._nodes[key.value] = value
            self._key_starts[key.value] = key.start

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def keys(self) -> list[str]:
        """Keys present, in the file's order."""
        return list(self._nodes)

    def node(self, key: str) -> Node | None:
        """The value's node, or None if the key is absent."""
        return self._nodes.get(key)

    def at(self, key: str) -> int:
        """Character index of the value, or of the section if the key is absent."""
        node = self._nodes.get(key)
        return self.start if node is None else node.start

    def key_start(self, key: str) -> int:
        """Character index of a key that is present."""
        return self._key_starts[key]

    def refuse(self, key: str, reason: str, suggestion: str = "") -> None:
        """Report an error at the key's value."""
        self._report.error(self._source, self.at(key), reason, suggestion)

    def warn(self, key: str, reason: str, suggestion: str = "") -> None:
        """Report a warning at the key's value."""
        self._report.warning(self._source, self.at(key), reason, suggestion)

    def require(self, *keys: str) -> bool:
        """Whether all these keys are present; reports those that are not."""
        missing = [key for key in keys if key not in self._nodes]
        for key in missing:
            self._report.error(self._source, self.start, f"{self.what} lacks `{key}`", f"add `{key}: ...`")
        return not missing

    def scalar(self, key: str, wanted: str) -> Scalar | None:
        """The value as one scalar that is not empty; `wanted` says in messages what belongs there."""
        node = self._nodes.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar) or is_empty(node):
            self.refuse(key, f"`{key}` must be {wanted}, not {kind_of(node)}")
            return None
        return node

    def _plain(self, key: str, wanted: str) -> str | None:
        """Text of an unquoted scalar."""
        scalar = self.scalar(key, wanted)
        if scalar is None:
            return None
        if scalar.style:
            self.refuse(key, f"`{key}` must be {wanted}, not a quoted text", f"write `{key}: {shorten(scalar.value)}`")
            return None
        return scalar.value

    def _parsed(self, key: str, wanted: str, parse: Callable[[str], T]) -> T | None:
        text = self._plain(key, wanted)
        if text is None:
            return None
        try:
            return parse(text)
        except BadQuantity as bad:
            self.refuse(key, f"`{key}`: {bad.reason}", bad.suggestion)
            return None

    def integer(self, key: str, minimum: int, maximum: int) -> int | None:
        """A whole number within bounds, both included."""
        number = self._parsed(key, "a whole number", parse_integer)
        if number is None or minimum <= number <= maximum:
            return number
        bound = f"at least {minimum}" if number < minimum else f"at most {maximum}"
        self.refuse(key, f"`{key}` must be {bound}, not {number}", f"write a number from {minimum} to {maximum}")
        return None

    def decimal(self, key: str) -> tuple[int, int] | None:
        """(numerator, denominator) of an exact decimal above zero."""
        fraction = self._parsed(key, "an exact decimal", parse_decimal)
        if fraction is not None and fraction[0] == 0:
            self.refuse(
                key, f"`{key}` must be above 0", "remove the rule, or set `mode: shadow`, if it must give nothing"
            )
            return None
        return fraction

    def period(self, key: str) -> Period | None:
        """A length of time above zero."""
        return self._parsed(key, "a length of time such as 30d", parse_period)

    def length_ms(self, key: str) -> int | None:
        """A length of time above zero that is the same at any time of the year, in ms."""
        period = self.period(key)
        if period is not None and period.months:
            advice = f"write days: {period.months * 30}d"
            self.refuse(key, f"`{key}` must have a fixed length, and months have not", advice)
            return None
        return None if period is None else period.ms

    def flag(self, key: str) -> bool:
        """True or false; absent is false."""
        text = self._plain(key, "true or false")
        if text in ("true", "false"):
            return text == "true"
        if text is not None:
            advice = _TRUTHS.get(text.lower(), text.lower() if text.lower() in ("true", "false") else "true or false")
            self.refuse(key, f"`{key}` must be true or false, not `{shorten(text)}`", f"write {advice}")
        return False

    def choice(self, key: str, options: Collection[str], default: str) -> str:
        """One of the options; `default` where absent or wrong."""
        scalar = self.scalar(key, "one of " + ", ".join(options))
        if scalar is None:
            return default
        if scalar.value in options:
            return scalar.value
        self.refuse(key, f"`{key}` cannot be `{shorten(scalar.value)}`", closest(scalar.value, options))
        return default

    def identifier(self, key: str) -> str | None:
        """A name of lower-case letters, digits, - and _, at most 64 long."""
        scalar = self.scalar(key, "a name")
        if scalar is None or IDENTIFIER.fullmatch(scalar.value):
            return None if scalar is None else scalar.value
        self.refuse(key, f"`{shorten(scalar.value)}` is not a name", bad_name_advice(scalar.value))
        return None

    def items(self, key: str, wanted: str, maximum: int = ITEMS_MAX) -> list[Node]:
        """The nodes of a list that is not empty and not too long; [] where absent or wrong."""
        node = self._nodes.get(key)
        if node is None:
            return []
        if not isinstance(node, Listing):
            self.refuse(key, f"`{key}` must be a list of {wanted}, not {kind_of(node)}")
            return []
        if not node.items:
            self.refuse(key, f"`{key}` is an empty list", "leave the key out, or list something")
        if len(node.items) > maximum:
            self.refuse(key, f"`{key}` lists {len(node.items)} {wanted}, more than {maximum}", "list fewer")
            return []
        return node.items

    def texts(self, key: str, wanted: str) -> list[Scalar]:
        """The scalars of a list of texts, each once; [] where absent or wrong."""
        found: dict[str, Scalar] = {}
        for item in self.items(key, wanted):
            if not isinstance(item, Scalar) or is_empty(item):
                self._report.error(self._source, item.start, f"`{key}` lists {wanted}, not {kind_of(item)}")
            elif item.value in found:
                reason = f"`{shorten(item.value)}` stands twice in `{key}`"
                self._report.error(self._source, item.start, reason, "keep one")
            else:
                found[item.value] = item
        return list(found.values())

    def section(self, key: str, what: str, keys: Collection[str] | None) -> "Section | None":
        """A mapping below this one."""
        node = self._nodes.get(key)
        return None if node is None else Section(self._report, self._source, node, what, keys)


def bad_name_advice(text: str) -> str:
    """How to write a text as a name."""
    name = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:64]
    if IDENTIFIER.fullmatch(name):
        return f"write `{name}`: lower-case letters, digits, - and _"
    return "use lower-case letters, digits, - and _, at most 64"
