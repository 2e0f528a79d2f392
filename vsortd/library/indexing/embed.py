"""Looking at videos for the index: frames at a regular pace, or at chosen moments, each embedded once and kept.

A long video is decoded in parts; each part is kept when it is done, so that a run that is killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

import numpy as np
from loguru import logger

from vsortd.core.identity import Identity
from vsortd.errors import BrokenError, ChangedError, UsageError, VideoError
from vsortd.hearing.listening import hear_all, was_heard
from vsortd.index.stored_looks import Embedded
from vsortd.library.indexing.sampling import NEAR, is_walked, missing, moments_of, name_of, part_name, parts_of, step_of
from vsortd.pipeline.gathering import gather
from vsortd.pipeline.mishaps import Mishaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.core.video_facts import Clip
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.index.store import Index
    from vsortd.index.video import IndexedVideo
    from vsortd.media.frames import Frames
    from vsortd.media.pool import MediaPool
    from vsortd.pipeline.services import Services
    from vsortd.vision.encoder import Encoder

DEFAULT_FPS: Final = 1.0
_TICK_S: Final = 0.2
_WAITING_PART: Final = 1 / 8
_WAITING_S: Final = 30.0
# A frame this far before the last moment of a request tells that its time was up, and not that the video ends there.
_SLACK_MS: Final = 1000
# A frame in the last part of a video shows that its end is there.
_LAST_PART: Final = 0.7


_T = TypeVar("_T")


class Looking(Protocol):
    """What looking at videos takes."""

    @property
    def index(self) -> Index:
        """Where what was seen is kept."""

    @property
    def media(self) -> MediaPool:
        """Who decodes."""


class IndexingState(StrEnum):
    """What became of one file."""

    INDEXED = "indexed"
    KNOWN = "known"  # everything was there
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Indexed:
    """One file's outcome: how many frames and windows of sound it has anew, and why it failed or ""."""

    path: Path
    state: IndexingState
    frames: int = 0
    duration_s: float = 0.0
    reason: str = ""
    windows: int = 0


@dataclass(frozen=True, slots=True)
class KnownFrames:
    """What is kept of a video already: the names of its looks, and the times of their frames (int64 [n], ms)."""

    looks: tuple[str, ...]
    times_ms: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SamplingRound:
    """Frames of one video that were looked at together, under the name that the index keeps them by."""

    clip: Clip
    name: str
    embedded: Embedded


def index_paths(
    services: Services,
    paths: Sequence[Path],
    *,
    fps: float = DEFAULT_FPS,
    jobs: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> list[Indexed]:
    """Look at every video under `paths` at a pace of `fps`, several at once; return the outcomes in their order.

    Videos that were looked at so before cost nothing. `on_progress` gets how many are done and how many there are.
    Raises UsageError for a path that is not there or an impossible `fps`, ModelError, StoreError, Cancelled.
    """
    step_ms = step_ms_of(fps)
    files = [path for path, _, _ in gather(services.settings, paths)]
    stop = cancel or threading.Event()
    if not files:
        return []
    encoder = services.model.get(stop).encoder
    ears = None if services.sound is None else services.sound.get()

    def index_one(path: Path) -> Indexed:
        seen = index_file(services, encoder, path, step_ms=step_ms, cancel=stop)
        return seen if ears is None else _with_sound(services, ears, seen, stop)

    return each_video(
        files,
        index_one,
        lambda path, reason: Indexed(path, IndexingState.FAILED, reason=reason),
        jobs=jobs or services.settings.workers.decode_count() + 1,
        on_progress=on_progress,
        cancel=stop,
    )


def each_video(
    files: Sequence[Path],
    look: Callable[[Path], _T],
    failed: Callable[[Path, str], _T],
    *,
    jobs: int,
    on_progress: Callable[[int, int], None] | None,
    cancel: threading.Event,
) -> list[_T]:
    """Look at videos, `jobs` at once; return what `look` says of each in their order, or `failed` of one and why.

    Sets `cancel` where it ends early. Raises what `look` raises that is no video's fault.
    """
    done: dict[Path, _T] = {}
    report = on_progress or (lambda *_: None)
    report(0, len(files))
    mishaps = Mishaps()

    def one(path: Path) -> tuple[Path, _T]:
        try:
            outcome = look(path)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            return path, failed(path, mishaps.reason_of(error, path))
        mishaps.went_well()
        return path, outcome

    with ThreadPoolExecutor(jobs, thread_name_prefix="index") as pool:
        waiting: set[Future[tuple[Path, _T]]] = {pool.submit(one, path) for path in files}
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=_TICK_S, return_when=FIRST_COMPLETED)
                for future in ended:
                    path, outcome = future.result()
                    done[path] = outcome
                    report(len(done), len(files))
        except BaseException:  # Ctrl-C, a model that fails: what is in hand ends, the rest does not begin
            cancel.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [done[path] for path in files]


def index_file(
    services: Looking, encoder: Encoder, path: Path, *, step_ms: int, cancel: threading.Event | None = None
) -> Indexed:
    """Look at one video at a pace, as far as that was not done before. Raises VideoError, ModelError, Cancelled."""
    identity = identity_of(path)
    known = known_of(services.index, identity, encoder.info.key, path, step_ms)
    if known is None:
        return Indexed(path, IndexingState.KNOWN)
    count, duration_s = 0, 0.0
    with Keeper(services.index, identity, path, encoder.info.key) as keeper:
        for look in walk(services.media, encoder, path, identity, known, step_ms=step_ms, cancel=cancel):
            keeper.take(look)
            count, duration_s = count + len(look.embedded.times_ms), look.clip.duration_s
    return Indexed(path, IndexingState.INDEXED, count, duration_s)


def _with_sound(services: Looking, ears: SoundEncoder, seen: Indexed, cancel: threading.Event) -> Indexed:
    """Listen to a video that was looked at; one whose sound can't be decoded has been looked at all the same."""
    if was_heard(services.index, ears, seen.path):
        return seen
    try:
        heard = hear_all(services.media, services.index, ears, seen.path, cancel=cancel)
    except ChangedError:
        raise
    except VideoError as error:
        logger.warning("{}: nothing is heard of it, {}", seen.path, error.reason)
        return seen
    return replace(seen, state=IndexingState.INDEXED, windows=len(heard.times_ms))


class Keeper:
    """Puts the looks at one video into the index, some at once: each time its row is written anew.

    A film of ten hours would cost 20 GB of writing, part by part. So a part waits until there are an eighth as many
    frames as the row has, or for half a minute: a kill costs no more than that. As a context manager it keeps what is
    left at the end, also where that is an error.
    """

    def __init__(self, index: Index, identity: Identity, path: Path, model: str) -> None:
        self._index = index
        self._file = (identity, path)
        self._model = model
        self._waiting: list[SamplingRound] = []
        self._kept = 0
        self._kept_s = time.monotonic()

    def take(self, look: SamplingRound) -> None:
        """Take one more look."""
        self._waiting.append(look)
        frames = sum(len(one.embedded.times_ms) for one in self._waiting)
        if frames >= max(1, self._kept * _WAITING_PART) or time.monotonic() - self._kept_s >= _WAITING_S:
            self.flush()

    def flush(self) -> None:
        """Keep all that waits."""
        if not self._waiting:
            return
        looks = [(look.name, look.embedded) for look in self._waiting]
        self._index.keep_looks(*self._file, self._waiting[-1].clip, self._model, looks)
        self._kept += sum(len(embedded.times_ms) for _, embedded in looks)
        self._kept_s = time.monotonic()
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


def known_of(index: Index, identity: Identity, key: str, path: Path, step_ms: int) -> KnownFrames | None:
    """Return what is kept of a video before it is looked at; None when it was walked through at this pace before."""
    looks = index.looks(identity, key)
    if is_walked(looks, step_ms):
        index.met(identity, path)
        return None
    film = index.film(identity, key)
    return KnownFrames(looks, film.times_ms if film is not None else np.empty(0, np.int64))


def walk(
    media: MediaPool,
    encoder: Encoder,
    path: Path,
    identity: Identity,
    known: KnownFrames,
    *,
    step_ms: int,
    cancel: threading.Event | None = None,
) -> Iterator[SamplingRound]:
    """Look at a video at a pace, as far as that is not `known`; yield each part, at last the mark that all is done.

    Nothing is kept here: whoever asks does that, maybe on another machine. A video none of whose frames came from near
    its end is probed to the end before that mark. Raises VideoError, ModelError, Cancelled.
    """
    clip = media.probe(path, to_end=False, cancel=cancel)  # most are decoded to their ends here anyway
    parts = [
        (part_name(step_ms, number), missing(part, known.times_ms, step_ms))
        for number, part in enumerate(parts_of(moments_of(clip.duration_s, step_ms, frames=clip.frames)))
    ]
    wanted = [(name, part) for name, part in parts if name not in known.looks and part]
    latest_ms = int(known.times_ms[-1]) if len(known.times_ms) else -1
    for look in VideoEmbedder(media, encoder, path, identity, clip, cancel).take(wanted, snap_ms=int(step_ms * NEAR)):
        latest_ms = max(latest_ms, int(look.embedded.times_ms.max(initial=-1)))
        yield look
    if latest_ms < clip.duration_s * 1000 * _LAST_PART:
        clip = media.probe(path, cancel=cancel)
    if latest_ms < 0:
        raise BrokenError("no frame could be decoded")
    yield SamplingRound(clip, name_of(step_ms), nothing_embedded(encoder.info.dim))


def dense_film(
    services: Looking, encoder: Encoder, path: Path, *, fps: float = DEFAULT_FPS, cancel: threading.Event | None = None
) -> IndexedVideo:
    """Return a video with frames at a pace of `fps` at least, looked at now where it was not before.

    Raises UsageError for an impossible `fps`, VideoError, ModelError, StoreError, Cancelled.
    """
    index_file(services, encoder, path, step_ms=step_ms_of(fps), cancel=cancel)
    film = services.index.film(identity_of(path), encoder.info.key)
    if film is None:
        raise ChangedError("the file changed while it was looked at")
    return film


def frames_at(
    services: Looking,
    encoder: Encoder,
    path: Path,
    clip: Clip,
    times_ms: Sequence[int],
    *,
    cancel: threading.Event | None = None,
) -> Embedded:
    """Embed the frames that are shown at some moments (ms) and keep them; each once, in the order of time.

    Damaged ones are left out. Raises VideoError, ModelError, StoreError, Cancelled.
    """
    identity, key = identity_of(path), encoder.info.key
    looker = VideoEmbedder(services.media, encoder, path, identity, clip, cancel)
    found = [nothing_embedded(encoder.info.dim)]
    for part in parts_of(sorted(set(times_ms))):
        name = f"at-{hashlib.sha256(repr(part).encode()).hexdigest()[:16]}"
        kept = services.index.recall(identity, key, name)
        if kept is None:
            (look,) = looker.take([(name, part)], snap_ms=0)
            kept = look.embedded
            services.index.keep(identity, path, clip, key, name, kept)
        found.append(kept)
    return Embedded(np.concatenate([part.times_ms for part in found]), np.concatenate([part.vectors for part in found]))


@dataclass(frozen=True, slots=True)
class VideoEmbedder:
    """One video under the eye of one model: decodes and embeds."""

    media: MediaPool
    encoder: Encoder
    path: Path
    identity: Identity
    clip: Clip
    cancel: threading.Event | None

    def take(self, parts: Sequence[tuple[str, list[int]]], *, snap_ms: int) -> Iterator[SamplingRound]:
        """Embed the frames of named parts; the next part is decoded while this one is embedded."""
        with ThreadPoolExecutor(1, thread_name_prefix="index-ahead") as ahead:
            coming = [ahead.submit(self._decode, parts[0][1], snap_ms)] if parts else []
            for number, (name, _) in enumerate(parts):
                frames = coming.pop().result()
                if number + 1 < len(parts):
                    coming.append(ahead.submit(self._decode, parts[number + 1][1], snap_ms))
                yield SamplingRound(self.clip, name, self._embed(frames))

    def _decode(self, moments: Sequence[int], snap_ms: int) -> list[Frames]:
        """Return the frames at some moments, in as many requests as the time limit of one makes of it."""
        found: list[Frames] = []
        reached_ms, left = -1, list(moments)
        while left:
            frames = self.media.moments(
                self.path, self.clip, left, self.encoder.info.preprocess, snap_ms=snap_ms, cancel=self.cancel
            )
            if not len(frames.times_ms) or frames.times_ms[-1] <= reached_ms:
                break  # what is left is damaged, or lies after the last frame
            found.append(frames)
            reached_ms = int(frames.times_ms[-1])
            left = [moment for moment in left if moment > reached_ms + _SLACK_MS]
        return found

    def _embed(self, found: Sequence[Frames]) -> Embedded:
        rows = [self.encoder.encode_images(frames.pixels) for frames in found]
        if Identity.of(self.path) != self.identity:
            raise ChangedError("the file changed or went away while it was looked at")
        if not rows:
            return nothing_embedded(self.encoder.info.dim)
        vectors = np.concatenate(rows).astype(np.float16).astype(np.float32)  # as they will be read
        return Embedded(np.concatenate([frames.times_ms for frames in found]), vectors)


def nothing_embedded(dim: int) -> Embedded:
    """Return no frame at all."""
    return Embedded(np.empty(0, np.int64), np.empty((0, dim), np.float32))


def identity_of(path: Path) -> Identity:
    """Return which bytes a path names now. Raises ChangedError where it names no regular file."""
    identity = Identity.of(path)
    if identity is None:
        raise ChangedError("the file is gone, or is a link")
    return identity


def step_ms_of(fps: float) -> int:
    """Return the step of a pace that a person asked for, ms. Raises UsageError for an impossible one."""
    try:
        return step_of(fps)
    except ValueError as error:
        raise UsageError(f"--fps: {error}.", remedy="Write frames a second, such as 1, 0.5 or 4.") from error
