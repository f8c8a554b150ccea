"""Kafka's and the registry's files: fetched by Maven coordinate, checked against `jars.lock`, kept in a cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver

from pipeline.devstack.errors import ChecksumError, DevstackError
from pipeline.devstack.state import locked

_AT_ONCE = threading.BoundedSemaphore(8)  # downloads, over all servers
_TRIES = 4
_TIMEOUT_S = 60
_REPORT_EVERY_BYTES = 1 << 20

OnBytes = Callable[[int, int], None]
"""Takes (bytes fetched, bytes to fetch); may raise to break off. Called from several threads."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    server: str
    coordinate: str  # group:artifact:version:packaging[:classifier]
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name that Maven gives to the file."""
        _, artifact, version, packaging, classifier = self.parts
        return f"{artifact}-{version}{'-' + classifier if classifier else ''}.{packaging}"

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        """Group, artifact, version, packaging and classifier (empty if none)."""
        group, artifact, version, packaging, *classifier = self.coordinate.split(":")
        return group, artifact, version, packaging, classifier[0] if classifier else ""


def read_lock(text: str | None = None) -> tuple[Jar, ...]:
    """The lock file that comes with the package, or the given text. Raises DevstackError at a line it cannot read."""
    if text is None:
        text = files("pipeline.devstack").joinpath("jars.lock").read_text("utf-8")
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            server, coordinate, size, sha256 = line.split()
            jars.append(Jar(server, coordinate, int(size), sha256))
        except ValueError as error:
            raise DevstackError(
                f"jars.lock line {number}: expected `server coordinate bytes sha256`, got {line!r}"
            ) from error
    return tuple(jars)


def cache_dir() -> Path:
    """Where fetched files are kept: `ACCRUE_CACHE_DIR`, or the user's cache folder."""
    if given := os.environ.get("ACCRUE_CACHE_DIR"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").absolute() / "accrue"


def fetch(jars: Sequence[Jar], folder: Path, on_bytes: OnBytes | None = None) -> list[Path]:
    """Bring every jar into `folder` and return the paths in the given order.

    A file that is there with the right SHA-256 is kept; a missing or damaged one is fetched into a
    temporary folder, checked, and moved in whole, so that an interruption leaves nothing half done.
    Two processes may fetch into the same folder: the second waits and finds the files.

    Raises ChecksumError if a fetched file is another than the lock names, DevstackError if a file
    cannot be fetched.
    """
    paths = [folder / jar.file_name for jar in jars]
    if _wanting(jars, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f".{folder.name}.lock")):
            folder.mkdir(exist_ok=True)
            for stale in folder.glob(".fetching-*"):  # of a process that was killed; a live one would hold the lock
                shutil.rmtree(stale)
            _fetch_all(_wanting(jars, folder), folder, on_bytes)
    return paths


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(jar: Jar, folder: Path, on_chunk: Callable[[int], None]) -> Path:
    """Fetch one file through Maven repositories into `folder`, unchecked.

    Central is known to jgo; other repositories come from jgo's own settings file. Tries again with
    growing pauses before it gives up with DevstackError.
    """

    @contextlib.contextmanager
    def progress(_name: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield on_chunk

    group, artifact, version, packaging, classifier = jar.parts
    for attempt in range(1, _TRIES + 1):
        # A folder per attempt: jgo takes whatever lies at the final path for complete.
        context = MavenContext(
            resolver=PythonResolver(progress_callback=progress), repo_cache=folder / str(attempt), timeout=_TIMEOUT_S
        )
        chosen: dict[str, str] = GlobalSettings.load().repositories
        context.remote_repos = {**chosen, **{n: at for n, at in context.remote_repos.items() if n not in chosen}}
        component = context.project(group, artifact).at_version(version)
        try:
            return Path(component.artifact(classifier=classifier, packaging=packaging).resolve())
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; a refusal is a RuntimeError
            if attempt == _TRIES:
                raise DevstackError(
                    f"{jar.coordinate}: could not be fetched in {_TRIES} tries ({error}). Check the network, or name "
                    "a repository that can be reached in jgo's settings file under [repositories]."
                ) from error
            time.sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable: the last try returns or raises")


def _wanting(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    """Those jars that are missing in the folder or damaged."""

    def wants(jar: Jar) -> bool:
        path = folder / jar.file_name
        try:
            return path.stat().st_size != jar.size_bytes or sha256_of(path) != jar.sha256
        except FileNotFoundError:
            return True

    with ThreadPoolExecutor(8) as pool:
        return [jar for jar, wanted in zip(jars, pool.map(wants, jars), strict=True) if wanted]


def _fetch_all(jars: Sequence[Jar], folder: Path, on_bytes: OnBytes | None) -> None:
    meter = _Meter(sum(jar.size_bytes for jar in jars), on_bytes)

    def bring(jar: Jar) -> None:
        with _AT_ONCE, tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as temporary:
            meter.check()
            path = download(jar, Path(temporary), meter.add)
            found = sha256_of(path)
            if found != jar.sha256:
                raise ChecksumError(jar.coordinate, jar.sha256, found)
            path.replace(folder / jar.file_name)

    pool = ThreadPoolExecutor(8)
    try:
        for done in [pool.submit(bring, jar) for jar in jars]:
            done.result()
    except BaseException:
        meter.broken_off.set()  # the other downloads stop at their next chunk
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Meter:
    """Adds up what several threads fetch, reports now and then, and lets one failure stop them all."""

    def __init__(self, total: int, on_bytes: OnBytes | None) -> None:
        self.broken_off = threading.Event()
        self._total = total
        self._done = 0
        self._reported = 0
        self._on_bytes = on_bytes
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        self.check()
        with self._lock:
            self._done = min(self._done + count, self._total)  # a second try counts its bytes again
            due = self._done - self._reported >= _REPORT_EVERY_BYTES or self._done == self._total
            if due and self._on_bytes is not None:
                self._reported = self._done
                self._on_bytes(self._done, self._total)

    def check(self) -> None:
        if self.broken_off.is_set():
            raise DevstackError("fetching was broken off")
