"""Loopback ports that are free now and that no client's own connection takes later."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from pipeline.devstack.errors import DevstackError
from pipeline.devstack.state import HOST

# Below the ranges that systems give to outgoing connections (Linux from 32768, macOS from 49152): while a
# server is down in a fault test, no client can be given its port, nor connect to itself on it.
FIRST, LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Like the servers do: a connection that lingers in TIME_WAIT is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def pick(taken: Collection[int]) -> int:
    """A free port outside `taken`, chosen at random so that two stacks started at once differ.

    Raises DevstackError if none was found.
    """
    chooser = random.SystemRandom()
    for _ in range(200):
        port = chooser.randint(FIRST, LAST)
        if port not in taken and is_free(port):
            return port
    raise DevstackError(f"no free loopback port between {FIRST} and {LAST}: end some servers or give ports")
