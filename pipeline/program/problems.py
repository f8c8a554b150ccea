"""A mistake in a programme's files: where it stands, what is wrong, and the way out."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, final

Severity = Literal["error", "warning"]

LINE_WIDTH: Final = 110
"""Characters of a source line that a report shows at most."""


MAX_PROBLEMS: Final = 1000


@final
class Source:
    """A file's text with line ends as LF, and where its lines begin."""

    __slots__ = ("name", "starts", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.starts = [0]
        self.starts.extend(index + 1 for index, character in enumerate(text) if character == "\n")

    def place(self, index: int) -> tuple[int, int]:
        """(line, column), both from 1 and in characters, of a character index; one past the end is allowed."""
        line = bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Text of a line, from 1, without its line end."""
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` and `column` count from 1, in characters; `source_line` is the text of that line."""

    file: str
    line: int
    column: int
    severity: Severity
    reason: str
    suggestion: str
    source_line: str

    def to_dict(self) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity,
            "reason": self.reason,
            "suggestion": self.suggestion,
            "source_line": self.source_line,
        }

    def render(self) -> str:
        """Several lines: place and reason, the source line with a caret under the place, the suggestion."""
        head = f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.reason}"
        if not self.source_line:
            return head + (f"\n    = {self.suggestion}" if self.suggestion else "")
        text, column = _window(self.source_line, self.column)
        gutter = f"{self.line:>5} | "
        empty = " " * (len(gutter) - 2) + "| "
        lines = [head, gutter + "".join(_shown(character) for character in text)]
        lines.append(empty + "".join(_blank(character) for character in text[: column - 1]) + "^")
        if self.suggestion:
            lines.append(" " * (len(gutter) - 2) + "= " + self.suggestion)
        return "\n".join(lines)


@final
class Report:
    """Collects the problems of one check: each once, at most `MAX_PROBLEMS`."""

    __slots__ = ("_problems", "refused")

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self.refused = False
        """Whether there is any error."""

    def error(self, source: Source, index: int, reason: str, suggestion: str = "") -> None:
        """Something that makes the programme unusable, at a character index of a file."""
        self.refused = True
        self._add(source, index, "error", reason, suggestion)

    def warning(self, source: Source, index: int, reason: str, suggestion: str = "") -> None:
        """Something that is allowed and hardly meant."""
        self._add(source, index, "warning", reason, suggestion)

    def _add(self, source: Source, index: int, severity: Severity, reason: str, suggestion: str) -> None:
        if len(self._problems) >= MAX_PROBLEMS:
            return
        line, column = source.place(index)
        if len(self._problems) == MAX_PROBLEMS - 1:
            reason, suggestion = f"more than {MAX_PROBLEMS} problems; the rest is not shown", "mend these first"
        self._problems[Problem(source.name, line, column, severity, reason, suggestion, source.line(line))] = None

    def refuses(self, prefix: str) -> bool:
        """Whether a file whose name begins like this has an error."""
        return any(problem.severity == "error" and problem.file.startswith(prefix) for problem in self._problems)

    def sorted(self) -> list[Problem]:
        """By file, line and column."""
        return sorted(self._problems, key=lambda problem: (problem.file, problem.line, problem.column))


@final
class ProgramRefused(Exception):
    """The programme has mistakes. `problems` holds all of them, warnings too."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problem.render() for problem in problems))
        self.problems = problems


def closest(word: str, known: Iterable[str], similarity: float = 0.6) -> str:
    """`did you mean ...?` for the known word nearest to a misspelt one, else what is known, else nothing."""
    words = list(known)
    near = get_close_matches(word[:100], words, n=1, cutoff=similarity)
    if near:
        return f"did you mean `{near[0]}`?"
    if not words:
        return ""
    listed = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")
    return f"known: {listed}"


def shorten(text: str, length: int = 60) -> str:
    """The text on one line, at most `length` characters, for quoting in a reason."""
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 3] + "..."


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line round the column, and the column within it."""
    if len(line) <= LINE_WIDTH:
        return line, column
    start = max(0, min(column - 1 - LINE_WIDTH // 2, len(line) - LINE_WIDTH))
    return line[start : start + LINE_WIDTH], column - start


def _shown(character: str) -> str:
    return character if character == "\t" or character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _blank(character: str) -> str:
    """As many blanks as a terminal gives the character."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
