"""Files of rows under a header: CSV, TSV, semicolons or whitespace, told apart by the header itself."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_DELIMITERS: Final = ("\t", ";", ",")


class TableError(Exception):
    """The file as a whole cannot be read as rows; the message says why and what to do."""


class Row(NamedTuple):
    """One row. `line` is its first line in the file, from 1; `number` counts rows from 1."""

    line: int
    number: int
    cells: tuple[str, ...]


class Table:
    """A file of rows, opened by `open_table`; `header` holds the names as they stand there."""

    def __init__(self, path: Path, header: tuple[str, ...], delimiter: str) -> None:
        self.path = path
        self.header = header
        self.delimiter = delimiter

    def rows(self) -> Iterator[Row]:
        """Every row that is not empty, cells stripped. Raises TableError where the text cannot be read."""
        for number, (line, cells) in enumerate(self._split_lines()):
            if number:
                yield Row(line, number, cells)

    def _split_lines(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                if self.delimiter == " ":
                    for line, text in enumerate(file, start=1):
                        if cells := tuple(text.split()):
                            yield line, cells
                    return
                reader = csv.reader(file, delimiter=self.delimiter, strict=True)
                line = 1
                for record in reader:
                    cells = tuple(cell.strip() for cell in record)
                    if any(cells):
                        yield line, cells
                    line = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise TableError(f"{self.path}: is not UTF-8 text ({error.reason}): convert it first") from error
        except csv.Error as error:
            raise TableError(f"{self.path} line {line}: {error}: check the quotes of that row") from error


def open_table(path: Path) -> Table:
    """The table of this file. Raises TableError if it is no text or has no header, OSError if it cannot be opened."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), "")
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: is not UTF-8 text ({error.reason}): convert it first") from error
    if not first:
        raise TableError(f"{path}: is empty: give a file with a header line and one purchase a row")
    delimiter = next((sign for sign in _DELIMITERS if sign in first), " ")
    table = Table(path, (), delimiter)
    table.header = next(table._split_lines())[1]
    return table
