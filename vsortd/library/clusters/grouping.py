"""Groups of videos that look alike: UMAP, then HDBSCAN, over one vector a video. Nothing is embedded anew."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.library.clusters.dense_groups import gathered
from vsortd.library.clusters.film_vectors import FilmVectors
from vsortd.library.clusters.identical_vectors import few_of_each, first_equals, with_all_copies
from vsortd.library.clusters.kept_layouts import KeptLayout, layout_key
from vsortd.library.clusters.projection import all_the_same, plan_for, space_of, without_strangers
from vsortd.library.clusters.sampled_groups import joined, plan_of_sample, sample_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vsortd.index.video import IndexedVideo
    from vsortd.library.clusters.film_vectors import Vectors
    from vsortd.library.clusters.kept_layouts import KeptLayouts
    from vsortd.library.clusters.projection import GroupingPlan, Space

# More videos are not laid out together: groups are found among so many of them, by chance, and the others join:
# memory and time of a layout would be without bound.
MOST_TOGETHER: Final = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class ClusterMember:
    """A video of a group; `strength` (0 to 1) is HDBSCAN's probability that it belongs there."""

    film: IndexedVideo
    strength: float


@dataclass(frozen=True, slots=True)
class NameCandidate:
    """A name that a group could have: a word of the list or a rule's key, and how much better it fits than elsewhere.

    `rule` is the key of the user's rule that it stands for, "" for a word of the list.
    """

    name: str
    score: float
    rule: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Videos that look alike.

    `number` counts from 1, the largest group first. `name` is unique among the groups, without regard to case, and
    can be a rule's and a folder's; until `name_groups` has been there it is "Group 1" and so on. `rule` is the key of
    the user's rule that it fits, or "". `prompts` are the prompts that fit it best, the best first; `score` is the
    name's, `candidates` are all names that were thought of, the best first. `members` begin with the most typical.
    `centre` is float32 [dim] of length 1, `tightness` the mean cosine of the members to it. `folders` counts the
    members by the folder they lie in, the fullest first.
    """

    number: int
    name: str
    rule: str
    prompts: tuple[str, ...]
    score: float
    members: tuple[ClusterMember, ...]
    tightness: float
    folders: dict[str, int]
    centre: npt.NDArray[np.float32]
    candidates: tuple[NameCandidate, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """What `group_films` found among `films`.

    `groups` are the largest first; `noise` are the videos that belong to none. `map_xy` is float32 [n, 2] and `labels`
    int64 [n] (index into `groups`, -1 for noise), both in the order of `films`, which is that of their paths. Films of
    very large libraries hold fewer frames than the index has. `neighbors` is 0 where there were too few videos for
    UMAP. `seconds` says how long each step took. `sampled` is how many were grouped first, 0 for all.
    """

    groups: tuple[Cluster, ...]
    noise: tuple[IndexedVideo, ...]
    model: str
    min_size: int
    neighbors: int
    seed: int
    films: tuple[IndexedVideo, ...]
    map_xy: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    seconds: dict[str, float] = field(default_factory=dict)
    sampled: int = 0


def group_films(
    films: Iterable[IndexedVideo],
    *,
    model: str,
    min_size: int | None = None,
    neighbors: int | None = None,
    seed: int = 0,
    layouts: KeptLayouts | None = None,
    on_progress: Callable[[str], None] | None = None,
    most_together: int = MOST_TOGETHER,
) -> Grouping:
    """Group videos of one model by what they show; the order in which they come makes no difference.

    `model` is the model's key, `min_size` the fewest videos of a group, `neighbors` how many each video is compared
    with (more: fewer, broader groups); None suits their number, see `plan_for`. Below 20 videos HDBSCAN groups the
    vectors themselves, and `neighbors` does nothing. What `layouts` keep of the very same question is not worked out
    again, and what is worked out they keep. Of more than `most_together` videos so many, by chance, are grouped, and
    the others join the groups of those that are nearest to them. `on_progress` hears the name of each step as it
    begins. Raises UsageError for numbers that can't be, and where scikit-learn or, for many videos, umap-learn is
    missing.
    """
    watch = _Watch(on_progress)
    with watch("reading"):
        kept, vectors = FilmVectors(most_together).read(films)
    plan = plan_for(len(kept), min_size=min_size, neighbors=neighbors)
    if not kept:
        return Grouping((), (), model, plan.min_size, plan.neighbors, seed, (), np.zeros((0, 2), np.float32), _none(0))
    layout, sampled = _layout(vectors, plan, seed, layouts, watch, most_together)
    groups, labels = _groups(kept, vectors, layout.labels, layout.strengths)
    return Grouping(
        groups=groups,
        noise=tuple(film for film, label in zip(kept, labels, strict=True) if label < 0),
        model=model,
        min_size=plan.min_size,
        neighbors=plan.neighbors,
        seed=seed,
        films=kept,
        map_xy=layout.map_xy,
        labels=labels,
        seconds=watch.seconds,
        sampled=sampled,
    )


def _layout(  # noqa: PLR0917 - cut off for its length
    vectors: Vectors, plan: GroupingPlan, seed: int, layouts: KeptLayouts | None, watch: _Watch, most_together: int
) -> tuple[KeptLayout, int]:
    """Return which videos are together and where each stands, kept or worked out and kept, and how many were sampled.

    Copies of one video are in one group (`identical_vectors`).
    """
    count, key = len(vectors), layout_key(vectors, plan, seed, most_together)
    first = first_equals(vectors)
    rows = few_of_each(first, max(plan.min_size, plan.neighbors) if plan.neighbors else count)
    sampled = most_together if len(rows) > most_together else 0
    layout = None if layouts is None else layouts.recall(key, count)
    if layout is None:
        few = vectors if len(rows) == count else vectors[rows]
        found = _sampled(few, plan, seed, sampled, watch) if sampled else _laid_out(few, plan, seed, watch)[0]
        layout = with_all_copies(found, rows, first, plan.min_size)
        if layouts is not None:
            layouts.keep(key, layout)
    return layout, sampled


def _sampled(vectors: Vectors, plan: GroupingPlan, seed: int, most: int, watch: _Watch) -> KeptLayout:
    """Lay out so many of the vectors, and have the others join them."""
    rows = sample_of(len(vectors), most, seed)
    sample, space = _laid_out(vectors[rows], plan_of_sample(plan, len(vectors), most), seed, watch)
    with watch("joining the others"):
        return joined(vectors, rows, sample, space, plan.min_size)


def _laid_out(kept: Vectors, plan: GroupingPlan, seed: int, watch: _Watch) -> tuple[KeptLayout, Space]:
    """Lay out vectors, and find which are together."""
    vectors = kept.astype(np.float32, copy=False)
    with watch("finding neighbours"):
        space = space_of(vectors, plan, seed)
    with watch("laying out"):
        points = vectors if all_the_same(vectors) else space.laid_out()
    with watch("grouping"):
        labels, strengths = _labels(vectors, points, plan)
    with watch("drawing the map"):
        return KeptLayout(labels, strengths, space.map()), space


def _labels(
    vectors: npt.NDArray[np.float32], points: npt.NDArray[np.float32], plan: GroupingPlan
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return label and strength of each video; copies of one video are one group."""
    count = len(vectors)
    if all_the_same(vectors) and count >= plan.min_size:
        return np.zeros(count, np.int64), np.ones(count)
    labels, strengths = gathered(points, plan.min_size)
    if plan.neighbors:  # without UMAP HDBSCAN has seen the vectors themselves
        labels = without_strangers(vectors, labels, plan.min_size)
    return labels, strengths


def _groups(
    films: tuple[IndexedVideo, ...],
    vectors: Vectors,
    labels: npt.NDArray[np.int64],
    strengths: npt.NDArray[np.float64],
) -> tuple[tuple[Cluster, ...], npt.NDArray[np.int64]]:
    """Return the groups, the largest first (of equal ones that with the first video), and labels in their order."""
    counts = np.bincount(labels[labels >= 0])
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(len(counts))]
    order = sorted(range(len(counts)), key=lambda label: (-int(counts[label]), first[label]))
    groups, renumbered = [], _none(len(labels))
    for place, label in enumerate(order):
        rows = np.flatnonzero(labels == label)
        renumbered[rows] = place
        groups.append(_group(place + 1, films, vectors, rows, strengths))
    return tuple(groups), renumbered


def _group(
    number: int,
    films: tuple[IndexedVideo, ...],
    vectors: Vectors,
    rows: npt.NDArray[np.int64],
    strengths: npt.NDArray[np.float64],
) -> Cluster:
    own = vectors[rows].astype(np.float32)
    centre = own.mean(axis=0, dtype=np.float64)
    centre /= max(float(np.linalg.norm(centre)), 1e-12)
    cosines = own @ centre
    # rounded, so that copies stand in the order of their paths whatever the last bit says
    typical = rows[np.argsort(-np.round(cosines, 6), kind="stable")]
    folders = Counter(str(films[row].path.parent) for row in rows)
    return Cluster(
        number=number,
        name=f"Group {number}",
        rule="",
        prompts=(),
        score=0.0,
        members=tuple(ClusterMember(films[row], float(strengths[row])) for row in typical),
        tightness=float(cosines.mean()),
        folders=dict(sorted(folders.items(), key=lambda item: (-item[1], item[0]))),
        centre=centre.astype(np.float32),
    )


def _none(count: int) -> npt.NDArray[np.int64]:
    return np.full(count, -1, np.int64)


class _Watch:
    """Says which step begins, and notes how long each took."""

    def __init__(self, on_progress: Callable[[str], None] | None) -> None:
        self._say = on_progress
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time a step."""
        if self._say is not None:
            self._say(step)
        begin = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - begin
