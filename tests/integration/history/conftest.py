"""A log of the test's own on the session's servers: topics and schemas there, no worker running."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.demo.stage import Stage
from pipeline.devstack import LocalStack
from pipeline.settings import PREFIX, variable


@pytest.fixture
def stage(stack: LocalStack, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path, partitions=3, workers=0, stack=stack, topic_prefix=f"{prefix}.") as stage:
        yield stage


@pytest.fixture
def environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, with this process's settings leading to it, for commands that are run in the test."""
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX) and name != "ACCRUE_CACHE_DIR"]:
        monkeypatch.delenv(name)
    for field in ("bootstrap_servers", "registry_url", "topic_prefix", "app_id", "topics_file"):
        monkeypatch.setenv(variable(field), str(getattr(stage.settings, field)))
    return stage
