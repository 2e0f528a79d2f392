"""The videos themselves, by their ids: whole or a range of bytes, read as fast as they are taken."""

from __future__ import annotations

import hashlib
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import anyio
from anyio.to_thread import run_sync
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from vsortd.core.byte_reader import ByteReader
from vsortd.core.identity import Identity
from vsortd.core.media_types import MP4
from vsortd.core.text import printable
from vsortd.errors import Cancelled, ChangedError, UsageError, VideoError, VsortdError
from vsortd.filing.open_media import OpenedMedia
from vsortd.web.byte_ranges import UnsatisfiableError, asked_part, is_known
from vsortd.web.media_ids import open_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

_PIECE_BYTES: Final = 1 << 18
# A share that hangs may hold so many of the page's threads, and no more.
_READERS: Final = 16
# A browser asks each time whether the file is still the same: the same number may come to name a converted one.
_CACHED: Final = "private, no-cache"


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    media = _Media(page)
    return [
        Route("/media/{id}", media.show, methods=["GET", "HEAD"]),
        Route("/copy/{id}", media.show_copy, methods=["GET", "HEAD"]),
        Route("/media/{id}/copy", page.action(media.make_copy), methods=["POST"]),
    ]


class _Media:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._readers = anyio.CapacityLimiter(_READERS)

    async def show(self, request: Request) -> Response:
        """Answer with a video as it is."""
        return await self._answer(request, self._opened)

    async def show_copy(self, request: Request) -> Response:
        """Answer with the copy of a video that browsers play, made anew if it was not kept."""
        return await self._answer(request, self._opened_copy)

    async def _answer(self, request: Request, opened: Callable[[str], OpenedMedia]) -> Response:
        try:
            media = await run_sync(opened, request.path_params["id"], limiter=self._readers)
        except (UsageError, ChangedError) as error:
            return self._page.trouble(request, error, HTTPStatus.NOT_FOUND)
        except (VsortdError, VideoError) as error:
            return self._page.trouble(request, error, HTTPStatus.FORBIDDEN)
        except Cancelled as error:
            return self._page.trouble(request, error)
        return media_response(request, media, self._readers)

    def _opened(self, named: str) -> OpenedMedia:
        return open_found(self._page.host.services, named)

    def _opened_copy(self, named: str) -> OpenedMedia:
        with self._opened(named) as video:
            path = self._page.host.previews.playable(video.path, video.identity)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        return OpenedMedia(descriptor, path, Identity.from_stat(os.fstat(descriptor)), MP4)

    def make_copy(self, request: Request, _posted: Posted) -> Response:
        """Begin to make a copy that browsers play."""
        named = request.path_params["id"]
        with self._opened(named) as video:
            path, identity = video.path, video.identity

        def run(job: PageJob) -> tuple[str, str]:
            previews = self._page.host.previews
            previews.playable(path, identity, on_progress=lambda part: job.progress(part, 1), cancel=job.cancel)
            return "A copy that plays is made.", f"/copy/{named}"

        job = self._page.jobs.start(
            f"Making a copy of {printable(path.name)} that plays", run, alone=("copy", named, identity)
        )
        return self._page.begun(request, job)


def media_response(request: Request, opened: OpenedMedia, readers: anyio.CapacityLimiter) -> Response:
    """Return what a request gets of an open file, which is closed with the answer's end."""
    etag = etag_of(opened)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": _CACHED,
        "Content-Type": opened.media_type,
        "ETag": etag,
    }
    size_bytes = opened.size_bytes
    try:
        part = asked_part(request.headers, size_bytes, etag)
    except UnsatisfiableError:
        opened.close()
        headers |= {"Content-Range": f"bytes */{size_bytes}"}
        return Response(b"", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers)
    if is_known(request.headers, etag):
        opened.close()
        return Response(b"", HTTPStatus.NOT_MODIFIED, headers)
    status = HTTPStatus.OK
    if part is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size_bytes}"
    part = range(size_bytes) if part is None else part
    headers["Content-Length"] = str(len(part))
    if request.method == "HEAD":
        opened.close()
        return Response(None, status, headers)
    return _FileResponse(opened, part, status, headers, readers)


def etag_of(opened: OpenedMedia) -> str:
    """Return what names this very content: another one for a file that was changed or replaced."""
    return f'"{hashlib.sha256(opened.identity.fingerprint.encode()).hexdigest()[:32]}"'


class _FileResponse(StreamingResponse):
    """Bytes of an open file, piece by piece: the next is read when the one before was taken."""

    def __init__(
        self,
        opened: OpenedMedia,
        part: range,
        status: HTTPStatus,
        headers: dict[str, str],
        readers: anyio.CapacityLimiter,
    ) -> None:
        super().__init__(self._pieces(part), status, headers)
        self._opened = opened
        self._readers = readers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._opened.close()

    async def _pieces(self, part: range) -> AsyncIterator[bytes]:
        reader, at = ByteReader(self._opened.descriptor, self._opened.size_bytes), part.start
        while at < part.stop:
            piece = await run_sync(reader.read, at, min(_PIECE_BYTES, part.stop - at), limiter=self._readers)
            if not piece:
                raise ChangedError("it became shorter while it was read")
            at += len(piece)
            yield piece
