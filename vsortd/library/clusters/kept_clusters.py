"""Groups as they were found last, kept in the state folder, with what a person wants of them: names, and which.

Kept is what the map and the folders need, without frames: those are read from the index again where rules are made.
Videos that moved since are told by where the index knows them now.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.identity import Identity
from vsortd.core.system.atomic_file import write_whole
from vsortd.errors import StoreError, UsageError
from vsortd.index.video import IndexedVideo
from vsortd.library.clusters.cluster_folders import FolderSelection
from vsortd.library.clusters.grouping import Cluster, ClusterMember, Grouping, NameCandidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vsortd.index.store import Index
    from vsortd.library.clusters.cluster_folders import Parts

_VERSION: Final = 2
_LOCK: Final = threading.Lock()
_NO_TIMES: Final = np.zeros(0, np.int64)
_NO_FRAMES: Final = np.zeros((0, 0), np.float16)
_NO_CENTRE: Final = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """What is wanted of the groups: other names by number (`folder/folder` is one), and the numbers left out."""

    names: dict[int, str] = field(default_factory=dict)
    left_out: frozenset[int] = frozenset()

    def name_of(self, group: Cluster) -> str:
        """Return what a group is called."""
        return self.names.get(group.number, group.name)

    def selection(self, groups: Sequence[Cluster], into: Parts = ()) -> FolderSelection:
        """Return it as the folders are arranged by. Raises UsageError where no group is left."""
        numbers = [group.number for group in groups]
        chosen = tuple(str(number) for number in numbers if number not in self.left_out)
        if not chosen:
            raise UsageError("No group is chosen.", remedy="Choose some by the boxes before their names.")
        renamed = tuple((str(number), name) for number, name in self.names.items() if number in numbers)
        return FolderSelection(chosen, renamed, into)


@dataclass(frozen=True, slots=True)
class KeptGroups:
    """Groups, when they were found (Unix seconds), and what is wanted of them. Their films hold no frames."""

    found_s: float
    grouping: Grouping
    choice: ClusterChoice = ClusterChoice()


class KeptClusters:
    """The files of a state folder; thread-safe. One that can't be read counts as none: the groups are found again."""

    def __init__(self, state_folder: Path) -> None:
        self._groups = state_folder / "clusters.json"
        self._wanted = state_folder / "clusters-choice.json"
        self._read: tuple[int, float, Grouping] | None = None

    def keep(self, grouping: Grouping, *, found_s: float | None = None) -> None:
        """Keep groups; what was wanted of others, found at another time, means nothing any more. Raises StoreError."""
        with _LOCK:
            _write(self._groups, _grouping_form(grouping, time.time() if found_s is None else found_s))

    def groups(self, index: Index) -> KeptGroups | None:
        """Return the groups with their videos where they are now, None where none were kept. Raises StoreError."""
        with _LOCK:
            kept = self._kept()
            choice = ClusterChoice() if kept is None else self._choice(kept[0])
        return None if kept is None else KeptGroups(kept[0], _as_now(kept[1], index), choice)

    def want(self, kept: KeptGroups, choice: ClusterChoice) -> None:
        """Keep what is wanted of groups. Raises StoreError."""
        form = {"found_s": kept.found_s, "names": choice.names, "left_out": sorted(choice.left_out)}
        with _LOCK:
            _write(self._wanted, form)

    def _kept(self) -> tuple[float, Grouping] | None:
        try:
            stamp = self._groups.stat().st_mtime_ns
            if self._read is None or self._read[0] != stamp:
                form = json.loads(self._groups.read_bytes())
                self._read = stamp, form["found_s"], _grouping_of(form)
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            self._read = None
        return None if self._read is None else self._read[1:]

    def _choice(self, found_s: float) -> ClusterChoice:
        try:
            form = json.loads(self._wanted.read_bytes())
            if form["found_s"] != found_s:
                return ClusterChoice()
            return ClusterChoice({int(key): name for key, name in form["names"].items()}, frozenset(form["left_out"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ClusterChoice()


def with_frames(groups: Iterable[Cluster], index: Index, model: str) -> list[Cluster]:
    """Return groups with all frames of their videos, without those that the index has none of any more."""
    found = []
    for group in groups:
        strengths = {member.film.identity: member.strength for member in group.members}
        films = films_with_frames((member.film for member in group.members), index, model)
        members = tuple(ClusterMember(film, strengths[film.identity]) for film in films)
        if members:
            found.append(replace(group, members=members))
    return found


def films_with_frames(films: Iterable[IndexedVideo], index: Index, model: str) -> list[IndexedVideo]:
    """Return videos with all their frames, without those that the index has none of any more. Raises StoreError."""
    found = (index.film(film.identity, model) for film in films)
    return [film for film in found if film is not None]


def with_own_group(grouping: Grouping, rows: Iterable[int], name: str, index: Index) -> Grouping:
    """Return groups with one more, of the videos of these places in `films`, which leave the groups they were in.

    The others keep their numbers; one that has no video left is gone. Raises UsageError for no video, StoreError.
    """
    wanted = {grouping.films[row].id: grouping.films[row] for row in rows}
    if not wanted:
        raise UsageError("No video is chosen.", remedy="Draw around some on the map, or choose them in a group's list.")
    left = [replace(one, members=tuple(m for m in one.members if m.film.id not in wanted)) for one in grouping.groups]
    number = max((group.number for group in grouping.groups), default=0) + 1
    members = tuple(ClusterMember(film, 1.0) for film in wanted.values())
    tightness = _tightness(wanted.values(), index, grouping.model)
    own = Cluster(number, name, "", (), 0.0, members, tightness, _folders(members), _NO_CENTRE)
    groups = (*(group for group in left if group.members), own)
    place = {member.film.id: at for at, group in enumerate(groups) for member in group.members}
    labels = np.asarray([place.get(film.id, -1) for film in grouping.films], np.int64)
    noise = tuple(film for film in grouping.noise if film.id not in wanted)
    return replace(grouping, groups=groups, labels=labels, noise=noise)


def _tightness(films: Iterable[IndexedVideo], index: Index, model: str) -> float:
    """Return the mean cosine of videos to their centre, 0 where the index knows none of them any more."""
    vectors = [film.vector() for film in films_with_frames(films, index, model)]
    if not vectors:
        return 0.0
    centre = np.mean(vectors, axis=0, dtype=np.float64)
    centre /= max(float(np.linalg.norm(centre)), 1e-12)
    return float(np.mean(np.stack(vectors) @ centre))


def _as_now(grouping: Grouping, index: Index) -> Grouping:
    """Return groups with their videos by the names of now; what is gone keeps its last one."""
    rows = {row.id: row for row in index.rows(grouping.model)}
    films: dict[int, IndexedVideo] = {}
    for film in grouping.films:
        row = rows.get(film.id)  # numbers are given again, so the content has to be the same, too
        if row is not None and row.path != film.path and film.identity.same_content(row.identity):
            film = replace(film, path=row.path, identity=row.identity)  # noqa: PLW2901 - as it is now
        films[film.id] = film
    return _with_films(grouping, films)


def _with_films(grouping: Grouping, films: dict[int, IndexedVideo]) -> Grouping:
    def now(group: Cluster) -> Cluster:
        members = tuple(ClusterMember(films[one.film.id], one.strength) for one in group.members)
        return replace(group, members=members, folders=_folders(members))

    return replace(
        grouping,
        films=tuple(films[film.id] for film in grouping.films),
        noise=tuple(films[film.id] for film in grouping.noise),
        groups=tuple(map(now, grouping.groups)),
    )


def _folders(members: Iterable[ClusterMember]) -> dict[str, int]:
    folders = Counter(str(member.film.path.parent) for member in members)
    return dict(sorted(folders.items(), key=lambda item: (-item[1], item[0])))


def _write(path: Path, form: dict[str, Any]) -> None:
    try:
        write_whole(path, json.dumps(form, separators=(",", ":")))
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror or error}.", paths=[path]) from error


def _grouping_form(grouping: Grouping, found_s: float) -> dict[str, Any]:
    rows = {film.id: row for row, film in enumerate(grouping.films)}
    return {
        "version": _VERSION,
        "found_s": found_s,
        "model": grouping.model,
        "min_size": grouping.min_size,
        "neighbors": grouping.neighbors,
        "seed": grouping.seed,
        "sampled": grouping.sampled,
        "films": [_film_form(film) for film in grouping.films],
        "map": np.round(grouping.map_xy.astype(float), 4).tolist(),
        "labels": grouping.labels.tolist(),
        "groups": [_group_form(group, rows) for group in grouping.groups],
    }


def _film_form(film: IndexedVideo) -> list[Any]:
    facts = (film.duration_s, film.width_px, film.height_px, film.recorded_s)
    return [film.id, film.identity.columns(), str(film.path), *facts]


def _group_form(group: Cluster, rows: dict[int, int]) -> dict[str, Any]:
    return {
        "number": group.number,
        "name": group.name,
        "rule": group.rule,
        "prompts": group.prompts,
        "score": group.score,
        "tightness": group.tightness,
        "members": [[rows[member.film.id], member.strength] for member in group.members],
        "candidates": [[one.name, one.score, one.rule] for one in group.candidates],
    }


def _grouping_of(form: dict[str, Any]) -> Grouping:
    """Return groups of their form. Raises ValueError, KeyError, TypeError, IndexError for another."""
    if form["version"] != _VERSION:
        raise ValueError(form["version"])
    films = tuple(_film_of(film) for film in form["films"])
    labels = np.asarray(form["labels"], np.int64)
    return Grouping(
        groups=tuple(_group_of(group, films) for group in form["groups"]),
        noise=tuple(film for film, label in zip(films, labels, strict=True) if label < 0),
        model=form["model"],
        min_size=form["min_size"],
        neighbors=form["neighbors"],
        seed=form["seed"],
        sampled=form["sampled"],
        films=films,
        map_xy=np.asarray(form["map"], np.float32).reshape(len(films), 2),
        labels=labels,
    )


def _film_of(form: Sequence[Any]) -> IndexedVideo:
    number, columns, path, duration_s, width_px, height_px, recorded_s = form
    return IndexedVideo(
        id=number,
        identity=Identity.of_columns(columns),
        path=Path(path),
        duration_s=duration_s,
        width_px=width_px,
        height_px=height_px,
        recorded_s=recorded_s,
        times_ms=_NO_TIMES,
        vectors=_NO_FRAMES,
    )


def _group_of(form: dict[str, Any], films: Sequence[IndexedVideo]) -> Cluster:
    members = tuple(ClusterMember(films[row], strength) for row, strength in form["members"])
    return Cluster(
        number=form["number"],
        name=form["name"],
        rule=form["rule"],
        prompts=tuple(form["prompts"]),
        score=form["score"],
        members=members,
        tightness=form["tightness"],
        folders=_folders(members),
        centre=_NO_CENTRE,
        candidates=tuple(NameCandidate(*one) for one in form["candidates"]),
    )
