"""Which errors a command answers with one line, because a person can act upon them."""

from __future__ import annotations

from typing import Final

SERVERS: Final = {
    "cimpl.KafkaException": "Kafka",
    "redis.exceptions.RedisError": "Redis",
    "psycopg.Error": "PostgreSQL",
    "httpx.TransportError": "the schema registry",
}
"""Errors of client libraries, by qualified name so that none is imported for it, to the server that they speak of."""


def known_error(error: BaseException) -> str | None:
    """One line for an error that a person can act upon, or None for a defect, which deserves its traceback.

    Known are the exceptions that this package defines and those of its clients of Kafka, Redis, PostgreSQL, registry.
    """
    text = " ".join(str(error).split())
    for kind in type(error).__mro__:
        if kind.__module__.split(".")[0] in ("pipeline", "agents"):
            return text or kind.__name__
        server = SERVERS.get(f"{kind.__module__}.{kind.__qualname__}")
        if server is not None:
            return f"{server} refused or cannot be reached: {text or type(error).__name__}"
    return None
