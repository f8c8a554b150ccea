"""Worlds for the tests of programmes on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from program_world import World

from pipeline.devstack import Settings as Servers


@pytest.fixture
def bare(settings: Servers, prefix: str) -> Iterator[World]:
    """A pipeline without topics yet."""
    world = World(settings, prefix)
    yield world
    world.connection.close()


@pytest.fixture
def world(bare: World) -> World:
    bare.prepare()
    return bare
