"""What is asked of the decoding processes: facts, frames, comparisons; every answer is checked, see `protocol`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from vsortd.media import protocol, replies, technical_reply
from vsortd.media.measures import MAX_SPEECH_S, SPEECH_HZ
from vsortd.media.measures_reply import max_measures_bytes, measures_from_reply
from vsortd.media.reply_parts import PartTaker
from vsortd.media.sound_windows import LATEST_MS, MOST_WINDOWS, WINDOW_SAMPLES
from vsortd.media.words_pool import WordsPool
from vsortd.media.worker_process import NICENESS

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from vsortd.config.running_options import Workers
    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.core.video_facts import Clip
    from vsortd.media.frames import Frames, Stills
    from vsortd.media.measures import Measures
    from vsortd.media.movie_facts import MovieFacts
    from vsortd.media.preprocess import Preprocess
    from vsortd.media.protocol import Message
    from vsortd.media.reply_parts import SpeechListener
    from vsortd.media.sound_windows import SoundWindows
    from vsortd.media.stream_actions import StreamAction


class MediaPool(WordsPool):
    """Worker processes that read videos and pictures."""

    @classmethod
    def of(cls, workers: Workers, *, count: int | None = None, niceness: int = NICENESS) -> Self:
        """Return as many processes as the config wants, or `count`, with what it says of them."""
        return cls(
            workers.decode_count() if count is None else count,
            timeout_s=workers.time_limit_s,
            memory_bytes=workers.memory_bytes,
            decoder=workers.decoder,
            must_confine=workers.must_confine,
            niceness=niceness,
        )

    def probe(self, path: Path, *, to_end: bool = True, cancel: threading.Event | None = None) -> Clip:
        """Return the facts of a video whose end can be decoded, or without `to_end` any keyframe.

        Raises Broken-, Incomplete-, Changed- or LimitError, Cancelled.
        """
        request = {"op": "probe", "path": str(path), "to_end": to_end}
        return self.checked(request, lambda header, _: replies.clip_from_reply(header), cancel=cancel)

    def sample(
        self,
        path: Path,
        clip: Clip,
        ranks: range,
        total: int,
        preprocess: Preprocess,
        *,
        cancel: threading.Event | None = None,
    ) -> Frames:
        """Return the frames of `ranks` (a range within `total`), ready for the model; raises like `probe`.

        The ranks are places in the order in which `total` moments spread over the video are visited; the same
        bytes give the same frames, and no frame is given to two ranks. A short video yields fewer.
        """
        most, side = len(ranks), preprocess.side_px
        request = {"op": "sample", "video_index": clip.video_index, **_frames_request(path, ranks, total, preprocess)}
        return self.checked(
            request,
            lambda header, blob: protocol.frames_from_message(header, blob, most=most, side_px=side),
            max_blob_bytes=most * side * side * 3,
            cancel=cancel,
        )

    def sample_each(
        self,
        path: Path,
        clip: Clip,
        ranks: range,
        total: int,
        shapes: Sequence[Preprocess],
        *,
        cancel: threading.Event | None = None,
    ) -> tuple[Frames, ...]:
        """Return what `sample` does for each of some models' shapes, from one decoding; raises like `probe`."""
        most, sides = len(ranks), [shape.side_px for shape in shapes]
        request = {
            "op": "sample_each",
            "path": str(path),
            "video_index": clip.video_index,
            "start": ranks.start,
            "stop": ranks.stop,
            "total": total,
            "shapes": [_preprocess_request(shape) for shape in shapes],
        }
        return self.checked(
            request,
            lambda header, blob: replies.each_from_reply(header, blob, most=most, sides_px=sides),
            max_blob_bytes=most * sum(side * side * 3 for side in sides),
            cancel=cancel,
        )

    def moments(
        self,
        path: Path,
        clip: Clip,
        times_ms: Sequence[int],
        preprocess: Preprocess,
        *,
        snap_ms: int = 0,
        cancel: threading.Event | None = None,
    ) -> Frames:
        """Return the frames shown at some moments (ms from the start), each once; raises like `probe`.

        A keyframe at most `snap_ms` away is taken instead: cheaper. Damaged frames are left out. Ask for few at a time:
        each takes `side_px` squared times three bytes, and all together one request's time.
        """
        most, side = len(times_ms), preprocess.side_px
        request = {
            "op": "moments",
            "path": str(path),
            "video_index": clip.video_index,
            "times_ms": [int(moment) for moment in times_ms],
            "snap_ms": snap_ms,
            "preprocess": _preprocess_request(preprocess),
        }
        return self.checked(
            request,
            lambda header, blob: protocol.frames_from_message(header, blob, most=most, side_px=side),
            max_blob_bytes=most * side * side * 3,
            cancel=cancel,
        )

    def look(
        self,
        path: Path,
        ranks: range,
        total: int,
        preprocess: Preprocess,
        *,
        cancel: threading.Event | None = None,
    ) -> tuple[Clip, Frames, float]:
        """Do `probe` and `sample` in one go; returns what both do, and how long the second took, seconds.

        Each of the two may take the time that a request may take.
        """
        most, side = len(ranks), preprocess.side_px
        request = {"op": "look", **_frames_request(path, ranks, total, preprocess)}
        return self.checked(
            request,
            lambda header, blob: replies.look_from_reply(header, blob, most=most, side_px=side),
            max_blob_bytes=most * side * side * 3,
            parts=2,
            cancel=cancel,
        )

    def movie(self, path: Path, *, timeout_s: float | None = None, cancel: threading.Event | None = None) -> MovieFacts:
        """Return what a viewer gets of a video; raises like `probe`.

        Of an MP4 or MOV its header tells; any other container is read to its end, within `timeout_s`.
        """
        request = {"op": "movie", "path": str(path)}
        return self.checked(
            request, lambda header, _: replies.movie_from_reply(header), timeout_s=timeout_s, cancel=cancel
        )

    def picture(
        self, path: Path, preprocess: Preprocess, *, cancel: threading.Event | None = None
    ) -> npt.NDArray[np.uint8]:
        """Return a picture file (its first frame) turned as shown, resized and cropped: uint8 [side, side, 3] RGB.

        Raises BrokenError if it can't be read or is of no known kind, LimitError if it has too many pixels, Cancelled.
        """
        side = preprocess.side_px
        request = {"op": "picture", "path": str(path), "preprocess": _preprocess_request(preprocess)}
        return self.checked(
            request,
            lambda header, blob: replies.picture_from_reply(header, blob, side_px=side),
            max_blob_bytes=side * side * 3,
            cancel=cancel,
        )

    def compare_conversion(
        self,
        source: Path,
        result: Path,
        pairs: Sequence[tuple[int, int, StreamAction, bool]],
        tags: Mapping[str, str],
        *,
        timeout_s: float,
        cancel: threading.Event | None = None,
    ) -> tuple[Clip, replies.PacketReport]:
        """Compare a converted file with its source, in a process of its own that has read no video before.

        `pairs` are each stream's index in the source and in the result, what was done to it, and whether it is cover
        art; `tags` what the result should have. Returns its facts and how the two compare; raises like `probe`.
        """
        request = {
            "op": "compare",
            "path": str(source),
            "other": str(result),
            "pairs": [list(pair) for pair in pairs],
            "tags": dict(tags),
        }
        return self.checked(
            request,
            lambda header, _: replies.comparison_from_reply(header),
            timeout_s=timeout_s,
            cancel=cancel,
            fresh=True,
        )

    def decode(
        self, path: Path, streams: Sequence[int], *, timeout_s: float, cancel: threading.Event | None = None
    ) -> tuple[replies.DecodeReport, ...]:
        """Decode some streams to their end and count; raises like `probe`."""
        request = {"op": "decode", "path": str(path), "streams": list(streams)}
        return self.checked(
            request, lambda header, _: replies.decoded_from_reply(header, streams), timeout_s=timeout_s, cancel=cancel
        )

    def technical(self, path: Path, *, timeout_s: float, cancel: threading.Event | None = None) -> TechnicalFacts:
        """Return what a video, sound or picture of any kind that is read says of itself; raises like `probe`.

        The file is read to its end, and next to nothing of it decoded.
        """
        request = {"op": "technical", "path": str(path)}
        return self.checked(
            request,
            lambda header, _: technical_reply.technical_from_reply(header),
            timeout_s=timeout_s,
            cancel=cancel,
        )

    def measure(
        self,
        path: Path,
        *,
        pictures: bool = True,
        sound: bool = True,
        speech: SpeechListener | None = None,
        timeout_s: float,
        cancel: threading.Event | None = None,
    ) -> Measures:
        """Measure a file's film and its default sound, decoding each once; `speech` hears the sound as it comes.

        A part that the file lacks, or that wasn't asked for, is None; one that can't be decoded is the reason.
        Raises LimitError where it takes longer than `timeout_s` allows, else like `probe`.
        """
        asked = {"pictures": pictures, "sound": sound}
        return self.checked(
            {"op": "measure", "path": str(path), **asked, "speech": speech is not None},
            lambda header, blob: measures_from_reply(header, blob, **asked),
            max_blob_bytes=max_measures_bytes(**asked),
            timeout_s=timeout_s,
            take=None if speech is None else PartTaker(speech, MAX_SPEECH_S * SPEECH_HZ).take,
            cancel=cancel,
        )

    def sound_windows(
        self, path: Path, begins_ms: Sequence[int], *, cancel: threading.Event | None = None
    ) -> SoundWindows:
        """Return the windows of a video's default sound that begin at some moments; raises like `probe`.

        At most MOST_WINDOWS, ascending, ms from 0 to LATEST_MS. All are empty where there is no sound.
        """
        begins = [int(moment) for moment in begins_ms]
        if (
            len(begins) > MOST_WINDOWS
            or begins != sorted(begins)
            or (begins and not 0 <= begins[0] <= begins[-1] <= LATEST_MS)
        ):
            raise ValueError(f"wants at most {MOST_WINDOWS} moments in their order, got {begins}")
        return self.checked(
            {"op": "windows", "path": str(path), "begins_ms": begins},
            lambda header, blob: replies.windows_from_reply(header, blob, begins),
            max_blob_bytes=2 * WINDOW_SAMPLES * len(begins),
            cancel=cancel,
        )

    def stills(
        self,
        path: Path,
        times_s: Sequence[float],
        *,
        side_px: int,
        timeout_s: float,
        cancel: threading.Event | None = None,
    ) -> Stills:
        """Return what a film of any container shows at ascending moments (s), the longer side `side_px`.

        Ask for few at a time, see `thumbnails.stills_at`. Raises LimitError beyond `timeout_s`, else like `probe`.
        """
        request = {"op": "stills", "path": str(path), "times_s": list(map(float, times_s)), "side_px": side_px}
        return self.checked(
            request,
            lambda header, blob: replies.stills_from_reply(header, blob, count=len(times_s), side_px=side_px),
            max_blob_bytes=len(times_s) * side_px * side_px * 3,
            timeout_s=timeout_s,
            cancel=cancel,
        )


def _frames_request(path: Path, ranks: range, total: int, preprocess: Preprocess) -> Message:
    return {
        "path": str(path),
        "start": ranks.start,
        "stop": ranks.stop,
        "total": total,
        "preprocess": _preprocess_request(preprocess),
    }


def _preprocess_request(preprocess: Preprocess) -> Message:
    return {
        "side_px": preprocess.side_px,
        "resize": preprocess.resize.value,
        "interpolation": preprocess.interpolation,
    }
