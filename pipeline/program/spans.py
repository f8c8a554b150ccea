"""Where a character of a YAML scalar's value stands in its file, whatever the scalar's style."""

from typing import final

from pipeline.program.problems import Source
from pipeline.program.yaml_nodes import Scalar

_SIMPLE_ESCAPES = frozenset('"\\/')


@final
class Span:
    """Maps offsets in a scalar's value to character indexes in the file.

    Folding, indentation and line ends change only white space, so the n-th other character of the value is the n-th of
    the source, once quotes and escapes are taken off. Where an escape makes that inexact, all map to the start.
    """

    __slots__ = ("_indexes", "_scalar", "_source")

    def __init__(self, source: Source, scalar: Scalar) -> None:
        self._source = source
        self._scalar = scalar
        written = [index for index in _written(source.text, scalar) if not source.text[index].isspace()]
        value = [offset for offset, character in enumerate(scalar.value) if not character.isspace()]
        exact = [source.text[index] for index in written] == [scalar.value[offset] for offset in value]
        self._indexes = dict(zip(value, written, strict=True)) if exact else {}

    def index(self, offset: int) -> int:
        """Character index in the file; an offset at white space or past the end maps behind what stands before it."""
        if not self._indexes:
            return self._scalar.start
        for before in range(min(offset, len(self._scalar.value) - 1), -1, -1):
            if before in self._indexes:
                return self._indexes[before] + (1 if before < offset else 0)
        return self._scalar.start


def _written(text: str, scalar: Scalar) -> list[int]:
    """Indexes of the characters that make up the value, white space included."""
    start, end = scalar.start, scalar.end
    if scalar.style in ("|", ">"):
        # Behind the header line, which may end in a comment.
        first = text.find("\n", start, end)
        return list(range(first + 1, end)) if first >= 0 else []
    if not scalar.style:
        return list(range(start, end))
    indexes: list[int] = []
    index = start + 1
    while index < end - 1:
        pair = text[index : index + 2]
        if (scalar.style == "'" and pair == "''") or (
            scalar.style == '"' and pair[0] == "\\" and pair[1:] in _SIMPLE_ESCAPES
        ):
            indexes.append(index + 1)
            index += 2
        elif scalar.style == '"' and pair == "\\\n":
            index += 2
        else:
            indexes.append(index)
            index += 1
    return indexes
