"""Logging: one line a video and what a person needs to know, for people on stderr, as JSON lines for services.

Every line about a video carries the id of its job, from the queue to the end, and the last one its number in the
journal: `vsortd logs --id` finds them by either. Nothing of the environment, of tokens or of passwords is written.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loguru import logger

from vsortd.errors import AlreadyRunningError, VsortdError
from vsortd.logfile import LogFile
from vsortd.logwords import Manner, secret_words
from vsortd.places import log_path
from vsortd.plaintext import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loguru import Message, Record

    from vsortd.pipeline import Job
    from vsortd.settings import Settings

_HUMAN = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}"
_HUMAN_JOB = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> <dim>{extra[job]}</dim> {message}"
_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another
_ID_LENGTH = 6
_ROUND_DIGITS = 4


class _Logging:
    """What is set up now; one a process, as the logger is."""

    manner = Manner()
    level = "INFO"
    file: LogFile | None = None
    handler: int | None = None


def set_up_logging(*, verbose: bool = False, as_json: bool = False, quiet: bool = False) -> None:
    """Send the log to stderr, for people or as JSON lines: from INFO on, DEBUG when verbose, ERROR when quiet."""
    logger.remove()
    _Logging.file = _Logging.handler = None
    _Logging.manner = Manner(secrets=secret_words())
    logger.configure(patcher=_plain)
    _Logging.level = "DEBUG" if verbose else "ERROR" if quiet else "INFO"
    if as_json:
        logger.add(_to_stderr, level=_Logging.level, backtrace=False, diagnose=False)
    else:
        logger.add(sys.stderr, level=_Logging.level, format=_human, backtrace=False, diagnose=False)


def log_to_file(settings: Settings, state_folder: Path) -> None:
    """Write JSON lines into the state folder, too, as the config says.

    The file is made with its first line. One that can't be written is said once and stops nothing.
    """
    _Logging.manner = _manner(settings, state_folder)
    path = log_path(state_folder)
    _Logging.file = LogFile(path, size_bytes=settings.log.size_bytes, keep=settings.log.keep, say=_say_once)
    _Logging.handler = logger.add(_to_file, level=_Logging.level, backtrace=False, diagnose=False)


def log_as_now(settings: Settings, state_folder: Path) -> None:
    """Go on as a changed config says; where no file is written, only the terminal is told of, as before."""
    if _Logging.file is not None:
        _Logging.manner = _manner(settings, state_folder)
        _Logging.file.size_bytes, _Logging.file.keep = settings.log.size_bytes, settings.log.keep


def _manner(settings: Settings, state_folder: Path) -> Manner:
    roots = (*(inbox.path for inbox in settings.inboxes), settings.library, state_folder)
    return Manner(relative=settings.log.paths == "relative", roots=roots, secrets=secret_words())


def stop_logging_to_file() -> None:
    """Close the log file."""
    if _Logging.handler is not None:
        logger.remove(_Logging.handler)
        _Logging.handler = None
    if _Logging.file is not None:
        _Logging.file.close()
        _Logging.file = None


def new_job_id() -> str:
    """Return a short id for a video's way, e.g. `k3f9xa`; never digits only, as the journal's numbers are."""
    rest = (secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH - 1))
    return secrets.choice(_ID_LETTERS[:20]) + "".join(rest)


def about_job(job_id: str) -> contextlib.AbstractContextManager[None]:
    """Put the job's id on every line that this thread logs meanwhile."""
    return logger.contextualize(job=job_id)


def tell_end(job: Job) -> None:
    """Log the one line that says how a video's way ended, with everything that is known as fields."""
    where = f" → {job.destination}" if job.destination else ""
    timings = job.clock.spent_ms()
    spent = " ".join(f"{name} {ms:.0f}" for name, ms in timings.items())
    decision = job.decision
    fields: dict[str, Any] = {
        "video": job.item_id,
        "state": str(job.state),
        "path": str(job.path),
        "destination": str(job.destination) if job.destination else None,
        "rule": decision.rule if decision else None,
        "score": decision.score if decision else None,
        "margin": decision.margin if decision else None,
        "reason": job.reason,
        "batch": job.batch,
        "conversion": job.conversion or None,
        "timings_ms": timings,
    }
    line = logger.bind(**fields)
    log = line.warning if job.state == "failed" else line.info
    log(
        "#{} {}: {}{} ({}){}",
        job.item_id,
        job.state,
        job.path.name,
        where,
        job.reason,
        f" [ms: {spent}]" if spent else "",
    )


def json_line(record: Record) -> str:
    """Return a record as one line of JSON: time (UTC), level, message, then what is known of the video."""
    line: dict[str, Any] = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name.lower(),
        "message": record["message"],
    }
    line |= {key: _field(value) for key, value in record["extra"].items() if value is not None}
    if (error := record["exception"]) is not None:
        told = "".join(traceback.format_exception(error.type, error.value, error.traceback))
        line["traceback"] = _Logging.manner.apply(told)
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")


def _field(value: object) -> object:
    """Return a value as JSON has it: texts like messages, numbers short, what is no number left out."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return round(value, _ROUND_DIGITS) if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    if isinstance(value, dict):
        return {str(key): _field(one) for key, one in value.items()}
    return printable(_Logging.manner.apply(str(value)))


def _plain(record: Record) -> None:
    """Escape what a file's name could do to a line or a terminal: line breaks, escape codes, reversed writing."""
    record["message"] = printable(_Logging.manner.apply(record["message"]))


def _human(record: Record) -> str:
    return (_HUMAN_JOB if "job" in record["extra"] else _HUMAN) + "\n{exception}"


def _to_stderr(message: Message) -> None:
    sys.stderr.write(json_line(message.record) + "\n")
    sys.stderr.flush()


def _to_file(message: Message) -> None:
    if _Logging.file is not None:
        _Logging.file.write(json_line(message.record))


def _say_once(what: str) -> None:
    """Say on stderr alone what is wrong with the file; the logger is at work on a line just now."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"vsortd: {printable(what)}\n")
        sys.stderr.flush()


def _tell_death(error: Exception) -> None:
    """Write what ends the daemon into the file; on stderr the command line's own boundary says it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"time": now, "level": "critical", "message": _field(f"vsortd ends: {error}")}
    if not isinstance(error, VsortdError):
        line["traceback"] = _Logging.manner.apply("".join(traceback.format_exception(error)))
    if _Logging.file is not None:
        _Logging.file.write(json.dumps(line, ensure_ascii=False))


@contextlib.contextmanager
def daemon_log(settings: Settings, state_folder: Path) -> Iterator[None]:
    """Log to the file meanwhile."""
    log_to_file(settings, state_folder)
    try:
        yield
    except AlreadyRunningError:  # the file belongs to the other one
        raise
    except Exception as error:
        _tell_death(error)
        raise
    finally:
        stop_logging_to_file()
