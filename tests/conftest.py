"""What tests share: the local stack, started once for a session, and names that no other test uses."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import stale
from hypothesis import settings as hypothesis_settings

from pipeline.devstack import LocalStack, Settings

# Every run draws the same examples, so that a run says something of the tree and nothing of its luck; new ones are
# looked for on purpose: `pytest --hypothesis-profile=default`, `make property-long`, `make fuzz`.
hypothesis_settings.load_profile("ci")


def pytest_sessionstart() -> None:
    """Compiled modules of other sources than these would be tested in their stead."""
    if changed := stale():
        pytest.exit(f"changed since they were compiled: {', '.join(changed)}; run `make compile` or `make pure`", 4)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """Real Kafka, registry, Valkey and PostgreSQL for the whole session; mark tests that use it with `kafka`.

    The servers and their data end with the session, even if it is killed.
    """
    with LocalStack.up(stack_folder(), temporary=True) as running:
        yield running


@pytest.fixture
def stack_dir() -> Iterator[Path]:
    """A directory for a stack of the test's own; its servers are ended and it is deleted after the test."""
    directory = stack_folder() / "stack"
    yield directory
    LocalStack(directory).down()
    shutil.rmtree(directory.parent)


def stack_folder() -> Path:
    """A new folder for a stack, not among pytest's own.

    Whenever a session starts, pytest closes its folders to other accounts, such as the one that PostgreSQL
    runs as where the tests are root's; a server of another session would lose its data under its feet.
    """
    return Path(tempfile.mkdtemp(prefix="accrue-tests-"))


@pytest.fixture
def settings(stack: LocalStack) -> Settings:
    """Where the session's servers listen."""
    return stack.settings


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A name for this test's topics, groups, keys and databases: lower-case letters, digits and underscores.

    Unique for every run of every test; at most 40 characters, so a suffix still fits into a PostgreSQL name.
    """
    name = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower()).strip("_")
    return f"t_{name[:28].strip('_')}_{uuid.uuid4().hex[:8]}"
