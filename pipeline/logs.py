"""Logs as JSON lines on stderr: one event a line, with member, event and trace ids as fields."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

SHARED: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)

CHATTY = ("faust", "mode", "aiohttp", "asyncio", "httpx", "httpcore", "agents", "pipeline.lane")
"""Loggers that only warnings are wanted of; the last two are what Faust's services log under their modules' names."""


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process, by structlog or by the standard library, as JSON lines to
    `stream`.

    `level` is a name of the standard library, such as INFO. Raises ValueError for another one.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that takes fields: `log.info("lane opened", partition=3)`."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
