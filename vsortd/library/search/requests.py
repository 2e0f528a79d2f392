"""A search as a command or a request brings it: plain words in, a plain document out.

The daemon answers with its loaded model and a cache that stays in memory; without a daemon the same is done here.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.config.own_words import own_prompts
from vsortd.core.paths import own_name
from vsortd.core.units import parse_clock
from vsortd.core.video_facts import Orientation
from vsortd.errors import UsageError, VideoError
from vsortd.filing.queries import tagged
from vsortd.hearing.listening import hear_all
from vsortd.index.extent import Extent
from vsortd.library.indexing.embed import dense_film, frames_at
from vsortd.library.indexing.given_folders import asked_places, named_places
from vsortd.library.search.ranking import DEFAULT_TOP, DEFAULT_WINDOW_S, SearchTarget, search
from vsortd.library.search.shot_measuring import kept_shots
from vsortd.library.search.vector_cache import VectorCache

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.core.documents import SearchDocument, SearchRequestDocument
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.index.store import Index
    from vsortd.pipeline.services import Services
    from vsortd.vision.encoder import Encoder, TextEncoder

    Rows = npt.NDArray[np.float32]

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif"})
TOP_MOST: Final = 10_000
# Memory of a cache is given back when nobody has asked for so long.
IDLE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked for. `like` are FILE or FILE@time; `under` is a folder, or one file, which need not be indexed.

    Without `under` it is looked for in the library and in what `vsortd index` was given. `min_score` is None for the
    floor that `ranking` sets, 0 for none. `since_s` is Unix seconds, `orientation` holds names, `tag` is one that the
    journal has of a filed video. Paths are absolute. `per_shot`: scenes are shots, as far as these are kept, and there
    is no window. With `sound` the prompts say what is heard.
    """

    prompts: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    any_of: bool = False
    like: tuple[str, ...] = ()
    window_s: float = DEFAULT_WINDOW_S
    top: int = DEFAULT_TOP
    min_score: float | None = None
    under: str | None = None
    since_s: float | None = None
    orientation: tuple[str, ...] = ()
    sound: bool = False
    tag: str | None = None
    per_shot: bool = False

    def to_json(self) -> SearchRequestDocument:
        """Return it as the control API takes it."""
        return {
            "prompts": self.prompts,
            "against": self.against,
            "any_of": self.any_of,
            "like": self.like,
            "window_s": self.window_s,
            "top": self.top,
            "min_score": self.min_score,
            "under": self.under,
            "since_s": self.since_s,
            "orientation": self.orientation,
            "sound": self.sound,
            "tag": self.tag,
            "per_shot": self.per_shot,
        }


class Searcher:
    """Answers searches over one index; what it has read stays in memory for a while. Thread-safe."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._caches: dict[bool, VectorCache] = {}  # of what is seen, and (True) of what is heard
        self._used_s = 0.0

    def answer(self, services: Services, request: Request, *, cancel: threading.Event | None = None) -> SearchDocument:
        """Return the scenes, best first, and what was looked through; see `ranking.SearchResult`.

        Raises UsageError for what can't be looked for, ModelError, StoreError, Cancelled.
        """
        encoder: TextEncoder
        if request.sound:
            encoder = ears = ears_of(services)
            wanted = _wanted_sound(services, ears, request, cancel)
        else:
            encoder = eyes = services.model.get(cancel or threading.Event()).encoder
            wanted = _wanted(services, eyes, request, cancel)
        found = search(self._cache_for(encoder.info.key, sound=request.sound), encoder, wanted)
        self._used_s = time.monotonic()
        return {
            "scenes": [hit.to_json() for hit in found.hits],
            "weaker": found.weaker,
            "min_score": round(found.min_score, 4),
            "videos": found.videos,
            "hours": round(found.hours, 4),
            "coarse": found.coarse,
            "model": encoder.info.name,
            "unknown": list(found.unknown),
            "gone": [os.fspath(path) for path in found.gone],
            "unseen_shots": found.unseen_shots,
            "unmeasured": found.unmeasured,
        }

    def models(self) -> list[str]:
        """Return the keys of the models that were asked lately."""
        with self._lock:
            return [cache.model for cache in self._caches.values()]

    def rest(self) -> float | None:
        """Give memory back that nobody has used for long; return when to ask again, seconds, None for not at all."""
        with self._lock:
            if not self._caches:
                return None
            left_s = self._used_s + IDLE_S - time.monotonic()
            if left_s <= 0:
                self._drop_all()
                return None
            return left_s

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            self._drop_all()

    def _drop_all(self) -> None:
        for cache in self._caches.values():
            cache.close()
        self._caches.clear()

    def _cache_for(self, key: str, *, sound: bool) -> VectorCache:
        with self._lock:
            self._used_s = time.monotonic()
            cache = self._caches.get(sound)
            if cache is None or cache.model != key:
                if cache is not None:
                    cache.close()
                cache = self._caches[sound] = VectorCache(self._index, key)
            return cache


def ears_of(services: Services) -> SoundEncoder:
    """Return the sound model. Raises UsageError where none is configured, ModelError."""
    if services.sound is None:
        raise UsageError(
            "Nothing can be heard: the config names no sound model.",
            remedy="Add a line `sound_model: laion/clap-htsat-unfused` to it (extra: audio), then run `vsortd index`.",
        )
    return services.sound.get()


def _wanted_sound(
    services: Services, ears: SoundEncoder, request: Request, cancel: threading.Event | None
) -> SearchTarget:
    _insist_on_count(request.top)
    if request.like:
        raise UsageError("--like compares pictures, and --sound listens.", remedy="Leave out one of them.")
    place = None
    if request.under is not None:
        place = _under_sound(services, ears, Path(request.under), cancel)
    own = tuple(dict.fromkeys(prompt for rule in services.tree.walk() for prompt in rule.sound))
    return replace(_target(services, request, place), own=own)


def _target(services: Services, request: Request, place: Path | None) -> SearchTarget:
    """Return what is asked for whichever model answers, in one place or in all that are asked when none is named."""
    library = services.settings.library
    return SearchTarget(
        prompts=request.prompts,
        against=request.against,
        any_of=request.any_of,
        window_s=request.window_s,
        top=request.top,
        min_score=request.min_score,
        under=asked_places(library, services.index) if place is None else named_places(library, [place]),
        since_s=request.since_s,
        orientation=tuple(_orientation(name) for name in request.orientation),
        among=None if request.tag is None else tagged(services.journal.db, request.tag),
    )


def _under_sound(services: Services, ears: SoundEncoder, path: Path, cancel: threading.Event | None) -> Path:
    """Return a folder, or one file that is listened to first."""
    if os.path.isfile(path):  # noqa: PTH113
        try:
            path = own_name(path)
            hear_all(services.media, services.index, ears, path, cancel=cancel)
        except VideoError as error:
            raise UsageError(f"{path} can't be listened to: {error.reason}.", paths=[path]) from error
        return path
    return _folder(services, ears.info.key, path)


def _insist_on_count(top: int) -> None:
    if not 1 <= top <= TOP_MOST:
        raise UsageError(
            f"--limit {top} is too {'few' if top < 1 else 'many'}.", remedy=f"Write a number from 1 to {TOP_MOST}."
        )


def _wanted(services: Services, encoder: Encoder, request: Request, cancel: threading.Event | None) -> SearchTarget:
    _insist_on_count(request.top)
    place = None if request.under is None else _under(services, encoder, Path(request.under), cancel)
    parts = [_examples(services, encoder, word, cancel) for word in request.like]
    return replace(
        _target(services, request, place),
        examples=np.concatenate([rows for rows, _ in parts]) if parts else None,
        own=tuple(own_prompts(services.tree, encoder.unknown_words)),
        shots=partial(kept_shots, services.index) if request.per_shot else None,
        leave_out=tuple(path for _, path in parts if path != place),
    )


def _under(services: Services, encoder: Encoder, path: Path, cancel: threading.Event | None) -> Path:
    """Return a folder, or one file that is looked at first, by the name under which the index has it."""
    if os.path.isfile(path):  # noqa: PTH113 - not for us to see is not there
        try:
            path = own_name(path)
            film = dense_film(services, encoder, path, cancel=cancel)
            is_other = os.path.realpath(path) != os.path.realpath(film.path)  # a hard link; else one more way to it
            return path if is_other and services.index.rows(encoder.info.key, under=Extent.of(path)) else film.path
        except VideoError as error:
            raise UsageError(f"{path} can't be looked at: {error.reason}.", paths=[path]) from error
    return _folder(services, encoder.info.key, path)


def _folder(services: Services, key: str, path: Path) -> Path:
    if not os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"{path} is not there.", remedy="--in takes a folder, or a video.", paths=[path])
    known = bool(services.index.rows(key, under=Extent.of(path)))
    return path if known else Path(os.path.realpath(path))  # it may have been indexed by its real name


def _orientation(name: str) -> Orientation:
    try:
        return Orientation(name)
    except ValueError as error:
        raise UsageError(
            f"--orientation {name!r} is not known.", remedy=f"It is one of {', '.join(Orientation)}."
        ) from error


def _examples(services: Services, encoder: Encoder, word: str, cancel: threading.Event | None) -> tuple[Rows, Path]:
    """Return what an example shows as unit rows, and its file."""
    path, moment_s = _file_and_time(word)
    try:
        if path.suffix.lower() in PICTURES:
            pixels = services.media.picture(path, encoder.info.preprocess, cancel=cancel)
            return encoder.encode_images(pixels[None]), path
        if moment_s is None:
            return dense_film(services, encoder, path, cancel=cancel).vectors.astype(np.float32), path
        clip = services.media.probe(path, cancel=cancel)
        if moment_s > clip.duration_s:
            raise UsageError(
                f"{path} is {clip.duration_s:.1f} s long; there is nothing at {moment_s:g} s.", paths=[path]
            )
        rows = frames_at(services, encoder, path, clip, [round(moment_s * 1000)], cancel=cancel).vectors
    except VideoError as error:
        raise UsageError(f"--like {path}: {error.reason}.", paths=[path]) from error
    if not len(rows):
        raise UsageError(f"--like {word}: no frame could be decoded there.", paths=[path])
    return rows, path


def _file_and_time(word: str) -> tuple[Path, float | None]:
    """Take FILE or FILE@time apart; a file whose name holds an @ is found as it is."""
    whole = Path(word)
    if os.path.isfile(whole):  # noqa: PTH113
        return own_name(whole), None
    name, at, moment = word.rpartition("@")
    path = own_name(Path(name))
    if not at or not os.path.isfile(path):  # noqa: PTH113
        raise UsageError(f"--like {word} is not there.", remedy="Write FILE, or FILE@1:23 for a moment.", paths=[whole])
    try:
        return path, parse_clock(moment)
    except ValueError as error:
        raise UsageError(f"--like …@{moment}: {error}.", remedy="Write 12.5, 90s or 1:23.") from error
