"""Pictures and playable copies of videos for people: made when asked for, kept by what the video is.

The work is done by one decoding process, and one ffmpeg, of their own, which take only what others leave of the
processors: filing never waits for them. All calls block, and may come from many threads; what is asked for several
times at once is made once.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vsortd.core.paths import previews_path
from vsortd.errors import BrokenError, Cancelled, ChangedError
from vsortd.media.playable_copy import make_playable
from vsortd.media.pool import MediaPool
from vsortd.media.preview_cache import PreviewCache
from vsortd.media.remembered_failures import RememberedFailures
from vsortd.media.single_flight import SingleFlight
from vsortd.media.sprites import SpriteTimes, jpeg, sprite_sheet
from vsortd.media.thumbnails import keyframe_pictures, stills_at, timed_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.running_options import Workers
    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Clip
    from vsortd.media.thumbnails import Pixels

LIMIT_BYTES: Final = 10**9
"""How large all that is kept may be together."""
THUMB_PX: Final = 320
"""The longer side of a thumbnail."""
SPRITE_FRAMES: Final = 25
"""At most so many tiles has a sprite; a short video has fewer."""
SPRITE_PX: Final = 160
"""The longer side of a sprite's tile."""
STILL_HEIGHTS_PX: Final = (180, 360, 720, 1280)
"""How high stills are; a wish in between takes the next one."""
_STILL_PX: Final = 1280  # the longer side of the largest one

# Against the filing's 5 it gets a twelfth of a processor that both want.
_NICENESS: Final = 16
# A process that gets only what others leave needs longer for the same work.
_PATIENCE: Final = 2
_COPIES_SHARE: Final = 0.5  # of the limit
_VERSION: Final = 1  # another one is made in another way: what is kept of the one before isn't found any more
# The middle one of three: a keyframe up to a sixth of the film away is taken, before others would have to be decoded.
# Of a single frame there is only the first.
_MIDDLE, _FIRST, _THUMB_OF = range(1, 2), range(1), 3
_KNOWN_FACTS: Final = 512
# A sprite of so many keyframes is fine; with fewer the film is decoded, if it has no more pixels than these: 900 frames
# of 1080p, which take two seconds and a half.
_ENOUGH_FRAMES: Final = 9
_SPRITE_PIXELS: Final = 900 * 1920 * 1080


class Previews:
    """What is shown of videos. `limit_bytes` is shared by pictures and copies.

    A video is named by its path and its identity as it is now; another file under the name is a ChangedError.
    """

    def __init__(self, workers: Workers, state_folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._workers = workers.model_copy(update={"time_limit_s": workers.time_limit_s * _PATIENCE, "decoder": "cpu"})
        copies_bytes = int(limit_bytes * _COPIES_SHARE)
        folder = previews_path(state_folder)
        self._pictures = PreviewCache(folder / "pictures", limit_bytes - copies_bytes)
        self._copies = PreviewCache(folder / "copies", copies_bytes)
        self._flights = SingleFlight()
        self._failures = RememberedFailures()
        self._lock = threading.Lock()
        self._media: MediaPool | None = None
        self._users = 0
        self._closed = False
        self._stops: set[threading.Event] = set()  # what ends the copies under way
        self._facts: OrderedDict[str, Clip] = OrderedDict()

    def facts(self, path: Path, identity: Identity, *, cancel: threading.Event | None = None) -> Clip:
        """Return a video's facts, the last ones remembered. Raises VideoError, Cancelled."""
        key = _key(identity, "facts")
        with self._flights.alone(key, cancel=cancel), self._failures.of(key), _unchanged(path, identity):
            known = self._known_facts(identity)
            if known is None:
                with self._at_work() as media:
                    known = media.probe(path, cancel=cancel)
                self._note_facts(identity, known)
            return known

    def thumb(self, path: Path, identity: Identity, *, cancel: threading.Event | None = None) -> Path:
        """Return a JPEG of a frame from about the middle, its longer side `THUMB_PX`.

        Raises VideoError where none can be made, StoreError, Cancelled.
        """

        def make() -> bytes:
            for ranks in (_MIDDLE, _FIRST):
                _, pictures = self._timed(path, identity, ranks, _THUMB_OF, THUMB_PX, cancel)
                if pictures:
                    return jpeg(pictures[0])
            raise _undecodable()

        return self._picture(path, identity, _key(identity, "thumb", THUMB_PX), make, cancel)

    def kept_thumb(self, identity: Identity) -> Path | None:
        """Return what `thumb` does if it is there already."""
        return self._pictures.find(_key(identity, "thumb", THUMB_PX))

    def sprite(
        self, path: Path, identity: Identity, *, cancel: threading.Event | None = None
    ) -> tuple[Path, SpriteTimes]:
        """Return a JPEG of small frames from all over the video, and what it shows. Raises like `thumb`."""
        key = _key(identity, "sprite", SPRITE_FRAMES, SPRITE_PX)
        times_key = f"{key}-times"
        with self._flights.alone(key, cancel=cancel), self._failures.of(key), _unchanged(path, identity):
            kept, times = self._pictures.find(key), self._times(times_key)
            if kept is not None and times is not None:
                return kept, times
            clip = self.facts(path, identity, cancel=cancel)
            times_ms, pictures = self._spread(path, identity, clip, cancel)
            if not pictures:
                raise _undecodable()
            sheet, times = sprite_sheet(pictures, times_ms, clip.duration_s)
            _require(path, identity)
            self._pictures.put(times_key, "json", json.dumps(times.to_json()).encode())
            return self._pictures.put(key, "jpg", jpeg(sheet)), times

    def still(
        self, path: Path, identity: Identity, time_s: float, height_px: int, *, cancel: threading.Event | None = None
    ) -> Path:
        """Return a JPEG of the first frame that is not before a moment (s from the start), of the last one at the end.

        It is one of `STILL_HEIGHTS_PX` high, no larger than the video, and its longer side at most 1280. Raises like
        `thumb`, ValueError for a time that is no number.
        """
        if not math.isfinite(time_s):
            raise ValueError(f"a moment in seconds is wanted, not {time_s}")
        time_ms = round(min(max(time_s, 0.0), 1e7) * 1000)
        height_px = next((one for one in STILL_HEIGHTS_PX if one >= height_px), STILL_HEIGHTS_PX[-1])

        def make() -> bytes:
            clip = self.facts(path, identity, cancel=cancel)
            side_px = _side_px(clip, height_px)
            with self._at_work() as media:
                (picture,) = stills_at(
                    media, path, [time_ms / 1000], side_px=side_px, duration_s=clip.duration_s, cancel=cancel
                )
            return jpeg(picture)

        return self._picture(path, identity, _key(identity, "still", time_ms, height_px), make, cancel)

    def kept_copy(self, identity: Identity) -> Path | None:
        """Return the playable copy of a video if there is one already."""
        return self._copies.find(_key(identity, "copy"))

    def playable(
        self,
        path: Path,
        identity: Identity,
        *,
        on_progress: Callable[[float], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Path:
        """Return an MP4 of at most 720p that browsers play, see `plays_in_browser`; one at a time is made.

        `on_progress` hears the part that is done, 0 to 1, also of somebody else's asking. Raises VideoError,
        StoreError, ToolError without a fitting ffmpeg, FilingError without room, Cancelled.
        """
        key = _key(identity, "copy")
        with (
            self._flights.alone(key, cancel=cancel, waiting=on_progress) as flight,
            self._failures.of(key),
            _unchanged(path, identity),
        ):
            if (kept := self._copies.find(key)) is not None:
                return kept

            def note(part: float) -> None:
                flight.done = part
                if on_progress is not None:
                    on_progress(part)

            clip = self.facts(path, identity, cancel=cancel)
            with (
                self._stoppable(cancel) as stop,
                self._flights.alone("copies", cancel=stop),
                self._at_work() as media,
                self._copies.new_file(key, "mp4") as target,
            ):
                make_playable(
                    path,
                    target,
                    clip,
                    media,
                    most_bytes=self._copies.limit_bytes,
                    free_bytes=self._copies.free_bytes(),
                    niceness=_NICENESS,
                    cancel=stop,
                    on_progress=note,
                )
                _require(path, identity)
            kept = self._copies.find(key)
        if kept is None:
            raise BrokenError("its playable copy was removed at once")
        return kept

    def rest(self) -> None:
        """Let the decoding process go if nothing is under way; the next call starts another (0.3 s)."""
        with self._lock:
            resting = None if self._users else self._media
            if resting is not None:
                self._media = None
        if resting is not None:
            resting.close()

    def close(self) -> None:
        """End all that is under way, with Cancelled (a copy's own `cancel` is set); nothing more is made."""
        with self._lock:
            self._closed = True
            media, self._media = self._media, None
            for stop in self._stops:
                stop.set()
        if media is not None:
            media.close()

    def _picture(
        self,
        path: Path,
        identity: Identity,
        key: str,
        make: Callable[[], bytes],
        cancel: threading.Event | None,
    ) -> Path:
        """Return the picture of a key, made unless it is here."""
        with self._flights.alone(key, cancel=cancel), self._failures.of(key), _unchanged(path, identity):
            kept = self._pictures.find(key)
            if kept is not None:
                return kept
            data = make()
            _require(path, identity)
            return self._pictures.put(key, "jpg", data)

    def _spread(
        self, path: Path, identity: Identity, clip: Clip, cancel: threading.Event | None
    ) -> tuple[list[int], list[Pixels]]:
        """Return frames from all over a video with their times (ms): keyframes if there are enough, or others cost."""
        with self._at_work() as media:
            found = keyframe_pictures(media, path, clip, SPRITE_FRAMES, side_px=SPRITE_PX, cancel=cancel)
        cost = clip.frames * clip.width_px * clip.height_px
        if len(found[0]) >= _ENOUGH_FRAMES or (cost > _SPRITE_PIXELS and found[0]):
            return found
        return self._timed(path, identity, range(SPRITE_FRAMES), SPRITE_FRAMES, SPRITE_PX, cancel)

    def _timed(  # noqa: PLR0917 - passed on
        self,
        path: Path,
        identity: Identity,
        ranks: range,
        total: int,
        side_px: int,
        cancel: threading.Event | None,
    ) -> tuple[list[int], list[Pixels]]:
        """Return frames with their times (ms), see `timed_pictures`; the facts that come along are remembered."""
        known = self._known_facts(identity)
        with self._at_work() as media:
            clip, times_ms, pictures = timed_pictures(media, path, known, ranks, total, side_px=side_px, cancel=cancel)
        self._note_facts(identity, clip)
        return times_ms, pictures

    def _times(self, key: str) -> SpriteTimes | None:
        found = self._pictures.find(key)
        try:
            return None if found is None else SpriteTimes.from_bytes(found.read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def _at_work(self) -> Iterator[MediaPool]:
        with self._lock:
            if self._closed:
                raise Cancelled
            if self._media is None:
                self._media = MediaPool.of(self._workers, count=1, niceness=_NICENESS)
            media = self._media
            self._users += 1
        try:
            yield media
        finally:
            with self._lock:
                self._users -= 1

    @contextmanager
    def _stoppable(self, cancel: threading.Event | None) -> Iterator[threading.Event]:
        """Yield what `close` sets, too: `cancel`, or an event of our own."""
        stop = threading.Event() if cancel is None else cancel
        with self._lock:
            if self._closed:
                raise Cancelled
            self._stops.add(stop)
        try:
            yield stop
        finally:
            with self._lock:
                self._stops.discard(stop)

    def _known_facts(self, identity: Identity) -> Clip | None:
        with self._lock:
            return self._facts.get(_key(identity, "facts"))

    def _note_facts(self, identity: Identity, clip: Clip) -> None:
        key = _key(identity, "facts")
        with self._lock:
            self._facts[key] = clip
            self._facts.move_to_end(key)
            while len(self._facts) > _KNOWN_FACTS:
                self._facts.popitem(last=False)


def _undecodable() -> BrokenError:
    return BrokenError("not one of its frames can be decoded")


def _key(identity: Identity, kind: str, *details: int) -> str:
    """Return what names a thing made of a video, which goes with it where it moves."""
    told = ":".join(map(str, (_VERSION, identity.fingerprint, *details)))
    return f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:40]}"


def _side_px(clip: Clip, height_px: int) -> int:
    """Return the longer side of a still of a height, no larger than the video's own."""
    longer = max(clip.shown_width_px, clip.shown_height_px)
    return max(1, min(_STILL_PX, longer, round(height_px * longer / clip.shown_height_px)))


@contextmanager
def _unchanged(path: Path, identity: Identity) -> Iterator[None]:
    _require(path, identity)
    yield


def _require(path: Path, identity: Identity) -> None:
    if not identity.lies_at(path):
        raise ChangedError("the file is gone, or another one lies there now")
