"""Numbered SQL migrations of the Postgres sink, applied in order and at most once each."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

import psycopg

from pipeline.sinks.target import SinkError

_LOCK_KEY: Final = 4_711_202_611
"""Of the advisory lock that lets one instance at a time migrate; any fixed number."""

_FILE_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the text, by which a file that was changed after it was applied is recognised."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations of this version, numbered from 1 without gaps."""
    found = []
    for file in resources.files("pipeline.sinks").joinpath("migrations").iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match:
            found.append(Migration(int(match[1]), file.name, file.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    assert [m.version for m in found] == list(range(1, len(found) + 1)), [m.name for m in found]
    return found


def migrate(connection: psycopg.Connection[tuple[object, ...]], known: list[Migration]) -> list[str]:
    """Bring the database to the last of the `known` migrations; the names of those applied now.

    All of it is one transaction, and only one instance does it at a time. Raises SinkError if the database is newer
    than this program or was built by another text of a migration.
    """
    applied_now: list[str] = []
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
            " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT version, name, sha256 FROM schema_migrations ORDER BY version").fetchall()
        applied = {version: (str(name), str(sha256)) for version, name, sha256 in rows}
        newer = sorted(str(name) for version, (name, _) in applied.items() if version not in [m.version for m in known])
        if newer:
            raise SinkError(
                f"the database has migrations that this version does not know ({', '.join(newer)}): update accrue"
            )
        for migration in known:
            if migration.version not in applied:
                connection.execute(migration.sql.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
                    (migration.version, migration.name, migration.sha256),
                )
                applied_now.append(migration.name)
            elif applied[migration.version] != (migration.name, migration.sha256):
                raise SinkError(
                    f"migration {migration.name} differs from the text that built the database: "
                    "restore the file as it was and put the change into a new migration"
                )
    return applied_now
