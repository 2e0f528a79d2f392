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

from vsortd.core.ending import Ending
from vsortd.core.home import with_tilde
from vsortd.core.logs.file import LogFile
from vsortd.core.logs.redaction import Redactor, secret_words
from vsortd.core.text import printable, printable_json

if TYPE_CHECKING:
    from pathlib import Path

    from loguru import Message, Record


_TIME = "<dim>{time:HH:mm:ss}</dim>"
_HUMAN = f"{_TIME} <level>{{level: <8}}</level> "
_HUMAN_JOB = f"{_HUMAN}<dim>{{extra[job]}}</dim> "
# How each end of a video's way stands out.
_STATE_TAGS = {"filed": "green", "review": "yellow", "rejected": "dim", "failed": "red"}
_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another
_ID_LENGTH = 6
_ROUND_DIGITS = 4


class _Logging:
    """What is set up now; one a process, as the logger is."""

    redactor = Redactor()
    level = "INFO"
    verbose = False
    file: LogFile | None = None
    handler: int | None = None


def set_up_logging(*, verbose: bool = False, as_json: bool = False, quiet: bool = False) -> None:
    """Send the log to stderr, for people or as JSON lines: from INFO on, DEBUG when verbose, ERROR when quiet.

    Quiet is what the terminal is; a log file that is opened has as much as ever.

    What is bound as `ending` is the short form of a line about a video, for people who did not ask for more.
    """
    logger.remove()
    _Logging.file = _Logging.handler = None
    _Logging.redactor = Redactor(secrets=secret_words())
    logger.configure(patcher=_plain)
    _Logging.verbose = verbose
    _Logging.level = "DEBUG" if verbose else "INFO"
    shown = "ERROR" if quiet else _Logging.level
    if as_json:
        logger.add(_to_stderr, level=shown, backtrace=False, diagnose=False)
    else:
        logger.add(sys.stderr, level=shown, format=_human, backtrace=False, diagnose=False)


def open_log_file(path: Path, redactor: Redactor, *, size_bytes: int, keep: int) -> None:
    """Write JSON lines to a file, too, redacted; a new one is begun at `size_bytes`, and `keep` old ones stay.

    The file is made with its first line. One that can't be written is said once and stops nothing.
    """
    _Logging.redactor = redactor
    _Logging.file = LogFile(path, size_bytes=size_bytes, keep=keep, say=_say_once)
    _Logging.handler = logger.add(_to_file, level=_Logging.level, backtrace=False, diagnose=False)


def change_log_file(redactor: Redactor, *, size_bytes: int, keep: int) -> None:
    """Go on in other ways; where no file is written, only the terminal is told of, as before."""
    if _Logging.file is not None:
        _Logging.redactor = redactor
        _Logging.file.size_bytes, _Logging.file.keep = size_bytes, keep


def close_log_file() -> None:
    """Write to no file any more."""
    if _Logging.handler is not None:
        logger.remove(_Logging.handler)
        _Logging.handler = None
    if _Logging.file is not None:
        _Logging.file.close()
        _Logging.file = None


def write_last_line(message: str, error: BaseException | None) -> None:
    """Write into the file alone what ends the process, `error` with its traceback."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"time": now, "level": "critical", "message": _field(message)}
    if error is not None:
        line["traceback"] = _Logging.redactor.apply("".join(traceback.format_exception(error)))
    if _Logging.file is not None:
        _Logging.file.write(printable_json(json.dumps(line, ensure_ascii=False)))


def new_job_id() -> str:
    """Return a short id for a video's way, e.g. `k3f9xa`; never digits only, as the journal's numbers are."""
    rest = (secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH - 1))
    return secrets.choice(_ID_LETTERS[:20]) + "".join(rest)


def about_job(job_id: str) -> contextlib.AbstractContextManager[None]:
    """Put the job's id on every line that this thread logs meanwhile."""
    return logger.contextualize(job=job_id)


def json_line(record: Record) -> str:
    """Return a record as one line of JSON: time (UTC), level, message, then what is known of the video."""
    line: dict[str, Any] = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name.lower(),
        "message": record["message"],
    }
    line |= {key: _field(value) for key, value in record["extra"].items() if key != "ending" and value is not None}
    if told := _traceback(record):
        line["traceback"] = told
    return printable_json(json.dumps(line, ensure_ascii=False))


def _traceback(record: Record) -> str:
    """Return the traceback of what a line tells of, redacted; "" where nothing was raised."""
    if (error := record["exception"]) is None:
        return ""
    return _Logging.redactor.apply("".join(traceback.format_exception(error.type, error.value, error.traceback)))


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
    return printable(_Logging.redactor.apply(str(value)))


def _plain(record: Record) -> None:
    """Escape what a file's name could do to a line or a terminal: line breaks, escape codes, reversed writing."""
    record["message"] = printable(_Logging.redactor.apply(record["message"]))


def _human(record: Record) -> str:
    """Return a line for people as loguru's format; whatever is no markup of ours is escaped."""
    ending = record["extra"].get("ending")
    if isinstance(ending, Ending) and not _Logging.verbose:
        tag = _STATE_TAGS.get(ending.state, "bold")
        state = f"{_TIME} <{tag}>{_literal(ending.padded_state)}</{tag}>"
        return f"{state} {_literal(_safe(ending.where))} <dim>{_literal(_safe(ending.why))}</dim>\n"
    head = _HUMAN_JOB if "job" in record["extra"] and _Logging.verbose else _HUMAN
    # loguru's own {exception} would print what was raised as it is
    told = "".join(f"{printable(line)}\n" for line in _traceback(record).splitlines())
    return f"{head}{_literal(with_tilde(record['message']))}\n{_literal(told)}"


def _safe(text: str) -> str:
    return printable(_Logging.redactor.apply(text))


def _literal(text: str) -> str:
    """Return a text that loguru's format prints as it is."""
    for mark, escaped in (("{", "{{"), ("}", "}}"), ("<", r"\<")):
        text = text.replace(mark, escaped)
    return text


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
