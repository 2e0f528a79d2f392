"""Opening a video with PyAV such that it can't reach anything but its own bytes, and its table of samples.

Runs in the worker processes. The file is opened here and handed to libav as an object: no protocol, playlist
or external reference exists for it, and no file name is parsed (`-y.mp4`, `concat:a.mp4`, invalid UTF-8). The
input format is forced to mov, because a playlist named .mp4 would otherwise be taken for one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

import av
import numpy as np
import numpy.typing as npt
from av.stream import Discard, Disposition, Stream

from vsortd.core.isobmff import BoxReader, ShrunkError
from vsortd.core.sample_tables import has_all_samples
from vsortd.core.units import missing_at_end
from vsortd.errors import BrokenError, ChangedError, IncompleteError, LimitError
from vsortd.media.boxes import Layout, read_layout
from vsortd.media.given_files import GIVEN_FILES
from vsortd.media.hardware import HARDWARE
from vsortd.media.track_headers import TrackHeader, read_track_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.stream import VideoStream

# 8192 by 8192. An 8K film has 33 million pixels; a frame of this many takes about 100 MB in 4:2:0, and a
# decoder holds up to 17 of them.
MAX_PIXELS = 8192 * 8192
# Read in larger pieces than PyAV's 32 kB: fewer trips into Python while a fragmented file is walked.
_BUFFER_BYTES = 1 << 18

# Two films in one file (front and rear, large and small) have about as many frames and last about as long; a still has
# one frame, or a few, however long they are shown.
_LEAST_FRAMES, _LEAST_LENGTH = 1 / 4, 1 / 2

_DISCARDED = 0x2  # AVINDEX_DISCARD_FRAME: cut away by the edit list
_KEYFRAME = 0x1  # AVINDEX_KEYFRAME


@dataclass(frozen=True, slots=True)
class Table:
    """The samples of the film in decoding order: times (of decoding, in its time base), keyframes, places.

    `shown` are the samples that the edit list does not cut away.
    """

    times: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bool_]
    shown: npt.NDArray[np.bool_]
    positions: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open file: its raw bytes, its size and identity, what its boxes say, and libav's view of it."""

    file: BinaryIO
    size_bytes: int
    identity: tuple[int, ...]
    layout: Layout
    container: InputContainer

    def peek(self, position: int, length: int) -> bytes:
        """Read a few raw bytes; the position is put back, because libav reads from the same object."""
        before = self.file.tell()
        self.file.seek(position)
        data = self.file.read(length)
        self.file.seek(before)
        return data

    def track_headers(self) -> dict[int, TrackHeader]:
        """Read what the tracks' headers say beyond what libav tells, by track id."""
        before = self.file.tell()
        headers = read_track_headers(self.file, self.size_bytes)
        self.file.seek(before)
        return headers


@contextmanager
def open_video(path: str) -> Iterator[OpenVideo]:
    """Open a file that came with the request (`path`: absolute, surrogate-escaped) and close it afterwards.

    Raises ChangedError if it is gone, BrokenError if it can't be read or is no MP4/MOV, IncompleteError if it
    ends before its boxes do or has no header yet.
    """
    with GIVEN_FILES.open(path) as file:
        status = os.fstat(file.fileno())
        size_bytes = status.st_size
        layout = read_layout(file, size_bytes)
        _refuse_layout(file, layout, size_bytes)
        file.seek(0)
        try:
            container = av.open(
                file,
                mode="r",
                format="mov",
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
                io_open=_refuse_open,
                hwaccel=HARDWARE.accelerator,
                options={"enable_drefs": "0", "use_absolute_path": "0", "max_pixels": str(MAX_PIXELS)},
            )
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise BrokenError(f"the file's structure can't be read ({plain(error)})") from error
        try:
            yield OpenVideo(file, size_bytes, _identity(status), layout, container)
        finally:
            container.close()


def undecodable(video: OpenVideo, film: VideoStream) -> BrokenError:
    """Return the error for a film of which not one frame can be decoded."""
    if film.id in video.layout.elsewhere:
        return BrokenError("its frames lie in another file that this one refers to; vsortd opens no other file")
    return BrokenError("no frame could be decoded")


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _refuse_open(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001 - libav's signature
    raise PermissionError("a video may not open other files")


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
    if not _is_known(film):
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
    candidates = [stream for stream in streams if _is_known(stream)] or streams
    if len(candidates) == 1:
        return candidates[0]
    if video.layout.fragmented:  # only the fragments say how many frames there are
        read_only(video.container, candidates[0])
        for _ in packets(video.container, candidates[0]):
            pass
    most = max(_frames(stream) for stream in candidates)
    moving = [stream for stream in candidates if _frames(stream) >= most * _LEAST_FRAMES]
    longest_s = max(_length_s(stream) for stream in moving)
    films = [stream for stream in moving if _length_s(stream) >= longest_s * _LEAST_LENGTH]
    return max(films, key=_rank)


def _rank(stream: VideoStream) -> tuple[bool, int, float, int]:
    default = bool(stream.disposition & Disposition.default)
    return default, _pixels(stream) if _is_known(stream) else 0, _length_s(stream), -stream.index


def _frames(stream: VideoStream) -> int:
    return len(stream.index_entries) or int(stream.frames or 0)


def _length_s(stream: VideoStream) -> float:
    base, entries = float(stream.time_base or 0), stream.index_entries
    if stream.duration and stream.duration > 0:
        return stream.duration * base
    return (entries[len(entries) - 1].timestamp - entries[0].timestamp) * base if len(entries) else 0.0


def _is_known(stream: VideoStream) -> bool:
    """Tell whether there is a decoder; without one the stream has no size either."""
    return cast("object", stream.codec_context) is not None


def _pixels(stream: VideoStream) -> int:
    return (stream.width or 0) * (stream.height or 0)


def read_table(video: OpenVideo, film: VideoStream) -> Table:
    """Return the film's samples; a fragmented file is walked to its end for them (read, not decoded).

    The table read last is kept: a later look at a film of two hours would spend most of its time in reading it again.
    """
    key = (*video.identity, film.index)
    if not video.layout.fragmented and (known := _last_table.get(key)) is not None:
        return known
    table = _read_table(video, film)
    _last_table.clear()
    _last_table[key] = table
    return table


# One table, by the identity of its file and the index of its film.
_last_table: dict[tuple[int, ...], Table] = {}


def _read_table(video: OpenVideo, film: VideoStream) -> Table:
    if video.layout.fragmented:
        for _ in packets(video.container, film):
            pass
    entries = film.index_entries
    count = len(entries)
    times = np.empty(count, np.int64)
    flags = np.empty(count, np.int64)
    positions = np.empty(count, np.int64)
    sizes = np.empty(count, np.int64)
    for number in range(count):
        entry = entries[number]
        times[number], flags[number] = entry.timestamp, entry.flags
        positions[number], sizes[number] = entry.pos, entry.size
    return Table(times, (flags & _KEYFRAME) != 0, (flags & _DISCARDED) == 0, positions, sizes)


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
