"""The platform's log: one JSON object a line, named events, never a secret and never a payload."""

import logging
import sys

import structlog

Logger = structlog.typing.FilteringBoundLogger


def configure_logging(level: str) -> None:
    """Send every event at or above `level` (debug, info, warning, error) to stderr as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> Logger:
    """The logger of a module; `name` is its dotted name."""
    logger: Logger = structlog.get_logger(module=name)
    return logger
