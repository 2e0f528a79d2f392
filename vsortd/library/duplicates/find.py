"""Near duplicates: the same scene re-encoded, cut or resized, among the videos of the index. Reads, never moves.

From cheap to dear: the same bytes by size and hash; likely pairs by a few vectors a video (`likeness`); where they
may lie over each other in time (`alignment`); and the pictures themselves (`comparing`), which alone decide.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.identity import Identity
from vsortd.core.paths import as_on_disk
from vsortd.filing.holds import Why
from vsortd.library.duplicates.alignment import shifts
from vsortd.library.duplicates.groups import DuplicateGroup, GroupMember, Pair, Unions, groups_of
from vsortd.library.duplicates.likeness import (
    SAME_DURATION_S,
    Sketch,
    by_duration,
    candidates,
    plain_vectors,
    sketch_of,
    telling,
)
from vsortd.library.duplicates.pair_check import ComparedVideo, Comparer, PairLikeness, PairRelation, gap_of
from vsortd.library.indexing.embed import IndexingState, dense_film, index_paths
from vsortd.library.indexing.given_folders import asked_places, named_places
from vsortd.pipeline.mishaps import Mishaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import numpy.typing as npt

    from vsortd.core.video_facts import Clip
    from vsortd.index.extent import Extent
    from vsortd.index.video import IndexedVideo
    from vsortd.library.duplicates.alignment import Shift
    from vsortd.pipeline.services import Services
    from vsortd.vision.encoder import Encoder

    Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]

DEFAULT_MIN_SCORE: Final = 0.5
FPS: Final = 1.0  # frames a second that a video needs in the index before its pictures are compared
# Of 47 files of 20 real clips every true pair had rows with a cosine ≥ 0.93, and lay over each other with ≥ 0.77.
_LEAST_COSINE: Final = 0.8
_LEAST_ALIGNED: Final = 0.65
_LEAST_OF_A_LENGTH: Final = 0.35  # the same, of videos of the same duration: bars or letters may be all the difference
_MOST_EACH: Final = 16  # nearest rows of a row; copies beyond that are found through one another
_MOST_OF_A_LENGTH: Final = 4  # videos of the same duration that a video is compared with besides
_MOST_IN_VAIN: Final = 6  # comparisons of a video's pictures that come to nothing, before it is left to the others
_KEPT_FILMS: Final = 256
_SPARSE_S: Final = 2.0  # frames farther apart than this don't tell where one video lies in another

COLUMNS: Final = (
    *("group", "kind", "score", "begins_s", "of"),
    *("path", "duration_s", "width_px", "height_px", "size_bytes"),
)


@dataclass(slots=True)
class DuplicateReport:
    """What came of it: the groups, the largest saving first; what was left out, and how much was looked at."""

    groups: list[DuplicateGroup] = field(default_factory=list)
    videos: int = 0
    likely: int = 0  # pairs that the model takes for alike
    compared: int = 0  # of them, by their pictures
    gone: int = 0  # rows of the index whose file is gone or another one now
    failed: list[tuple[Path, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as `duplicates --json` prints it."""
        return {
            "videos": self.videos,
            "likely_pairs": self.likely,
            "compared_pairs": self.compared,
            "gone": self.gone,
            "failed": [{"path": str(path), "reason": reason} for path, reason in self.failed],
            "groups": [group.to_json() for group in self.groups],
        }

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield a line of a table for each video of a group, see `COLUMNS`; the one to keep comes first."""
        for number, group in enumerate(self.groups, 1):
            yield number, "keep", 1.0, 0.0, "", *group.keep.to_json().values()
            for duplicate in group.duplicates:
                yield (
                    number,
                    duplicate.kind.value,
                    duplicate.score,
                    duplicate.begins_s,
                    duplicate.of.path,
                    *duplicate.member.to_json().values(),
                )


def find_duplicates(
    services: Services,
    paths: Sequence[Path] = (),
    *,
    min_score: float = DEFAULT_MIN_SCORE,
    bar: Bar = lambda _: nullcontext(),
    cancel: threading.Event | None = None,
) -> DuplicateReport:
    """Find near duplicates among the videos under `paths`; without any, of the library and what `index` was given.

    What lies under `paths` and is not in the index yet is indexed first. Pairs below `min_score` (0 to 1) are left
    out. `bar` shows how far something with a name has come. Raises UsageError for a path that is not there, ModelError,
    StoreError, Cancelled.
    """
    stop = cancel or threading.Event()
    encoder = services.model.get(stop).encoder
    found = DuplicateReport()
    if paths:
        with bar("looking") as on_progress:
            outcomes = index_paths(services, paths, fps=FPS, on_progress=on_progress, cancel=stop)
        found.failed += [(one.path, one.reason) for one in outcomes if one.state is IndexingState.FAILED]
    search = _Search(services, encoder, found, stop)
    search.gather(paths, bar)
    search.find_copies(bar)
    search.compare_likely(bar)
    pairs = [pair for pair in search.pairs if pair.likeness.score >= min_score]
    found.groups = groups_of(search.members, pairs, search.compare)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class IndexedFrames:
    """A video's frames in the index, and which of them show anything (bool [n])."""

    film: IndexedVideo
    shows: npt.NDArray[np.bool_]


class _Search:
    """One search: the members by number, and the pairs found so far."""

    def __init__(self, services: Services, encoder: Encoder, found: DuplicateReport, cancel: threading.Event) -> None:
        self.members: list[GroupMember] = []
        self.pairs: list[Pair] = []
        self._services, self._encoder, self._found, self._cancel = services, encoder, found, cancel
        self._sketches: list[Sketch] = []
        self._plain = plain_vectors(encoder)
        self._comparer = Comparer(services.media, cancel=cancel)
        self._films: OrderedDict[int, IndexedFrames] = OrderedDict()
        self._clips: dict[int, Clip] = {}
        self._broken: set[int] = set()
        self._mishaps = Mishaps()
        self._lock = threading.RLock()  # of all that the workers share: films, clips, what failed
        self._one: Unions = Unions()  # videos that are the same from beginning to end

    def gather(self, paths: Sequence[Path], bar: Bar) -> None:
        """Sketch every video of the index that is still there; its frames are let go again."""
        seen: set[Path] = set()
        key = self._encoder.info.key
        named = [as_on_disk(Path(os.path.abspath(path))) for path in paths]  # noqa: PTH100 - as indexed
        within = named_places(self._services.settings.library, named)
        if not paths:
            within = asked_places(self._services.settings.library, self._services.index)
        with bar("sketching") as on_progress:
            total = len(self._services.index.rows(key, under=within))
            for film in self._services.index.films(key, under=within):
                if film.path in seen:
                    continue
                try:
                    if not self._stayed(film, within):
                        self._sketch(film)
                except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
                    self._found.failed.append((film.path, self._mishaps.reason_of(error, film.path)))
                seen.add(film.path)
                if on_progress is not None:
                    on_progress(len(self.members), total)
        self._found.videos = len(self.members)

    def _stayed(self, film: IndexedVideo, within: Extent) -> bool:
        """Tell whether a video was copied or linked into the library on purpose, and that one is asked about, too."""
        known = self._services.filer.known(film.path, film.identity)
        item = self._services.journal.item(known.item) if known is not None and known.why is Why.DONE else None
        return item is not None and item.destination is not None and within.holds(item.destination)

    def _sketch(self, film: IndexedVideo) -> None:
        if not film.identity.same_content(Identity.of(film.path)):
            self._found.gone += 1
            return
        facts = (film.duration_s, film.width_px, film.height_px, film.identity.size_bytes)
        sketch = sketch_of(film, self._plain)
        self.members.append(GroupMember(len(self.members), film.path, film.identity, *facts))
        self._sketches.append(sketch)

    def find_copies(self, bar: Bar) -> None:
        """Find files of the same bytes: only such of one size are read. Copies are not looked at any further."""
        sizes: defaultdict[int, list[GroupMember]] = defaultdict(list)
        for member in self.members:
            sizes[member.size_bytes].append(member)
        alike = [member for same in sizes.values() if len(same) > 1 for member in same]
        hashes: defaultdict[str, list[GroupMember]] = defaultdict(list)
        with bar("hashing") as on_progress:
            for done, member in enumerate(alike):
                try:
                    hashes[_sha256(member.path, self._cancel)].append(member)
                except OSError as error:
                    self._fail(member, f"it can't be read: {error.strerror}")
                if on_progress is not None:
                    on_progress(done + 1, len(alike))
        for same in hashes.values():
            for first, second in pairwise(same):
                self.pairs.append(Pair(first.number, second.number, PairLikeness(PairRelation.COPY, 1.0, 0.0)))
                self._one.join(first.number, second.number)
                self._sketches[second.number] = Sketch(self._sketches[second.number].rows[:0])

    def compare_likely(self, bar: Bar) -> None:
        """Compare the pictures of all likely pairs, the likeliest first."""
        with bar("comparing") as on_progress:
            likely = candidates(
                self._sketches, least_cosine=_LEAST_COSINE, most_each=_MOST_EACH, on_progress=on_progress
            )
        known = {(one.first, one.second) for one in likely}
        durations = [member.duration_s for member in self.members]
        by_length = by_duration(self._sketches, durations, most_each=_MOST_OF_A_LENGTH)
        likely += [one for one in by_length if (one.first, one.second) not in known]
        self._sketches.clear()
        with bar("aligning") as on_progress:
            aligned: list[tuple[float, int, int, list[Shift]]] = []
            # one video after another, so that its frames are read once
            for done, one in enumerate(sorted(likely, key=lambda one: (one.first, one.second))):
                guesses = self._guesses(one.first, one.second)
                if guesses:
                    aligned.append((guesses[0].cosine, one.first, one.second, guesses))
                if on_progress is not None:
                    on_progress(done + 1, len(likely))
        aligned.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
        self._found.likely = len(aligned)
        with bar("looking closer") as on_progress:
            self._look_closer(aligned, on_progress)

    def _look_closer(
        self, aligned: Sequence[tuple[float, int, int, list[Shift]]], on_progress: Callable[[int, int], None] | None
    ) -> None:
        """Compare pairs, as many at once as decoders; what one lot finds out spares others."""
        in_vain: Counter[int] = Counter()
        workers = self._services.settings.workers.decode_count()
        waiting = deque(aligned)
        with ThreadPoolExecutor(workers, thread_name_prefix="duplicates") as pool:
            while waiting:
                lot: list[tuple[int, int, list[Shift]]] = []
                while waiting and len(lot) < workers:
                    _, first, second, guesses = waiting.popleft()
                    known = self._one.of(first) == self._one.of(second)
                    if not known and min(in_vain[first], in_vain[second]) < _MOST_IN_VAIN:
                        lot.append((first, second, guesses))
                for (first, second, _), pair in zip(lot, pool.map(lambda one: self._compared(*one), lot), strict=True):
                    self._note(first, second, pair, in_vain)
                if on_progress is not None:
                    on_progress(len(aligned) - len(waiting), len(aligned))

    def _note(self, first: int, second: int, pair: Pair | None, in_vain: Counter[int]) -> None:
        if pair is None:
            in_vain.update((first, second))
            return
        self.pairs.append(pair)
        if pair.likeness.kind is PairRelation.SAME:
            self._one.join(first, second)

    def compare(self, first: int, second: int) -> Pair | None:
        """Compare two videos that nobody took for a likely pair: both are like a third."""
        guesses = self._guesses(first, second)
        return self._compared(first, second, guesses) if guesses else None

    def _compared(self, first: int, second: int, guesses: Sequence[Shift]) -> Pair | None:
        longer, shorter = self._ordered(first, second)
        subjects = self._subject(longer), self._subject(shorter)
        if subjects[0] is None or subjects[1] is None:
            return None
        with self._lock:
            self._found.compared += 1
        try:
            likeness = self._comparer.compare(subjects[0], subjects[1], guesses)
        except Exception as error:  # noqa: BLE001 - of one of the two
            one, other = self.members[shorter], self.members[longer]
            reason = self._mishaps.reason_of(error, one.path)
            self._fail(one, f"it can't be compared with {other.path.name}: {reason}")
            return None
        self._mishaps.went_well()
        return Pair(longer, shorter, likeness) if likeness is not None else None

    def _guesses(self, first: int, second: int) -> list[Shift]:
        longer, shorter = (self._seen(number) for number in self._ordered(first, second))
        if longer is None or shorter is None:
            return []
        of_a_length = longer.film.duration_s - shorter.film.duration_s <= SAME_DURATION_S
        least = _LEAST_OF_A_LENGTH if of_a_length else _LEAST_ALIGNED
        return shifts(longer.film, longer.shows, shorter.film, shorter.shows, least_cosine=least)

    def _ordered(self, first: int, second: int) -> tuple[int, int]:
        """Return two videos, the longer one first; of equal ones the first."""
        one, other = self.members[first], self.members[second]
        return (first, second) if one.duration_s >= other.duration_s else (second, first)

    def _subject(self, number: int) -> ComparedVideo | None:
        """Return a video to compare, None where it can't be looked at any more."""
        seen = self._seen(number)
        if seen is None:
            return None
        if number not in self._clips:
            try:
                self._clips[number] = self._services.media.probe(self.members[number].path, cancel=self._cancel)
            except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
                self._give_up(number, error)
                return None
        return ComparedVideo(seen.film, seen.shows, self._clips[number])

    def _seen(self, number: int) -> IndexedFrames | None:
        """Return a video's frames, close enough together; None where it can't be looked at any more."""
        with self._lock:
            if number in self._broken:
                return None
            if number in self._films:
                self._films.move_to_end(number)
                return self._films[number]
        try:
            seen = self._opened(self.members[number])
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            self._give_up(number, error)
            return None
        with self._lock:
            self._films[number] = seen
            while len(self._films) > _KEPT_FILMS:
                self._films.popitem(last=False)
        return seen

    def _opened(self, member: GroupMember) -> IndexedFrames:
        film = self._services.index.film(member.identity, self._encoder.info.key)
        if film is None or gap_of(film) > _SPARSE_S:
            film = dense_film(self._services, self._encoder, member.path, fps=FPS, cancel=self._cancel)
        return IndexedFrames(film, telling(film, self._plain))

    def _give_up(self, number: int, error: Exception) -> None:
        reason = self._mishaps.reason_of(error, self.members[number].path)
        with self._lock:
            self._broken.add(number)
        self._fail(self.members[number], reason)

    def _fail(self, member: GroupMember, reason: str) -> None:
        with self._lock:
            self._found.failed.append((member.path, reason))


def _sha256(path: Path, cancel: threading.Event) -> str:
    from vsortd.errors import Cancelled

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            if cancel.is_set():
                raise Cancelled
            digest.update(part)
    return digest.hexdigest()
