"""An empty database of the test's own, for stages on the session's servers."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from pipeline.devstack import LocalStack


@pytest.fixture
def database_url(stack: LocalStack, prefix: str) -> Iterator[str]:
    parts = urlsplit(stack.settings.postgres_url)
    with psycopg.connect(stack.settings.postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{prefix}"')
        yield urlunsplit(parts._replace(path=f"/{prefix}"))
        connection.execute(f'DROP DATABASE "{prefix}" WITH (FORCE)')
