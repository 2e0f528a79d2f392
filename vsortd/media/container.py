"""Opening a video with PyAV such that it can't reach anything but its own bytes, and choosing its film.

Runs in the worker processes. The file is opened here and handed to libav as an object: no protocol, playlist
or external reference exists for it, and no file name is parsed (`-y.mp4`, `concat:a.mp4`, invalid UTF-8). The
demuxer is named by the first bytes, because a playlist named .mp4 would otherwise be taken for one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn, TypeVar, cast

import av
from av.stream import Discard, Disposition, Stream

from vsortd.core.byte_reader import ShrunkError
from vsortd.core.containers import HEAD_BYTES, ISO, PROGRAM_STREAM, TRANSPORT_STREAM, container_of
from vsortd.core.isobmff import BoxReader
from vsortd.core.sample_tables import has_all_samples
from vsortd.core.units import missing_at_end
from vsortd.errors import BrokenError, ChangedError, IncompleteError, LimitError
from vsortd.media.boxes import NO_BOXES, Layout, read_layout
from vsortd.media.given_files import GIVEN_FILES
from vsortd.media.hardware import HARDWARE
from vsortd.media.track_headers import TrackHeader, read_track_headers
from vsortd.watch.completeness import promised_container, scan_container
from vsortd.watch.container_scan import ScanState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from vsortd.core.containers import Container

T = TypeVar("T")

MPEG: Final = frozenset({TRANSPORT_STREAM.demuxer, PROGRAM_STREAM.demuxer})
"""The demuxers of streams that have no index and no length; a place in the file leads to a frame."""

# 8192 by 8192. An 8K film has 33 million pixels; a frame of this many takes about 100 MB in 4:2:0, and a
# decoder holds up to 17 of them.
MAX_PIXELS = 8192 * 8192
# Read in larger pieces than PyAV's 32 kB: fewer trips into Python while a fragmented file is walked.
_BUFFER_BYTES = 1 << 18

# Two films in one file (front and rear, large and small) have about as many frames and last about as long; a still has
# one frame, or a few, however long they are shown.
_LEAST_FRAMES, _LEAST_LENGTH = 1 / 4, 1 / 2
# A minute of two films.
_PACKETS_COUNTED = 4000


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open file: its raw bytes, its size and identity, what its boxes say, libav's view of it, and its demuxer.

    Of other containers than MP4 and MOV the boxes say nothing.
    """

    file: BinaryIO
    size_bytes: int
    identity: tuple[int, ...]
    layout: Layout
    container: InputContainer
    demuxer: str = ISO.demuxer

    def peek(self, position: int, length: int) -> bytes:
        """Read a few raw bytes; the position is put back, because libav reads from the same object."""
        before = self.file.tell()
        self.file.seek(position)
        data = self.file.read(length)
        self.file.seek(before)
        return data

    def track_headers(self) -> dict[int, TrackHeader]:
        """Read what the tracks' headers say beyond what libav tells, by track id."""
        if self.demuxer != ISO.demuxer:
            return {}
        before = self.file.tell()
        headers = read_track_headers(self.file, self.size_bytes)
        self.file.seek(before)
        return headers


@contextmanager
def open_video(path: str) -> Iterator[OpenVideo]:
    """Open a file that came with the request (`path`: absolute, surrogate-escaped) and close it afterwards.

    Its first bytes say what it is, and the demuxer is named by them. Raises ChangedError if it is gone, BrokenError if
    it can't be read, is no container of the table or another one than its name promises, IncompleteError if it ends
    before its structure does.
    """
    with GIVEN_FILES.open(path) as file:
        expected = promised_container(path) or container_of(_head(file)) or ISO
        if expected is not ISO:
            with _open_other(file, expected) as video:
                yield video
            return
    with open_movie(path) as video:
        yield video


@contextmanager
def _open_other(file: BinaryIO, expected: Container) -> Iterator[OpenVideo]:
    status = os.fstat(file.fileno())
    found = scan_container(file.fileno(), status.st_size, expected)
    if found.state is ScanState.INCOMPLETE:
        raise IncompleteError(found.reason)
    if found.state is ScanState.OTHER:
        raise BrokenError(found.reason)
    file.seek(0)
    with opened(file, expected.demuxer, hwaccel=HARDWARE.accelerator) as container:
        yield OpenVideo(file, status.st_size, _identity(status), NO_BOXES, container, expected.demuxer)


@contextmanager
def open_movie(path: str) -> Iterator[OpenVideo]:
    """Open an MP4 or MOV as `open_video` does. Raises BrokenError if it is neither."""
    with GIVEN_FILES.open(path) as file:
        status = os.fstat(file.fileno())
        size_bytes = status.st_size
        layout = read_layout(file, size_bytes)
        _refuse_layout(file, layout, size_bytes)
        file.seek(0)
        options = {"enable_drefs": "0", "use_absolute_path": "0"}
        with opened(file, ISO.demuxer, options, hwaccel=HARDWARE.accelerator) as container:
            yield OpenVideo(file, size_bytes, _identity(status), layout, container)


@contextmanager
def opened(
    file: BinaryIO, demuxer: str, options: Mapping[str, str] | None = None, *, hwaccel: HWAccel | None = None
) -> Iterator[InputContainer]:
    """Hand a file to libav as an object, with the demuxer named. Raises BrokenError if it can't be read."""
    try:
        container = av.open(
            file,
            mode="r",
            format=demuxer,
            metadata_errors="replace",
            buffer_size=_BUFFER_BYTES,
            io_open=_refuse_open,
            hwaccel=hwaccel,
            options={**(options or {}), "max_pixels": str(MAX_PIXELS)},
        )
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise BrokenError(f"the file's structure can't be read ({plain(error)})") from error
    try:
        yield container
    finally:
        container.close()


def _head(file: BinaryIO) -> bytes:
    """Return the first bytes of a file, which may be given in pieces."""
    parts = b""
    while len(parts) < HEAD_BYTES and (part := file.read(HEAD_BYTES - len(parts))):
        parts += part
    return parts


def undecodable(video: OpenVideo, film: VideoStream) -> BrokenError:
    """Return the error for a film of which not one frame can be decoded."""
    if film.id in video.layout.elsewhere:
        return BrokenError("its frames lie in another file that this one refers to; vsortd opens no other file")
    return BrokenError("no frame could be decoded")


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _refuse_open(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001 - libav's signature
    raise PermissionError("a file may not open other files")


def _refuse_layout(file: BinaryIO, layout: Layout, size_bytes: int) -> None:
    if size_bytes == 0:
        raise IncompleteError("the file is empty")
    if not layout.recognised:
        raise BrokenError("this is not an MP4 or MOV file")
    if layout.missing_bytes and not _lacks_no_sample(file, size_bytes):
        raise IncompleteError(missing_at_end(layout.missing_bytes))
    if not layout.has_moov:
        if layout.has_fragments:
            raise BrokenError("this is a single fragment without the header (moov) of its video")
        raise IncompleteError("the header (moov) is missing; the recording was never finished")


def _lacks_no_sample(file: BinaryIO, size_bytes: int) -> bool:
    """Tell whether only bytes are missing that no sample needs: a box claims too much, or stray bytes look like one."""
    try:
        return has_all_samples(BoxReader(file, size_bytes))
    except ShrunkError as error:
        raise ChangedError("the file became shorter while it was looked at") from error


def film_stream(video: OpenVideo) -> VideoStream:
    """Return the stream that is the film: not cover art or a still, the default one first, then the largest.

    Raises BrokenError if there is none, if it is encrypted or can't be decoded, LimitError if its frames are
    huge.
    """
    streams = [stream for stream in video.container.streams.video if not is_picture(stream)]
    if not streams:
        kinds = sorted({stream.type for stream in video.container.streams})
        found = f"only {' and '.join(kinds)}" if kinds else "nothing else either"
        raise BrokenError(f"there is no video stream in this file, {found}")
    film = _film_among(video, streams)
    scheme = video.layout.encrypted.get(film.id)
    if scheme is not None:
        raise BrokenError(f"the video is encrypted ({scheme or 'unknown scheme'}) and can't be looked at")
    if not is_known(film):
        raise BrokenError("the video's codec is not known to this decoder")
    if _pixels(film) > MAX_PIXELS:
        raise LimitError(f"{film.width}x{film.height} pixels are more than the {MAX_PIXELS // 10**6} million decoded")
    read_only(video.container, film)
    film.codec_context.thread_count = 1  # many videos are decoded at once; more threads only oversubscribe
    film.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return film


def read_only(container: InputContainer, stream: Stream) -> None:
    """Let the packets of all other streams be skipped in the file instead of read."""
    for other in container.streams:
        other.discard = Discard.none if other.index == stream.index else Discard.all


def is_picture(stream: VideoStream) -> bool:
    """Tell whether a video stream is cover art or a thumbnail track."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _film_among(video: OpenVideo, streams: list[VideoStream]) -> VideoStream:
    """Choose the film: of what can be decoded, what has many frames, of that what is long, of that default, then large.

    Phones put stills of many more pixels beside a film (motion photos, top shots), or let one last for longer.
    """
    candidates = [stream for stream in streams if is_known(stream)] or streams
    if len(candidates) == 1:
        return candidates[0]
    if video.demuxer != ISO.demuxer:
        return _film_by_packets(video, candidates)
    if video.layout.fragmented:  # only the fragments say how many frames there are
        first = candidates[0]
        read_only(video.container, first)
        for _ in packets(video.container, first):
            pass
        with suppress(av.error.FFmpegError):  # there is nothing to go back to: it has no fragment
            video.container.seek(min(0, first.start_time or 0) - 1, stream=first, backward=True)
    return max(no_stills(candidates, _frames, _length_s), key=_rank)


def _film_by_packets(video: OpenVideo, candidates: list[VideoStream]) -> VideoStream:
    """Choose the film as `_film_among` does by the first packets, where no header says how many there are."""
    counts = dict.fromkeys((stream.index for stream in candidates), 0)
    for packet in islice(packets(video.container, *candidates), _PACKETS_COUNTED):
        counts[packet.stream_index] += 1
    rewind(video, candidates[0])
    return max(no_stills(candidates, lambda stream: counts[stream.index], lambda _: 0.0), key=_rank)


def rewind(video: OpenVideo, stream: VideoStream, first: int = 0) -> bool:
    """Go back to a file's first packets; tell whether that was possible, else it stands at an unknown place.

    `first` is the earliest time of the stream that is known, in its time base.
    """
    if video.demuxer in MPEG:
        with suppress(av.error.FFmpegError):
            video.container.seek(0, unsupported_byte_offset=True)
            return True
        return False
    before = min(first, stream.start_time or 0) - 1
    for backward in (True, False):  # AVI and Flash video have nothing before their first entry, and refuse
        with suppress(av.error.FFmpegError):
            video.container.seek(before, stream=stream, backward=backward, any_frame=not backward)
            return True
    return False


def no_stills(streams: Sequence[T], frames_of: Callable[[T], int], length_of: Callable[[T], float]) -> list[T]:
    """Return those of n ≥ 1 streams of pictures that are films, by their numbers of frames and lengths."""
    most = max(map(frames_of, streams))
    moving = [stream for stream in streams if frames_of(stream) >= most * _LEAST_FRAMES]
    longest = max(map(length_of, moving))
    return [stream for stream in moving if length_of(stream) >= longest * _LEAST_LENGTH]


def _rank(stream: VideoStream) -> tuple[bool, int, float, int]:
    default = bool(stream.disposition & Disposition.default)
    return default, _pixels(stream) if is_known(stream) else 0, _length_s(stream), -stream.index


def _frames(stream: VideoStream) -> int:
    return len(stream.index_entries) or int(stream.frames or 0)


def _length_s(stream: VideoStream) -> float:
    base, entries = float(stream.time_base or 0), stream.index_entries
    if stream.duration and stream.duration > 0:
        return stream.duration * base
    return (entries[len(entries) - 1].timestamp - entries[0].timestamp) * base if len(entries) else 0.0


def is_known(stream: Stream) -> bool:
    """Tell whether there is a decoder; without one the stream has no size either."""
    return cast("object", stream.codec_context) is not None


def _pixels(stream: VideoStream) -> int:
    return (stream.width or 0) * (stream.height or 0)


def packets(container: InputContainer, *streams: Stream) -> Iterator[av.Packet[Any]]:
    """Yield the packets of some streams from where the container stands; a damaged end simply ends them."""
    try:
        for packet in container.demux(*streams):
            if packet.size:
                yield packet
    except (av.error.InvalidDataError, av.error.EOFError):
        return


def plain(error: BaseException) -> str:
    """Say what libav found, without paths and numbers."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().rstrip(".").lower()[:200]
