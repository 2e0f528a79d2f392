"""What a plan looks like: outcomes by folder and by the reason why some stay, and the report as one HTML page.

The page needs no network and no script: its pictures are `data:` addresses, its style is in it, a content policy
forbids all else, and every name is escaped, since names are a stranger's bytes.
"""

from __future__ import annotations

import base64
import io
import re
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.choices import placed_words
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.text import printable
from vsortd.errors import VideoError
from vsortd.judging.decide import NONE
from vsortd.media.thumbnails import middle_picture
from vsortd.pipeline.explanation import explained_levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vsortd.pipeline.batch import SortOutcome
    from vsortd.pipeline.explanation import LevelView
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services

THERE_ALREADY: Final = "it is there already"
_THUMBNAIL_PX: Final = 320  # twice what the page shows, for dense screens
_JPEG_QUALITY: Final = 72
_MOST_SIBLINGS: Final = 4  # of a level, on a card


@dataclass(slots=True)
class FolderSummary:
    """A folder of the library as it would be: `count` and `mean_score` are of all videos in it and below."""

    parts: tuple[str, ...]
    outcomes: list[SortOutcome] = field(default_factory=list)  # right in it
    count: int = 0
    total_score: float = 0.0
    undecided: int = 0

    @property
    def mean_score(self) -> float:
        """The mean confidence, 0 to 1."""
        return self.total_score / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Staying:
    """Videos that stay where they are for the same kind of reason."""

    reason: str
    outcomes: tuple[SortOutcome, ...]


def folders(outcomes: Iterable[SortOutcome], library: Path) -> list[FolderSummary]:
    """Return the folders that get something, parents before children, those of undecided videos last."""
    found: dict[tuple[str, ...], FolderSummary] = {}
    for one in sorted((one for one in outcomes if one.destination), key=lambda one: one.destination):
        parts = Path(one.destination).parent.relative_to(library).parts
        for depth in range(len(parts) + 1):
            folder = found.setdefault(parts[:depth], FolderSummary(parts[:depth]))
            folder.count += 1
            folder.total_score += one.score
            folder.undecided += one.state is ItemState.REVIEW
        found[parts].outcomes.append(one)
    last = {parts for parts, folder in found.items() if len(parts) == 1 and folder.undecided == folder.count}
    return [found[parts] for parts in sorted(found, key=lambda parts: (parts[:1] in last, parts))]


def staying(outcomes: Iterable[SortOutcome]) -> list[Staying]:
    """Return the videos that stay where they are by kind of reason, the most frequent first."""
    found: dict[str, list[SortOutcome]] = defaultdict(list)
    for one in outcomes:
        if not one.destination:
            found[THERE_ALREADY if one.state in PLACED else _kind_of(one.reason)].append(one)
    kinds = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [Staying(_common([one.reason for one in group], kind), tuple(group)) for kind, group in kinds]


def _common(reasons: Sequence[str], kind: str) -> str:
    """Return the whole reason where all share it, else what they have in common."""
    return reasons[0] if kind != THERE_ALREADY and len(set(reasons)) == 1 else kind


def _kind_of(reason: str) -> str:
    """Return a reason without its particulars: numbers, and what stands behind a colon or in brackets."""
    return re.sub(r"\d[\d.,x]*", "…", re.split(r": | \(", reason, maxsplit=1)[0])


# The page


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows of one video beyond its outcome."""

    jpeg: bytes
    levels: tuple[LevelView, ...]


class Gatherer:
    """Takes from each planned job what the page shows; to be passed to `sort_paths` as `on_job`."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def __call__(self, services: Services, job: Job) -> None:
        """Keep one job's picture and scores; on several threads at once."""
        levels = explained_levels(services.tree, job.decision, job.frame_times_ms) if job.decision else ()
        self._shown[str(job.path)] = _Shown(_jpeg(services, job), levels)

    def page(self, outcomes: Sequence[SortOutcome], library: Path, *, when: str) -> str:
        """Return the report as one HTML page; `when` is the time to show."""
        body = "".join(self._body(outcomes, library, when))
        frame = Path(__file__).with_name("plan_report.html").read_text(encoding="utf-8")
        return frame.replace("{{body}}", body)

    def _body(self, outcomes: Sequence[SortOutcome], library: Path, when: str) -> Iterator[str]:
        placed = sum(bool(one.destination) for one in outcomes)
        unsure = sum(one.state is ItemState.REVIEW and bool(one.destination) for one in outcomes)
        yield f"<header><h1>Plan for {_name(library)}</h1><p class=chips>"
        yield _chip("filed", placed - unsure, "would be filed") + _chip("review", unsure, "not sure: to review")
        yield _chip("stays", len(outcomes) - placed, "would stay")
        yield f"</p><p class=when>{escape(when)}. Nothing was touched.</p></header><main>"
        for folder in folders(outcomes, library):
            if folder.parts:
                yield from self._folder(folder)
        groups = staying(outcomes)
        if groups:
            yield f"<h2>Would stay where they are <b>{len(outcomes) - placed}</b></h2>"
        for group in groups:
            yield f"<h3>{escape(printable(group.reason))} <b>{len(group.outcomes)}</b></h3>"
            yield from self._cards(group.outcomes)
        yield "</main>"

    def _folder(self, folder: FolderSummary) -> Iterator[str]:
        kind = "review" if folder.undecided == folder.count else "filed"
        depth = len(folder.parts) - 1
        way = " <span>/</span> ".join(_name(part) for part in folder.parts)
        yield f'<section class="{kind}{" deep" if depth else ""}" style="--depth:{min(depth, 6)}">'
        yield f"<h2>{way} <b>{folder.count}</b>"
        yield f"{_meter(folder.mean_score)}<small>{folder.mean_score:.2f} on average</small></h2>"
        yield from self._cards(folder.outcomes)
        yield "</section>"

    def _cards(self, outcomes: Iterable[SortOutcome]) -> Iterator[str]:
        yield "<ul>"
        for one in outcomes:
            yield from self._card(one)
        yield "</ul>"

    def _card(self, one: SortOutcome) -> Iterator[str]:
        shown = self._shown.get(one.source, _Shown(b"", ()))
        yield f'<li class="{escape(one.state)}"><div class=frame>'
        if shown.jpeg:
            yield f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(shown.jpeg).decode("ascii")}">'
        else:
            yield "<em>no picture</em>"
        yield f'</div><div class=words><h4 title="{escape(printable(one.source))}">{_name(Path(one.source).name)}</h4>'
        if one.destination and Path(one.destination).name != Path(one.source).name:
            yield f"<p class=as>as {_name(Path(one.destination).name)}</p>"
        if shown.levels:
            yield f"<p class=score>{_meter(one.score)}<b>{one.score:.2f}</b> <small>{one.margin:+.2f}</small></p>"
        why = "; ".join(filter(None, (one.reason, placed_words(one.how))))
        yield f"<p class=why>{escape(printable(why))}</p></div>"
        if shown.levels:
            yield "<details><summary>Scores</summary>"
            for view in shown.levels:
                yield _level(view)
            yield "</details>"
        yield "</li>"


def _level(view: LevelView) -> str:
    level = view.level
    ranked = view.ranked
    tail = [pair for pair in ranked if pair[0] == NONE]
    shown = [*[pair for pair in ranked if pair[0] != NONE][:_MOST_SIBLINGS], *tail]
    rows = "".join(_sibling(view, name, score) for name, score in shown)
    more = f"<tr><td colspan=3><small>and {len(ranked) - len(shown)} more</small>" if len(ranked) > len(shown) else ""
    out = "".join(
        f"<tr><td colspan=3><small>{_name(name)} left out: {escape(printable(why))}</small>"
        for name, why in level.excluded.items()
    )
    title = f"in {_name(level.parent)}" if level.parent else "at the top"
    return f"<table><caption>{title}</caption>{rows}{more}{out}</table>"


def _sibling(view: LevelView, name: str, score: float) -> str:
    level = view.level
    kind = "none" if name == NONE else "best" if name == level.best else ""
    label = "none of these" if name == NONE else _name(name)
    runner_up = " <small>runner-up</small>" if name == level.runner_up else ""
    return f'<tr class="{kind}"><th>{label}{runner_up}<td>{_meter(score)}<td>{score:.2f}'


def _name(text: object) -> str:
    """Return a name, escaped and kept from turning the text around it."""
    return f"<bdi>{escape(printable(text))}</bdi>"


def _meter(share: float) -> str:
    return f'<span class=meter><i style="width:{min(1.0, max(0.0, share)) * 100:.1f}%"></i></span>'


def _chip(kind: str, count: int, words: str) -> str:
    return f'<span class="chip {kind}"><b>{count}</b> {words}</span>'


def _jpeg(services: Services, job: Job) -> bytes:
    """Return one frame as a small JPEG, decoded in a worker process; nothing where there is none to be had."""
    from PIL import Image

    if job.clip is None:
        return b""
    total = services.settings.sampling.max_frames
    try:
        pixels = middle_picture(
            services.media, job.path, job.clip, total=total, side_px=_THUMBNAIL_PX, cancel=job.cancel
        )
    except VideoError:  # the plan stands without a picture
        return b""
    if pixels is None:
        return b""
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return packed.getvalue()
