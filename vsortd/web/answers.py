"""How the control API answers: JSON in ASCII, and one form for whatever is refused."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.errors import VsortdError


STOPPING: Final = "vsortd is stopping."


class NotThereError(UsageError):
    """What is asked for by an id isn't there, or not any more."""


class Json(Response):
    """A JSON document in ASCII, so that names whose bytes are no UTF-8 arrive as they are."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def error_document(error: VsortdError) -> dict[str, Any]:
    """Return what is said of an error: its sentence, its details and remedy, and the exit code it stands for."""
    said = {"error": error.title, "details": list(error.details), "remedy": error.remedy}
    return {**said, "exit_code": int(error.exit_code)}


def refusal(error: VsortdError, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY) -> Response:
    """Return the answer to what the daemon refuses."""
    return Json({"ok": False, **error_document(error)}, status_code=status)


def turned_away(
    status: HTTPStatus, title: str, remedy: str = "", *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer to a request that never reaches the daemon."""
    return Json(
        {"ok": False, **error_document(UsageError(title, remedy=remedy))},
        status_code=status,
        headers=dict(headers or {}),
    )


def called_off() -> Response:
    """Return the answer to a request whose work was called off: nobody waits for it any more, or the daemon ends."""
    return turned_away(HTTPStatus.SERVICE_UNAVAILABLE, STOPPING)
