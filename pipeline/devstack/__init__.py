"""Local servers for development, tests and the demo: Kafka, registry, Valkey and PostgreSQL without Docker."""

from pipeline.devstack.errors import ChecksumError, DevstackError, ServerError
from pipeline.devstack.server import Server, Status
from pipeline.devstack.stack import DEFAULT_DIR, PORTS, SERVERS, LocalStack, Progress
from pipeline.devstack.state import Settings

__all__ = [
    "DEFAULT_DIR",
    "PORTS",
    "SERVERS",
    "ChecksumError",
    "DevstackError",
    "LocalStack",
    "Progress",
    "Server",
    "ServerError",
    "Settings",
    "Status",
]
