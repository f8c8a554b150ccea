"""A programme file's YAML as nodes that know their place; what a programme has no use for is refused."""

from collections.abc import Iterator
from typing import Final, final

import yaml

from pipeline.program.problems import Report, Source, shorten

MAX_DEPTH: Final = 12
"""Mappings and lists within each other."""


@final
class Scalar:
    """One value as text. `style` is empty for plain, or one of ' " | >. `start` and `end` are character indexes."""

    __slots__ = ("end", "start", "style", "value")

    def __init__(self, value: str, style: str, start: int, end: int) -> None:
        self.value = value
        self.style = style
        self.start = start
        self.end = end


@final
class Listing:
    """A YAML sequence."""

    __slots__ = ("items", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.items: list[Node] = []


@final
class Mapping:
    """A YAML mapping in the file's order, repeated keys included."""

    __slots__ = ("pairs", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.pairs: list[tuple[Node, Node]] = []


Node = Scalar | Listing | Mapping


class _Refused(Exception):
    def __init__(self, index: int, reason: str, suggestion: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason
        self.suggestion = suggestion


def parse(source: Source, report: Report) -> Node | None:
    """The one document of a file, or None with the reason reported."""
    try:
        return _document(yaml.parse(source.text, Loader=yaml.SafeLoader))
    except _Refused as refused:
        report.error(source, refused.index, refused.reason, refused.suggestion)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        report.error(source, _index(mark), f"not valid YAML: {reason}", _yaml_advice(reason))
    except yaml.reader.ReaderError as error:
        report.error(
            source, error.position, f"not valid YAML: the character U+{int(error.character):04X} is not allowed"
        )
    except (ValueError, OverflowError) as error:
        # The YAML scanner turns numeric escapes and version numbers into characters and ints unguarded.
        report.error(source, 0, f"not valid YAML: {shorten(str(error))}")
    return None


def _index(mark: object) -> int:
    """Character index of a place in the file, 0 if the parser gave none."""
    index: int = getattr(mark, "index", 0)
    return index


def _yaml_advice(reason: str) -> str:
    if "\\t" in reason:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in reason:
        return "put a value that contains `: ` into quotes, and check the indentation"
    if "while scanning a quoted scalar" in reason:
        return "close the quotes"
    if "cannot start any token" in reason:
        return "put the value into quotes"
    if "while parsing a block mapping" in reason or "while parsing a block collection" in reason:
        return "check the indentation: keys of one mapping start in the same column"
    return ""


def _document(events: Iterator[yaml.Event]) -> Node:
    root: Node | None = None
    open_nodes: list[Listing | Mapping] = []
    keys: list[Node | None] = []
    documents = 0
    for event in events:
        index = _index(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _Refused(
                    index, "a second YAML document", "keep one document in a file, without `---` between parts"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
            keys.pop()
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event, index)
            if not open_nodes:
                root = node
            else:
                _attach(open_nodes[-1], keys, node)
            if not isinstance(node, Scalar):
                if len(open_nodes) == MAX_DEPTH:
                    raise _Refused(
                        index, f"nested deeper than {MAX_DEPTH} levels", "no key of a programme lies that deep"
                    )
                open_nodes.append(node)
                keys.append(None)
    if root is None:
        raise _Refused(0, "the file is empty", "write its keys, or remove the file")
    return root


def _attach(parent: Listing | Mapping, keys: list[Node | None], node: Node) -> None:
    if isinstance(parent, Listing):
        parent.items.append(node)
        return
    key = keys[-1]
    if key is None:
        keys[-1] = node
    else:
        parent.pairs.append((key, node))
        keys[-1] = None


def _node(event: yaml.NodeEvent, index: int) -> Node:
    if isinstance(event, yaml.AliasEvent):
        raise _Refused(index, f"`*{event.anchor}` is a YAML alias", "write the value out where it is used")
    if event.anchor is not None:
        raise _Refused(index, f"`&{event.anchor}` is a YAML anchor", "write the value out where it is used")
    if isinstance(event, yaml.ScalarEvent):
        if event.tag is not None:
            raise _Refused(index, f"`{shorten(event.tag)}` is a YAML tag", "remove it: each key knows its type")
        return Scalar(event.value, event.style or "", index, _index(event.end_mark))
    if isinstance(event, yaml.CollectionStartEvent) and event.tag is not None:
        raise _Refused(index, f"`{shorten(event.tag)}` is a YAML tag", "remove it: each key knows its type")
    return Mapping(index) if isinstance(event, yaml.MappingStartEvent) else Listing(index)
