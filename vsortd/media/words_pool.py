"""What is asked of the decoding processes about words: subtitles, and text in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.media.protocol import ProtocolError
from vsortd.media.subtitles_reply import MAX_REPLY_BYTES, subtitles_from_reply
from vsortd.media.text_reply import SLOWEST_PICTURE_S, text_from_reply
from vsortd.media.worker_pool import WorkerPool

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.media.protocol import Blob, Message
    from vsortd.media.subtitles_reply import SubtitleTrack
    from vsortd.media.text_reply import PictureText


class WordsPool(WorkerPool):
    """Worker processes that read what is written, beside a video, inside it and in its pictures."""

    def subtitles(
        self, path: Path, *, timeout_s: float, cancel: threading.Event | None = None
    ) -> tuple[SubtitleTrack, ...]:
        """Return the tracks of text inside a video of any kind that is read; raises like `MediaPool.probe`."""
        return self.checked(
            {"op": "subtitles", "path": str(path)},
            subtitles_from_reply,
            max_blob_bytes=MAX_REPLY_BYTES,
            timeout_s=timeout_s,
            cancel=cancel,
        )

    def subtitle_file(self, path: Path, form: str, *, cancel: threading.Event | None = None) -> SubtitleTrack:
        """Return the lines of a subtitle file; `form` is its ending without a dot: srt, vtt, ass or ssa.

        Raises ChangedError if it is gone, LimitError if it is too large, Cancelled.
        """

        def only(header: Message, blob: Blob) -> SubtitleTrack:
            tracks = subtitles_from_reply(header, blob)
            if len(tracks) != 1:
                raise ProtocolError("a subtitle file of another number of tracks")
            return tracks[0]

        request = {"op": "subtitle_file", "path": str(path), "form": form}
        return self.checked(request, only, max_blob_bytes=MAX_REPLY_BYTES, cancel=cancel)

    def read_text(
        self, path: Path, times_s: Sequence[float], *, cancel: threading.Event | None = None
    ) -> tuple[PictureText, ...]:
        """Return what is to be read at ascending moments (s) of a film of any container, at least at the first one.

        At most `text_reply.MAX_PICTURES` moments; those that a request's time didn't reach are left out. Raises
        LimitError where the extra `ocr` is missing, else like `MediaPool.probe`.
        """
        request = {"op": "read_text", "path": str(path), "times_s": list(map(float, times_s))}
        return self.checked(
            request,
            lambda header, _: text_from_reply(header, most=len(times_s)),
            timeout_s=self.timeout_s + len(times_s) * SLOWEST_PICTURE_S,
            cancel=cancel,
        )
