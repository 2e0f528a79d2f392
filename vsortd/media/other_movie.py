"""Reading what a viewer gets of a video in another container than MP4 and MOV. Worker processes only.

No header tells it all, so the file is read to its end, though not decoded. What an MP4 could not hold is told in words;
the rest has the form that a movie's header has.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

import av
from av.video.stream import VideoStream

from vsortd.core.containers import ISO
from vsortd.errors import LimitError
from vsortd.media.container import OpenVideo, is_picture, open_video
from vsortd.media.kept_tags import KIND_TAGS, WRITER_TAGS
from vsortd.media.movie_facts import MovieFacts, TrackFacts
from vsortd.media.movie_reader import chapters_of, read_movie
from vsortd.media.other_parts import unread_parts
from vsortd.media.stream_course import StreamCourse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

# By libav's kinds of streams: the words of MP4's handlers.
_HANDLERS: Final = {"video": "vide", "audio": "soun", "subtitle": "text"}
_MAX_TAG_LENGTH = 4096
_NAMED: Final = 4


def read_any_movie(path: str, *, deadline: float) -> MovieFacts:
    """Return what a viewer gets of a video in any container; `deadline` is a time.monotonic().

    Raises BrokenError, ChangedError, LimitError where reading takes too long.
    """
    with open_video(path) as video:
        return read_movie(video) if video.demuxer == ISO.demuxer else _read(video, deadline)


def _read(video: OpenVideo, deadline: float) -> MovieFacts:
    container = video.container
    media = [stream for stream in container.streams if stream.type != "attachment" and not _is_cover(stream)]
    courses = {stream.index: StreamCourse(stream, video.demuxer) for stream in media}
    try:
        for packet in container.demux():
            course = courses.get(packet.stream_index)
            if packet.size and course is not None:
                course.add(packet)
            if time.monotonic() > deadline:
                raise LimitError("reading the whole video takes too long")
    except (av.error.InvalidDataError, av.error.EOFError):
        damage = ["damaged parts"]
    else:
        damage = []
    parts = unread_parts(video.file, video.size_bytes, video.demuxer, [stream.id for stream in container.streams])
    odd = [what for course in courses.values() for what in course.oddities()]
    tags = {key.lower(): value for key, value in container.metadata.items()}
    return MovieFacts(
        tracks=tuple(_track(stream, courses[stream.index]) for stream in media),
        tags={key[:_MAX_TAG_LENGTH]: tags[key][:_MAX_TAG_LENGTH] for key in tags if key not in KIND_TAGS | WRITER_TAGS},
        chapters=tuple(chapters_of(video)),
        demuxer=video.demuxer,
        obstacles=tuple(dict.fromkeys([*_beyond_one_film(video, courses), *odd, *damage, *parts])),
    )


def _is_cover(stream: Stream) -> bool:
    return isinstance(stream, VideoStream) and is_picture(stream)


def _track(stream: Stream, course: StreamCourse) -> TrackFacts:
    base = float(stream.time_base or 0)
    begin_s = course.begin_s if math.isfinite(course.begin_s) else 0.0
    return TrackFacts(
        index=stream.index,
        handler=_HANDLERS.get(stream.type or "", "meta"),
        codec_tag="",
        samples=course.packets,
        ticks=round(1 / base) if base else 0,
        start_s=max(0.0, begin_s),
        shown_s=max(0.0, course.end_s - begin_s),
    )


def _beyond_one_film(video: OpenVideo, courses: dict[int, StreamCourse]) -> Iterator[str]:
    """Yield what an MP4 has no place for: a second film, attached files, tags of chapters."""
    films = [one for one in video.container.streams.video if one.index in courses and courses[one.index].packets]
    if len(films) > 1:
        yield f"{len(films)} picture tracks"
    attached = [one for one in video.container.streams if one.type == "attachment"]
    names = [_shown(one.metadata.get("filename", "")) or "without a name" for one in attached]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"attached files ({', '.join(names[:_NAMED])}{more})"
    if any(set(chapter["metadata"]) - {"title"} for chapter in video.container.chapters()):
        yield "tags of its chapters"


def _shown(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()
