"""Listening to a video: windows of its sound, each embedded once and kept in the index beside its frames.

Windows of WINDOW_S begin every HOP_S from the video's start on. The last one ends with the sound, and is longer than a
hop unless all of the sound is shorter. A window's time is its middle. One in which nothing is heard is kept as a row of
zeros: no direction, so that it speaks for nothing.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.identity import Identity
from vsortd.errors import ChangedError
from vsortd.index.stored_looks import Embedded
from vsortd.media.sound_windows import LATEST_MS, MOST_WINDOWS, WINDOW_HZ, WINDOW_S

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool

HOP_S: Final = 5
_HOP_MS: Final = HOP_S * 1000
_WINDOW_MS: Final = WINDOW_S * 1000
# The look that tells that a whole video was listened to; the names of its parts begin with it.
_ALL: Final = "windows"
_KEPT_TOGETHER: Final = 256  # windows: twenty minutes; the row of a video is written anew each time
# What is quieter at its loudest (dBFS) is no sound: R 128's absolute gate.
_SILENT: Final = 10 ** (-70 / 20) * (2**15 - 1)


@dataclass(frozen=True, slots=True, eq=False)
class HeardVideo:
    """Windows of a video's sound: the middles of their times (int64 [n] ascending, ms), and rows [n, dim].

    Rows have length 1, or are zeros where nothing is heard. A video without sound has none.
    """

    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.floating]
    duration_s: float

    @property
    def audible(self) -> bool:
        """Whether anything is heard at all."""
        return bool(self.vectors.any())


def window_begins(duration_s: float) -> list[int]:
    """Return when the windows of a video begin, ms; one that is shorter than a window has one."""
    count = max(1, math.ceil(round(duration_s * 1000 - _WINDOW_MS) / _HOP_MS) + 1)
    return [number * _HOP_MS for number in range(min(count, LATEST_MS // _HOP_MS))]


def hear_all(
    media: MediaPool, index: Index, encoder: SoundEncoder, path: Path, *, cancel: threading.Event | None = None
) -> HeardVideo:
    """Return a video with all windows of its sound, listened to now as far as it was not before.

    Raises VideoError, ModelError, StoreError, Cancelled.
    """
    identity, key = _identity_of(path), encoder.info.key
    if _ALL in index.looks(identity, key):
        index.met(identity, path)
    else:
        clip = media.probe(path, cancel=cancel)
        listener = _Listener(media, index, encoder, path, identity, clip, cancel)
        listener.walk(window_begins(clip.duration_s) if clip.has_audio else [])
    film = index.film(identity, key)
    if film is None:
        return HeardVideo(np.empty(0, np.int64), np.empty((0, encoder.info.dim), np.float32), 0.0)
    return HeardVideo(film.times_ms, film.vectors, film.duration_s)


def was_heard(index: Index, encoder: SoundEncoder, path: Path) -> bool:
    """Tell whether all of a video was listened to before."""
    return _ALL in index.looks(_identity_of(path), encoder.info.key)


def hear_around(  # noqa: PLR0917 - what listening needs
    media: MediaPool,
    index: Index,
    encoder: SoundEncoder,
    path: Path,
    clip: Clip,
    times_ms: npt.NDArray[np.int64],
    *,
    cancel: threading.Event | None = None,
) -> HeardVideo:
    """Return the windows of a video's sound whose middles are nearest to some moments (ms), each once.

    Only those are listened to that weren't before. Raises VideoError, ModelError, StoreError, Cancelled.
    """
    nothing = HeardVideo(np.empty(0, np.int64), np.empty((0, encoder.info.dim), np.float32), clip.duration_s)
    if not clip.has_audio or not len(times_ms):
        return nothing
    begins = window_begins(clip.duration_s)
    places = np.clip(np.rint((times_ms - _WINDOW_MS / 2) / _HOP_MS), 0, len(begins) - 1).astype(int)
    wanted = sorted({begins[place] for place in places.tolist()})
    identity, key = _identity_of(path), encoder.info.key
    known = index.film(identity, key)
    missing = wanted if known is None else [one for one in wanted if one not in _begins_of(known.times_ms)]
    if missing and _ALL not in index.looks(identity, key):
        name = f"{_ALL}-at-{hashlib.sha256(repr(missing).encode()).hexdigest()[:16]}"
        if index.recall(identity, key, name) is None:
            _Listener(media, index, encoder, path, identity, clip, cancel).take(name, missing)
            known = index.film(identity, key)
    if known is None:
        return nothing
    chosen = np.isin(_begins_of(known.times_ms), wanted)
    return HeardVideo(known.times_ms[chosen], known.vectors[chosen], clip.duration_s)


def nearest_windows(windows_ms: npt.NDArray[np.int64], times_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return for each moment which of n ≥ 1 ascending windows has its middle nearest; in a tie the earlier."""
    after = np.clip(np.searchsorted(windows_ms, times_ms), 0, len(windows_ms) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(windows_ms[before] - times_ms) <= np.abs(windows_ms[after] - times_ms)
    return np.where(nearer, before, after)


def _begins_of(times_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return when windows begin by their middles: at most half a window later, and never less than half a hop."""
    return np.maximum(np.ceil(times_ms / _HOP_MS).astype(np.int64) - 1, 0) * _HOP_MS


def _identity_of(path: Path) -> Identity:
    identity = Identity.of(path)
    if identity is None:
        raise ChangedError("the file is gone, or is a link")
    return identity


class _Listener:
    """One video at the ear of one model: decodes, embeds, and keeps."""

    def __init__(  # noqa: PLR0917 - what listening needs
        self,
        media: MediaPool,
        index: Index,
        encoder: SoundEncoder,
        path: Path,
        identity: Identity,
        clip: Clip,
        cancel: threading.Event | None,
    ) -> None:
        self._media, self._index, self._encoder = media, index, encoder
        self._path, self._identity, self._clip, self._cancel = path, identity, clip, cancel

    def walk(self, begins: Sequence[int]) -> None:
        """Listen to windows from the beginning on until the sound ends; what is kept already is not heard again."""
        key = self._encoder.info.key
        looks = self._index.looks(self._identity, key)
        known = self._index.film(self._identity, key)
        heard = set() if known is None else set(_begins_of(known.times_ms).tolist())
        for number, first in enumerate(range(0, len(begins), _KEPT_TOGETHER)):
            name = f"{_ALL}:{number}"
            part = [begin for begin in begins[first : first + _KEPT_TOGETHER] if begin not in heard]
            if name not in looks and part and self.take(name, part) < len(part):
                break  # the sound ends before the pictures do
        self._keep(_ALL, Embedded(np.empty(0, np.int64), np.empty((0, self._encoder.info.dim), np.float32)))

    def take(self, name: str, begins: Sequence[int]) -> int:
        """Listen to the windows that begin at some moments (ms, ascending) and keep those that there are; how many."""
        times: list[int] = []
        rows = [np.empty((0, self._encoder.info.dim), np.float32)]
        for first in range(0, len(begins), MOST_WINDOWS):
            asked = begins[first : first + MOST_WINDOWS]
            found = self._media.sound_windows(self._path, asked, cancel=self._cancel)
            # a shorter one holds nothing that the one before doesn't
            own = (found.lengths > HOP_S * WINDOW_HZ) | ((found.begins_ms == 0) & (found.lengths > 0))
            times += (found.begins_ms + np.maximum(1, found.lengths * 500 // WINDOW_HZ))[own].tolist()
            rows.append(self._embed(found.whole()[own[found.lengths > 0]]))
            if not own[-1]:
                break
        if Identity.of(self._path) != self._identity:
            raise ChangedError("the file changed or went away while it was listened to")
        self._keep(name, Embedded(np.array(times, np.int64), np.concatenate(rows)))
        return len(times)

    def _embed(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        found = np.zeros((len(samples), self._encoder.info.dim), np.float32)
        loud = np.abs(samples.astype(np.int32)).max(axis=1, initial=0) > _SILENT
        if loud.any():
            found[loud] = self._encoder.encode_windows(samples[loud])
        return found

    def _keep(self, name: str, embedded: Embedded) -> None:
        self._index.keep(self._identity, self._path, self._clip, self._encoder.info.key, name, embedded)
