"""Errors that nobody expected, over one item of many: told in the log, while the others go on."""

from __future__ import annotations


def log_unexpected(what: str, error: Exception) -> None:
    """Log an error with its traceback; `what` is a sentence about what could not be done."""
    from loguru import logger  # `vsortd undo` has 0.3 s, and seldom comes here

    logger.opt(exception=error).error("{}: {!r}", what, error)
