"""The daemon itself: how it is, pausing it, its config and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import StreamingResponse

from vsortd.config.dump import fingerprint
from vsortd.core.documents import StatusDocument
from vsortd.core.logs.reader import Choice, LogCursor, newest_before
from vsortd.core.paths import log_path
from vsortd.core.text import counted, storable
from vsortd.errors import StoreError, UsageError, VsortdError
from vsortd.pipeline.rules_preview import look_again
from vsortd.setup.config_files import check_config_text, read_config_text, save_config_text
from vsortd.web.answers import Json, NotThereError
from vsortd.web.api.asked import ROWS, ConfigTextRequest, LogRequest, PauseAllRequest, PreviewRequest
from vsortd.web.api.job_operations import job_document
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import (
    CheckedDocument,
    ConfigDocument,
    DoneDocument,
    JobDocument,
    LogDocument,
    SavedConfigDocument,
)
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.config.diagnostics import Mistake
    from vsortd.config.settings import Settings
    from vsortd.core.documents import ReloadDocument
    from vsortd.web.host import PageHost
    from vsortd.web.page import Page
    from vsortd.web.page_jobs import PageJob
    from vsortd.web.request_model import RequestModel

_NO_FILE: Final = {404: "there is no config file"}
_ETAG: Final = {"ETag": "what tells this text from others"}


class MatchWantedError(UsageError):
    """A request that would write over something doesn't say over what."""


def status(call: Call[NothingMore]) -> StatusDocument:
    """Return how the daemon is."""
    return call.page.host.status()


def events(page: Page, _request: Request) -> Response:
    """Answer with what happens, as it happens (server-sent events)."""
    return StreamingResponse(page.host.events(), media_type="text/event-stream")


def pause(call: Call[PauseAllRequest]) -> StatusDocument:
    """Begin no more videos."""
    return call.page.host.pause(None, call.asked.for_s)


def resume(call: Call[NothingMore]) -> StatusDocument:
    """Go on."""
    return call.page.host.resume()


def scan(call: Call[NothingMore]) -> DoneDocument:
    """Look through the inboxes now."""
    call.page.host.scan()
    return {"ok": True}


# The config


def config(call: Call[NothingMore]) -> Response:
    """Return the config file's text."""
    path = _config_path(call)
    now = read_config_text(path)
    document: ConfigDocument = {"path": storable(path), "text": now.text, "etag": now.etag}
    return Json(document, headers={"ETag": f'"{now.etag}"'})


def check(call: Call[ConfigTextRequest]) -> CheckedDocument:
    """Say what is wrong with a text; nothing is written."""
    path = _config_path(call)
    found = check_config_text(path, call.asked.text)
    return {
        "ok": not found.mistakes,
        "mistakes": [_mistake(one, path) for one in found.mistakes],
        "warnings": [_mistake(one, path) for one in found.warnings],
    }


def put(call: Call[ConfigTextRequest]) -> Response:
    """Write the config, if it still is the one that If-Match names, and have the daemon work by it."""
    path, etag = _config_path(call), call.request.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not etag:
        raise MatchWantedError("If-Match is wanted.", remedy="GET /v1/config tells the ETag.")
    _sound_settings(call, path)
    save_config_text(path, call.asked.text, etag)
    document: SavedConfigDocument = {"etag": read_config_text(path).etag, **_reloaded(call.page.host)}
    return Json(document, headers={"ETag": f'"{document["etag"]}"'})


def _reloaded(host: PageHost) -> ReloadDocument:
    """Have the daemon read what was saved. Raises VsortdError."""
    try:
        return host.reload()
    except VsortdError as error:
        raise VsortdError(
            f"It was saved, but vsortd goes on with the settings it had: {error.title}",
            details=error.details,
            remedy=error.remedy,
        ) from error


def _config_path(call: Call[RequestModel]) -> Path:
    path = call.page.host.config_path
    if path is None:
        raise NotThereError(
            "These settings come from no file.", remedy="Start vsortd with one: vsortd --config FILE run"
        )
    return path


def _mistake(mistake: Mistake, path: Path) -> Any:  # noqa: ANN401
    return mistake.to_json(storable(path))


def preview_rules(call: Call[PreviewRequest]) -> JobDocument:
    """Begin to find out what other rules would change of all that is filed; nothing is written or moved."""
    settings, host, look = _sound_settings(call, _config_path(call)), call.page.host, call.asked.look

    def run(job: PageJob) -> tuple[str, str]:
        found = host.preview_rules(settings, job.cancel, job.progress)
        if look:
            with host.borrowed(job.cancel) as (own, cancel), own.tried(settings, cancel=cancel) as services:
                found = look_again(services, found, cancel=cancel, on_progress=job.progress)
        job.answer = {
            "videos": len(found.items),
            "counts": {outcome.value: count for outcome, count in found.counts.items()},
            "elsewhere": found.elsewhere,
            "items": [one.to_json() for one in found.changes],
        }
        return f"{counted(len(found.changes), 'video')} of {len(found.items)} would move; nothing was touched.", ""

    return job_document(call.page.jobs.start("Previewing rules", run, alone=("preview", fingerprint(settings), look)))


def _sound_settings(call: Call[ConfigTextRequest] | Call[PreviewRequest], path: Path) -> Settings:
    """Return the settings of a text. Raises UsageError that lists its mistakes."""
    found = check_config_text(path, call.asked.text)
    if found.settings is None:
        raise UsageError(
            f"The text has {counted(len(found.mistakes), 'mistake')}.",
            details=[line for one in found.mistakes for line in one.lines(str(path))],
        )
    return found.settings


# The log


def logs(call: Call[LogRequest]) -> LogDocument:
    """Return lines of the log."""
    asked = call.asked
    before = None if asked.before is None else LogCursor.of(asked.before)
    choice = Choice("" if asked.item is None else str(asked.item), level=asked.level)
    try:
        lines, more = newest_before(log_path(call.page.host.state_folder), choice, asked.limit or ROWS, before)
    except OSError as error:
        raise StoreError(f"The log can't be read: {error.strerror or error}.") from error
    return {"lines": [line.fields for line in lines], "next": None if more is None else str(more)}


OPERATIONS: Final = (
    ApiOperation("status", "GET", "/v1/status", "Get the daemon's status", NothingMore, StatusDocument, status),
    ApiOperation(
        "events",
        "GET",
        "/v1/events",
        "Stream events: `status`, `item`, `ping`",
        NothingMore,
        None,
        media_type="text/event-stream",
        stream=events,
    ),
    ApiOperation("pause", "POST", "/v1/pause", "Pause: begin no more videos", PauseAllRequest, StatusDocument, pause),
    ApiOperation("resume", "POST", "/v1/resume", "Resume after a pause", NothingMore, StatusDocument, resume),
    ApiOperation("scan", "POST", "/v1/scan", "Scan the inboxes now", NothingMore, DoneDocument, scan),
    ApiOperation(
        "config",
        "GET",
        "/v1/config",
        "Get the config file",
        NothingMore,
        ConfigDocument,
        config,
        refusals=_NO_FILE,
        headers=_ETAG,
    ),
    ApiOperation(
        "checkConfig",
        "POST",
        "/v1/config/check",
        "Check a config; nothing is written",
        ConfigTextRequest,
        CheckedDocument,
        check,
        refusals=_NO_FILE,
    ),
    ApiOperation(
        "putConfig",
        "PUT",
        "/v1/config",
        "Write the config and load it",
        ConfigTextRequest,
        SavedConfigDocument,
        put,
        refusals=_NO_FILE | {412: "the file has changed", 428: "the header `If-Match` is missing"},
        headers=_ETAG,
    ),
    ApiOperation(
        "previewRules",
        "POST",
        "/v1/rules/preview",
        "Preview what a config's rules would change of all filed videos (a job)",
        PreviewRequest,
        JobDocument,
        preview_rules,
        status=202,
        refusals=_NO_FILE,
    ),
    ApiOperation("logs", "GET", "/v1/logs", "Get lines of the daemon's log", LogRequest, LogDocument, logs),
)
