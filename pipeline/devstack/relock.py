"""Renews `jars.lock` (`python -m pipeline.devstack.relock`): fetches every coordinate and writes down what came."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pipeline.devstack.jars import Jar, download, read_lock, sha256_of
from pipeline.devstack.state import write_atomically


def renew(lock: Path, coordinates: list[tuple[str, str]]) -> None:
    """Write a lock file of these (server, coordinate) pairs.

    Raises DevstackError if one cannot be fetched; the file is then as it was.
    """

    def measured(pair: tuple[str, str]) -> Jar:
        jar = Jar(*pair, size_bytes=0, sha256="")
        with tempfile.TemporaryDirectory() as folder:
            path = download(jar, Path(folder), lambda _count: None)
            return replace(jar, size_bytes=path.stat().st_size, sha256=sha256_of(path))

    with ThreadPoolExecutor(8) as pool:
        jars = sorted(pool.map(measured, coordinates), key=lambda jar: (jar.server, jar.coordinate))
    header = [line for line in lock.read_text("utf-8").splitlines() if line.startswith("#")]
    lines = [f"{jar.server} {jar.coordinate} {jar.size_bytes} {jar.sha256}" for jar in jars]
    write_atomically(lock, "\n".join([*header, *lines]) + "\n")


def main() -> None:
    """Take `server coordinate` lines from standard input, or the coordinates that are locked if there is none."""
    given = [] if sys.stdin.isatty() else [(line.split()[0], line.split()[1]) for line in sys.stdin if line.strip()]
    renew(Path(__file__).with_name("jars.lock"), given or [(jar.server, jar.coordinate) for jar in read_lock()])


if __name__ == "__main__":
    main()
