"""How generated Python is laid out: indented lines, and lists that break where they would grow too long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

WIDTH: Final = 120


def indented(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The lines moved to the right; empty ones stay empty."""
    return ["    " * levels + line if line else "" for line in lines]


def listed(head: str, items: Sequence[str], tail: str) -> list[str]:
    """`head` + items + `tail` on one line, or one item a line where that is too long."""
    line = head + ", ".join(items) + tail
    if len(line) <= WIDTH - 4:
        return [line]
    return [head, *(f"    {item}," for item in items), tail]
