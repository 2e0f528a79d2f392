"""Posting what became of videos to an address of the config: one bounded request, to an address that was checked."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vsortd.core.server_address import ServerAddress
from vsortd.opinion.bounded_http import Caller, NoAnswerError
from vsortd.opinion.server_key import key_of
from vsortd.service.hooks.hook_outcome import HookOutcome

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from vsortd.config.after_options import After
    from vsortd.core.documents import ItemDocument
    from vsortd.opinion.bounded_http import Reply

# An answer is only told of; who sends more has not understood what this is.
_ANSWER_BYTES: Final = 1_000_000
_TOLD_CHARS: Final = 160
# These pass: too early, too many, busy. What else of 400 to 499 is refused (a wrong key, an address where nothing is)
# would be refused again, until somebody mends the config.
_PASSING: Final = frozenset({408, 423, 425, 429})


def post(after: After, entries: Sequence[ItemDocument], *, cancel: threading.Event) -> HookOutcome:
    """Post the entry of a video as `history --json` has it, or with `batch` a list of them. Raises Cancelled."""
    assert after.post is not None
    server = ServerAddress.parse(after.post)
    # as it was written: with a slash at its end or without are two pages to many servers
    target = urlsplit(after.post).path or "/"
    caller = Caller(replace(server, path=""), after.time_limit_s, _ANSWER_BYTES, anywhere=after.anywhere, cancel=cancel)
    headers = {"Content-Type": "application/json", "Accept": "*/*"}
    body = json.dumps(list(entries) if after.batch else entries[0], ensure_ascii=False).encode("utf-8")
    key = ""
    try:
        if key := key_of(after):
            headers["Authorization"] = f"Bearer {key}"
        reply = caller.call("POST", target, headers, body)
    except NoAnswerError as error:
        return HookOutcome(well=False, told=error.reason)
    refused = HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
    well = HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES
    for_good = refused and reply.status not in _PASSING
    return HookOutcome(well=well, told=f"HTTP status {reply.status}", said=_said(reply, key), for_good=for_good)


def _said(reply: Reply, key: str) -> str:
    """Return the beginning of a short answer in words, without the key."""
    if not reply.content_type.startswith(("text/plain", "application/json")):
        return ""
    said = " ".join(reply.body[: 4 * _TOLD_CHARS].decode("utf-8", "replace").split())
    said = said.replace(key, "***") if key else said
    return said if len(said) <= _TOLD_CHARS else f"{said[: _TOLD_CHARS - 1]}…"
