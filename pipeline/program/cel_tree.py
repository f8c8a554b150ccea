"""A parsed condition as a small tree, read from the serialised form in which the CEL library hands out its result.

The library gives no tree to Python, but `Expression.serialize()` is a `google.protobuf.Any` of `cel.expr.CheckedExpr`
(or `ParsedExpr`): field numbers below are those of cel-spec's proto/cel/expr/checked.proto and syntax.proto.
"""

from collections.abc import Iterator
from typing import Final, final

INT: Final = "int"
STRING: Final = "string"
BOOL: Final = "bool"

_PRIMITIVES: Final = {1: BOOL, 2: INT, 3: "uint", 4: "double", 5: STRING, 6: "bytes"}
_WELL_KNOWN: Final = {1: "any", 2: "timestamp", 3: "duration"}
_OTHER_TYPES: Final = {1: "dyn", 2: "null", 9: "message", 10: "dyn", 11: "type", 12: "error"}
_CONSTANTS: Final = {1: "null", 4: "uint", 5: "double", 7: "bytes", 8: "duration", 9: "timestamp"}


@final
class Tree:
    """One node. `offset` is a character index into the expression; `type` is empty if the expression was not checked.

    kind       value                        children
    literal    int, str or bool             -
    name       dotted name                  -
    call       function, such as `_&&_`     receiver (of a method), then arguments
    list       -                            elements
    field      key                          the map
    has        key                          the map
    other      what it is, in words         -            nothing that conditions may use
    """

    __slots__ = ("children", "kind", "offset", "type", "value")

    def __init__(
        self, kind: str, value: int | str | bool, children: tuple["Tree", ...], offset: int, type_: str
    ) -> None:
        self.kind = kind
        self.value = value
        self.children = children
        self.offset = offset
        self.type = type_

    def walk(self) -> Iterator["Tree"]:
        """This node and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_tree(serialized: bytes, names: frozenset[str]) -> Tree:
    """The tree of a serialised expression; selections that spell one of `names` become names.

    Depth is what the library's parser lets through: 32 levels. Raises ValueError if the bytes are not what is expected.
    """
    envelope = _fields(serialized)
    kind = envelope.bytes(1).decode()
    body = _fields(envelope.bytes(2))
    if kind.endswith("cel.expr.CheckedExpr"):
        types = {_entry_key(entry): _type(_fields(entry).bytes(2)) for entry in body.all(3)}
        return _Reader(_positions(body.bytes(5)), types, names).tree(body.bytes(4))
    if kind.endswith("cel.expr.ParsedExpr"):
        return _Reader(_positions(body.bytes(3)), {}, names).tree(body.bytes(2))
    raise ValueError(f"a serialised expression of kind {kind!r} is not known")


@final
class _Reader:
    def __init__(self, offsets: dict[int, int], types: dict[int, str], names: frozenset[str]) -> None:
        self.offsets = offsets
        self.types = types
        self.names = names

    def tree(self, data: bytes) -> Tree:
        expr = _fields(data)
        number = expr.int(2)
        offset = self.offsets.get(number, 0)
        type_ = self.types.get(number, "")
        if expr.has(3):
            return _constant(_fields(expr.bytes(3)), offset, type_)
        if expr.has(4):
            return Tree("name", _fields(expr.bytes(4)).text(1).lstrip("."), (), offset, type_)
        if expr.has(5):
            return self._select(_Fields(expr.bytes(5)), offset, type_)
        if expr.has(6):
            call = _fields(expr.bytes(6))
            children = tuple(self.tree(part) for part in (*call.all(1), *call.all(3)))
            return Tree("call", call.text(2), children, offset, type_)
        if expr.has(7):
            return Tree("list", "", tuple(self.tree(part) for part in _fields(expr.bytes(7)).all(1)), offset, type_)
        words = "a map or message literal" if expr.has(8) else "a macro such as exists, all, map or filter"
        return Tree("other", words, (), offset, type_)

    def _select(self, select: "_Fields", offset: int, type_: str) -> Tree:
        operand = self.tree(select.bytes(1))
        field = select.text(2)
        if select.int(3):
            return Tree("has", field, (operand,), offset, type_)
        if operand.kind == "name" and f"{operand.value}.{field}" in self.names:
            return Tree("name", f"{operand.value}.{field}", (), offset, type_)
        if operand.kind == "name" and not self.types and operand.value not in self.names:
            return Tree("name", f"{operand.value}.{field}", (), offset, type_)
        return Tree("field", field, (operand,), offset, type_)


def _constant(constant: "_Fields", offset: int, type_: str) -> Tree:
    if constant.has(2):
        return Tree("literal", bool(constant.int(2)), (), offset, type_)
    if constant.has(3):
        number = constant.int(3)
        return Tree("literal", number - (1 << 64) if number >= 1 << 63 else number, (), offset, type_)
    if constant.has(6):
        return Tree("literal", constant.text(6), (), offset, type_)
    words = next((word for number, word in _CONSTANTS.items() if constant.has(number)), "unknown")
    return Tree("other", f"a value of type {words}", (), offset, type_)


def _type(data: bytes) -> str:
    fields = _fields(data)
    if fields.has(3):
        return _PRIMITIVES.get(fields.int(3), "unknown")
    if fields.has(5):
        return _WELL_KNOWN.get(fields.int(5), "unknown")
    if fields.has(6):
        return f"list({_type(_fields(fields.bytes(6)).bytes(1))})"
    if fields.has(7):
        pair = _fields(fields.bytes(7))
        return f"map({_type(pair.bytes(1))}, {_type(pair.bytes(2))})"
    return next((word for number, word in _OTHER_TYPES.items() if fields.has(number)), "dyn")


def _positions(source_info: bytes) -> dict[int, int]:
    return {_entry_key(entry): _fields(entry).int(2) for entry in _fields(source_info).all(4)}


def _entry_key(entry: bytes) -> int:
    return _fields(entry).int(1)


@final
class _Fields:
    """Fields of one protobuf message: varints and length-delimited values by number."""

    def __init__(self, data: bytes) -> None:
        self._values: dict[int, list[int | bytes]] = {}
        position = 0
        while position < len(data):
            tag, position = _varint(data, position)
            value: int | bytes
            if tag & 7 == 0:
                value, position = _varint(data, position)
            elif tag & 7 == 2:
                length, position = _varint(data, position)
                value, position = data[position : position + length], position + length
            elif tag & 7 == 1:
                value, position = data[position : position + 8], position + 8
            else:
                raise ValueError(f"wire type {tag & 7} in a serialised expression is not known")
            self._values.setdefault(tag >> 3, []).append(value)
        if position != len(data):
            raise ValueError("a serialised expression ends too early")

    def has(self, number: int) -> bool:
        return number in self._values

    def all(self, number: int) -> list[bytes]:
        return [value for value in self._values.get(number, []) if isinstance(value, bytes)]

    def bytes(self, number: int) -> bytes:
        return next(iter(self.all(number)), b"")

    def text(self, number: int) -> str:
        return self.bytes(number).decode()

    def int(self, number: int) -> int:
        value = self._values.get(number, [0])[-1]
        return value if isinstance(value, int) else 0


def _fields(data: bytes) -> _Fields:
    return _Fields(data)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError("a serialised expression ends within a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
