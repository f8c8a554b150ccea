"""Apicurio Registry, spoken to through its Confluent-compatible API."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import ClassVar

import httpx

from pipeline.devstack import java
from pipeline.devstack.errors import DevstackError
from pipeline.devstack.jars import Jar, cache_dir, fetch, read_lock
from pipeline.devstack.server import Launch, OnBytes, Server
from pipeline.devstack.state import HOST, Settings, locked, write_atomically

VERSION = "3.3.3"
HEAP_MB = 384

SETTINGS: dict[str, str] = {
    "APICURIO_STORAGE_KIND": "sql",
    "APICURIO_STORAGE_SQL_KIND": "h2",
    "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
}
"""Environment that holds wherever the registry runs; docker-compose.yml has the same."""

DATABASE = "jdbc:h2:file:{path};WRITE_DELAY=0"
"""H2 writes a commit half a second late by default; a schema id that was handed out must not be lost."""

_SPARING = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # a third off the start; it has little to do afterwards
_COMPLETE = "complete.txt"  # in the unpacked folder: bytes and path of every file


class Registry(Server):
    """The schema registry; schemas and their ids survive `kill`."""

    name: ClassVar[str] = "registry"

    @property
    def address(self) -> str:
        return Settings.from_ports(self._state.read().ports).registry_url

    @property
    def data_dir(self) -> Path:
        return self._state.directory / f"registry-{VERSION}"

    def obtain(self, on_bytes: OnBytes | None = None) -> None:
        home = _home()
        if _is_whole(home):
            return
        home.parent.mkdir(parents=True, exist_ok=True)
        with locked(home.with_name(f".{home.name}.unpack.lock")):
            if _is_whole(home):
                return
            downloads = cache_dir() / "registry-download"
            [archive] = fetch([_jar()], downloads, on_bytes and (lambda done, total: on_bytes("fetch", done, total)))
            _unpack(archive, home, on_bytes)
            archive.unlink()

    def _launch(self) -> Launch:
        folder = self.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        env = {
            **SETTINGS,
            # Relative to the folder it runs in: H2 would take a semicolon in a path for its own.
            "APICURIO_DATASOURCE_URL": DATABASE.format(path="./registry"),
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(self.port),
            # The management interface listens on all addresses at port 9000 unless told otherwise.
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(self._state.read().ports["registry_management"]),
        }
        arguments = [*_SPARING, "-jar", str(_home() / "quarkus-run.jar")]
        return Launch(command=java.command(folder, HEAP_MB, arguments), cwd=folder, env=env)

    def _probe(self) -> None:
        httpx.get(f"{self.address}/subjects", timeout=5, trust_env=False).raise_for_status()


def _jar() -> Jar:
    [jar] = [jar for jar in read_lock() if jar.server == "registry"]
    return jar


def _home() -> Path:
    """The unpacked registry; the name holds the archive's hash, so another archive never mixes with it."""
    return cache_dir() / f"registry-{VERSION}-{_jar().sha256[:12]}"


def _is_whole(home: Path) -> bool:
    """Whether every file that was unpacked is still there at its full length."""
    try:
        listed = (home / _COMPLETE).read_text("utf-8").splitlines()
        return all((home / path).stat().st_size == int(size) for size, path in (line.split(" ", 1) for line in listed))
    except FileNotFoundError:
        return False


def _unpack(archive: Path, home: Path, on_bytes: OnBytes | None) -> None:
    """Unpack into a temporary folder and move it into place whole. Raises DevstackError if the archive is damaged."""
    temporary = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}-"))
    total, done = archive.stat().st_size, 0
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.3 has none yet
            for member in tar:
                tar.extract(member, temporary)
                if on_bytes is not None and raw.tell() - done > 1 << 20:
                    done = raw.tell()
                    on_bytes("unpack", done, total)
        found = sorted(path for path in temporary.rglob("*") if path.is_file())
        lines = [f"{path.stat().st_size} {path.relative_to(temporary)}\n" for path in found]
        write_atomically(temporary / _COMPLETE, "".join(lines))
        shutil.rmtree(home, ignore_errors=True)  # the remains of a damaged one
        temporary.chmod(0o755)
        os.rename(temporary, home)  # noqa: PTH104 - a folder, which Path.replace would not move onto remains either
    except (tarfile.TarError, EOFError) as error:
        raise DevstackError(f"{archive} cannot be unpacked ({error}): delete it and run the command again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
