"""Logging: one line a video and what a person needs to know, to stderr; JSON lines for services."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.plaintext import printable

if TYPE_CHECKING:
    from loguru import Record

_HUMAN = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}"


def _plain(record: Record) -> None:
    """Escape what a file's name could do to a line or a terminal: line breaks, escape codes, reversed writing."""
    record["message"] = printable(record["message"])


def set_up_logging(*, verbose: bool = False, as_json: bool = False, quiet: bool = False) -> None:
    """Send the log to stderr, for people or as JSON lines: from INFO on, DEBUG when verbose, ERROR when quiet."""
    logger.remove()
    logger.configure(patcher=_plain)
    level = "DEBUG" if verbose else "ERROR" if quiet else "INFO"
    if as_json:
        logger.add(sys.stderr, level=level, serialize=True, backtrace=False, diagnose=False)
    else:
        logger.add(sys.stderr, level=level, format=_HUMAN, backtrace=False, diagnose=False)
