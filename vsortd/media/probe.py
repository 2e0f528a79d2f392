"""Reading a video's facts, and whether it can be played up to its end. Worker processes only."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.stream import VideoStream

from vsortd.core.containers import ISO
from vsortd.core.moments import is_utc
from vsortd.core.video_facts import Clip, Stream
from vsortd.errors import BrokenError, IncompleteError
from vsortd.media.container import MPEG, OpenVideo, film_stream, is_picture, open_video, undecodable
from vsortd.media.frame_table import Table, read_table
from vsortd.media.picture import TRANSFER_HLG, TRANSFER_PQ, Turn, turn_of
from vsortd.media.video_reader import film_reader

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream as AvStream

    from vsortd.media.track_headers import TrackHeader

# A keyframe in the last part of the video shows that its end is there.
_LAST_PART = 0.7
# Pixels worth decoding to reach the end of a film without late keyframes: 300 frames of 1080p, about a
# second.
_END_BUDGET_PIXELS = 300 * 1920 * 1080
# A preallocated file has zeros where the download has not come yet; this many samples are looked at.
_LOOKS = 64
_LOOK_BYTES = 64
# Codecs whose samples may begin with that many zeros.
_PLAIN_CODECS = {"rawvideo", "v210", "v308", "v408", "v410", "yuv4", "qtrle", "r210", "avrp", "png"}
_MAX_TAGS, _MAX_TAG_LENGTH = 64, 256
_YEARS = range(1990, 2100)  # outside: clocks never set (1904 and 1970 are the epochs of MP4 and of Unix)

_CAMERA_TAGS = (
    ("com.apple.quicktime.make", "com.apple.quicktime.model"),
    ("com.android.manufacturer", "com.android.model"),
    ("make", "model"),
    ("com.apple.proapps.manufacturer", "com.apple.proapps.cameraName"),
)
_DATE_TAGS = ("com.apple.quicktime.creationdate", "date", "creation_time")


def probe_file(path: str, *, deadline: float, to_end: bool = True) -> Clip:
    """Return the facts of a video whose end can be decoded; `deadline` is a time.monotonic().

    Without `to_end` one keyframe is enough, however early: for who decodes the rest anyway. Raises BrokenError,
    IncompleteError, LimitError or ChangedError with a reason for people.
    """
    with open_video(path) as video:
        film = film_stream(video)
        return probe_video(video, film, read_table(video, film, deadline=deadline), deadline=deadline, to_end=to_end)


def probe_video(video: OpenVideo, film: VideoStream, table: Table, *, deadline: float, to_end: bool = True) -> Clip:
    """Return the facts of an open video; see `probe_file`."""
    _refuse_missing(video, film, table)
    frame = None if to_end else _last_keyframe(video, film, table, deadline)
    if frame is None:
        frame = _frame_near_end(video, film, table, deadline)
    return _clip(video, film, table, frame)


def _refuse_missing(video: OpenVideo, film: VideoStream, table: Table) -> None:
    """Raise if the table is empty, reaches beyond the file, or points at a hole."""
    if not len(table):
        raise BrokenError("there is not one frame in this file, only the header of a video")
    ends = table.positions + table.sizes
    beyond = int((ends > video.size_bytes).sum()) if table.whole else 0
    if beyond and film.id in video.layout.elsewhere:
        raise undecodable(video, film)
    if beyond:
        raise IncompleteError(f"{beyond} of {len(table)} frames lie beyond the end of the file")
    if not table.shown.any():
        edited = video.demuxer == ISO.demuxer
        raise BrokenError("the file's edit list shows none of its frames" if edited else "no frame in it has a time")
    if table.whole and _codec_name(film) not in _PLAIN_CODECS and _has_hole(video, table):
        raise IncompleteError("parts of the video are still empty (zero bytes where frames should be)")


def _has_hole(video: OpenVideo, table: Table) -> bool:
    order = np.flatnonzero(table.positions >= 0)
    order = order[np.argsort(table.positions[order], kind="stable")]
    spread = np.linspace(0, len(order) - 1, min(_LOOKS, len(order))).astype(int)
    for place in sorted({*spread.tolist(), *range(max(0, len(order) - 4), len(order))}):
        sample = order[place]
        length = min(_LOOK_BYTES, int(table.sizes[sample]))
        if length < 8:  # noqa: PLR2004 - too short to tell (a repeated frame may be a few bytes)
            continue
        if not any(video.peek(int(table.positions[sample]), length)):
            return True
    return False


def _last_keyframe(video: OpenVideo, film: VideoStream, table: Table, deadline: float) -> av.VideoFrame | None:
    """Return the last keyframe that is shown, decoded alone; None where that brings nothing."""
    keys = np.flatnonzero(table.keys & table.shown)
    found = (
        next(film_reader(video, film, table, deadline=deadline).frames([int(keys[-1])]), None) if len(keys) else None
    )
    return None if found is None else found[1]


def _frame_near_end(video: OpenVideo, film: VideoStream, table: Table, deadline: float) -> av.VideoFrame:
    """Return a frame that was decoded in the last part of the film.

    A late keyframe does; without one the film is decoded up to its end where that is cheap. Damage in the
    middle or in the very last frame is no reason to refuse a file whose boxes are complete.
    """
    reader = film_reader(video, film, table, deadline=deadline)
    shown = np.flatnonzero(table.shown)
    late = int(shown[int(len(shown) * _LAST_PART)])
    last_key = reader.key_before(int(shown[-1]))
    candidates = [last_key] if table.shown[last_key] else []
    if last_key < late:
        cost = (int(shown[-1]) - last_key) * film.width * film.height
        if cost <= _END_BUDGET_PIXELS:
            tail = shown[np.searchsorted(shown, max(late, last_key + 1)) :]
            candidates = [int(tail[place]) for place in sorted({0, len(tail) // 2, len(tail) - 1})]
    elif not candidates:  # the edit list begins after the last keyframe
        candidates = [int(shown[-1])]
    found = next(reader.frames(candidates), None)
    if found is not None:
        return found[1]
    if time.monotonic() > deadline:
        raise BrokenError("decoding one frame near the end takes too long")
    if next(reader.frames([int(shown[0])]), None) is None:
        raise undecodable(video, film)
    raise IncompleteError("nothing near the end of the video can be decoded")


def _clip(video: OpenVideo, film: VideoStream, table: Table, frame: av.VideoFrame) -> Clip:
    turn = turn_of(frame)
    shown_width, shown_height = _shown_size(film, frame, turn)
    duration_s = _duration_s(video, film, table)
    tags = _tags(video.container, film)
    rate = film.average_rate
    frames = int(table.shown.sum()) if table.whole else round(duration_s * float(rate or 0))
    headers = video.track_headers()
    streams = tuple(_stream(stream, headers.get(stream.id), video, table) for stream in video.container.streams)
    container_s = None if video.demuxer in MPEG else video.container.duration  # MPEG streams claim nothing
    return Clip(
        container=_container_name(video),
        brand=video.layout.brand,
        width_px=frame.width,
        height_px=frame.height,
        shown_width_px=shown_width,
        shown_height_px=shown_height,
        rotation_deg=turn.rotation_deg,
        duration_s=duration_s,
        container_duration_s=container_s / av.time_base if container_s and container_s > 0 else duration_s,
        fps=_finite(float(rate)) if rate else _finite(frames / duration_s if duration_s else 0.0),
        frames=frames,
        video_index=film.index,
        video_codec=_codec_name(film),
        pixel_format=frame.format.name,
        bit_depth=max((component.bits for component in frame.format.components), default=8),
        hdr=frame.color_trc in {TRANSFER_PQ, TRANSFER_HLG},
        fragmented=video.layout.fragmented,
        streams=streams,
        audio_codec=next((stream.codec for stream in streams if stream.kind == "audio" and stream.frames), ""),
        camera=_camera(tags),
        recorded_at=_recorded_at(tags),
        tags=tags,
    )


def _shown_size(film: VideoStream, frame: av.VideoFrame, turn: Turn) -> tuple[int, int]:
    width, height = round(frame.width * pixel_aspect(film)), frame.height
    width = max(1, width)
    return (height, width) if turn.transpose else (width, height)


def pixel_aspect(film: VideoStream) -> float:
    """Return a film's sample aspect ratio (width over height of a pixel); absurd ones count as square."""
    ratio = film.sample_aspect_ratio
    value = float(ratio) if ratio else 1.0
    return value if 1 / 16 <= value <= 16 else 1.0  # noqa: PLR2004 - real ones lie between 1/2 and 4


def _container_name(video: OpenVideo) -> str:
    if video.demuxer != ISO.demuxer:
        return video.demuxer
    return "mov" if video.layout.brand in {"", "qt"} else "mp4"


def _duration_s(video: OpenVideo, film: VideoStream, table: Table) -> float:
    """Return how long the film's own frames are shown, by the header or, without one, by the table.

    Headers of other containers than MP4 and MOV speak of the file, so that the frames tell unless some are left out.
    """
    base = float(film.time_base or 0)
    listed = video.demuxer == ISO.demuxer or not table.whole
    if listed and film.duration and film.duration > 0:
        return _finite(film.duration * base)
    if not table.whole and video.container.duration and video.container.duration > 0:
        return _finite(video.container.duration / av.time_base)
    times = np.sort(table.times[table.shown].astype(np.float64))
    span, steps = float(times[-1] - times[0]), np.diff(times)
    if video.demuxer == ISO.demuxer:
        step = span / len(steps) if len(steps) else 0.0
    else:
        step = float(np.median(steps)) if len(steps) else 0.0
    return _finite((span + step) * base)


def _finite(value: float) -> float:
    return value if math.isfinite(value) and value >= 0 else 0.0


def _stream(stream: AvStream, header: TrackHeader | None, video: OpenVideo, table: Table) -> Stream:
    context = getattr(stream, "codec_context", None)
    frames = max(int(stream.frames or 0), len(stream.index_entries))
    if video.demuxer != ISO.demuxer:  # its header may list none; where nobody counted them, a stream has some
        frames = table.counts.get(stream.index, max(1, frames))
    base = float(stream.time_base or 0)
    return Stream(
        index=stream.index,
        kind=stream.type or "data",
        codec=_codec_name(stream),
        attached_picture=isinstance(stream, VideoStream) and is_picture(stream),
        language=_clean(stream.metadata.get("language", "")),
        codec_tag=header.codec_tag if header is not None else _clean(getattr(context, "codec_tag", "")),
        frames=frames,
        duration_s=_finite(float(stream.duration or 0) * base) if frames else 0.0,
        start_s=float(stream.start_time or 0) * base,
        metadata_keys=header.metadata_keys if header is not None else (),
    )


def _codec_name(stream: AvStream) -> str:
    """Return FFmpeg's name of the codec, not of the decoder that serves it ("av1", not "libdav1d")."""
    context = getattr(stream, "codec_context", None)
    if context is None or context.codec is None:
        return ""
    return str(context.codec.canonical_name)


def _tags(container: InputContainer, film: VideoStream) -> dict[str, str]:
    """Return the container's tags, then the film's own where the container has none of that name."""
    merged = {**film.metadata, **container.metadata}
    short = ((_clean(key), _clean(value)) for key, value in merged.items())
    return dict(sorted((key, value) for key, value in short if key)[:_MAX_TAGS])


def _clean(text: str) -> str:
    return "".join(letter for letter in str(text)[:_MAX_TAG_LENGTH] if letter.isprintable()).strip()


def _camera(tags: dict[str, str]) -> str:
    for make_tag, model_tag in _CAMERA_TAGS:
        make, model = tags.get(make_tag, ""), tags.get(model_tag, "")
        if model.lower().startswith(make.lower()):
            make = ""
        if make or model:
            return f"{make} {model}".strip()
    for maker in ("GoPro", "DJI"):
        if any(maker.lower() in tags.get(key, "").lower() for key in ("encoder", "handler_name")):
            return maker
    return ""


def _recorded_at(tags: dict[str, str]) -> str:
    """Return when the video was recorded, ISO 8601: the camera's local time with its offset where it says, else UTC.

    UTC ends in Z, also that of a header's time, which is UTC by its format; an offset of zero is an offset.
    """
    for key in _DATE_TAGS:
        text = tags.get(key, "")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        if moment.year in _YEARS and moment.tzinfo is not None:
            said = moment.isoformat(timespec="seconds")
            return said.removesuffix("+00:00") + "Z" if is_utc(text) else said
    return ""
