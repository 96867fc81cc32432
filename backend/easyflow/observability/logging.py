"""How log lines look: for people on a terminal, as JSON for programs; on standard error, times in UTC."""

from __future__ import annotations

import sys
from typing import Literal, TextIO, cast

import structlog


class _StandardError:
    """Whatever standard error is when a line is written: it may be replaced, and the old one closed, at any time."""

    def write(self, text: str) -> int:
        """Write to the present one."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush the present one."""
        sys.stderr.flush()


def configure(log_format: Literal["console", "json"]) -> None:
    """Set up structured logging for this process; calling it again changes the format."""
    renderer = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
