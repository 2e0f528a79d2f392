"""What a search of the page found: scenes with what is shown of each, by the model or by words."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.dump import fingerprint
from vsortd.core.moments import parse_since
from vsortd.core.text import counted
from vsortd.core.units import about_duration
from vsortd.core.word_match import SoughtWords
from vsortd.errors import UsageError, VsortdError
from vsortd.filing.rule_folders import RuleFolders
from vsortd.index.extent import Extent
from vsortd.library.indexing.given_folders import asked_places
from vsortd.library.search.requests import Request
from vsortd.library.search.rule_place import folder_filed_under
from vsortd.library.search.words import WordsKind, search_words
from vsortd.web.example_photos import ExamplePhotos
from vsortd.web.media_ids import find_media, media_id
from vsortd.web.search_wish import LIKELY, ROWS, SearchBy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vsortd.core.documents import SearchDocument
    from vsortd.pipeline.services import Services
    from vsortd.web.host import PageHost
    from vsortd.web.search_wish import SearchWish

_HOURS: Final = 10  # from here on whole hours say enough


@dataclass(frozen=True, slots=True)
class FoundScene:
    """A scene as it is shown: `media` is its video's id; times are seconds.

    `score` is from 0 to 1, None where words were found, which are `text`. `rule` is
    where the video is filed, "" for nowhere; `item` is its number in the journal.
    """

    media: str
    path: Path
    begin_s: float
    end_s: float
    peak_s: float
    score: float | None = None
    text: str = ""
    rule: str = ""
    item: int | None = None
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundScenes:
    """The scenes of one page of results, and what is to be said of them.

    `notes` are sentences for people; `likely` is False where the best one is not. `floor` is from 0 to 1.
    """

    scenes: tuple[FoundScene, ...]
    first: int
    more: bool
    looked_through: str
    weaker: int = 0
    floor: float | None = None
    unlikely: bool = False
    unknown: tuple[str, ...] = ()
    model: str = ""
    notes: tuple[str, ...] = ()


def find_wish(host: PageHost, wish: SearchWish) -> FoundScenes:
    """Look for what is wished, by the config as it is now. Raises UsageError, VideoError, ModelError, StoreError."""
    for _ in range(3):
        services = host.services
        if wish.by in {SearchBy.SAID, SearchBy.TEXT}:
            return find_by_words(services, wish)
        config = fingerprint(services.settings)
        found = find_scenes(services, wish, partial(host.search, config=config))
        if found is not None:
            return found
    raise VsortdError("The config was changed just now.", remedy="Search once more.")


def find_scenes(
    services: Services, wish: SearchWish, search: Callable[[Request], SearchDocument | None]
) -> FoundScenes | None:
    """Ask the model; None where `search` had another config. Raises UsageError, VideoError, ModelError, StoreError."""
    request = _request(services, wish)
    found = search(request)
    if found is None:
        return None
    scenes = found["scenes"][wish.first :]
    shown = _shown(services)
    return FoundScenes(
        tuple(
            shown.scene(Path(one["file"]), one["begin_s"], one["end_s"], one["peak_s"], one["score"], one["copies"])
            for one in scenes
        ),
        wish.first,
        len(found["scenes"]) == request.top,
        _looked_through(found["videos"], found["hours"]),
        found["weaker"],
        found["min_score"],
        bool(request.prompts and found["scenes"] and found["scenes"][0]["score"] < LIKELY / 100),
        tuple(found["unknown"]),
        found["model"],
        tuple(_notes(found)),
    )


def find_by_words(services: Services, wish: SearchWish) -> FoundScenes:
    """Look for what is said, or visible in the picture; no model is asked. Raises UsageError, StoreError."""
    if wish.like or wish.against or wish.orientation or wish.tag:
        raise UsageError(
            "Words are looked for alone.", remedy="Take out examples, `not`, shape and tag, or search by what is seen."
        )
    kind = WordsKind.SAID if wish.by is SearchBy.SAID else WordsKind.TEXT
    place = _place(services, wish)
    found = search_words(
        services.index,
        SoughtWords.parse(wish.words, option="the box"),
        kind,
        under=asked_places(services.settings.library, services.index) if place is None else _extent(place),
        top=wish.first + ROWS,
        since_s=parse_since(wish.since, option="Since") if wish.since else None,
    )
    shown, having = _shown(services), "subtitles" if kind is WordsKind.SAID else "text in the picture"
    scenes = tuple(
        shown.scene(
            one.file, one.begin_s, one.end_s, (one.begin_s + one.end_s) / 2, None, map(str, one.copies), one.text
        )
        for one in found.hits[wish.first :]
    )
    notes = []
    if found.silent:
        notes.append(f"{counted(found.silent, 'video has', 'videos have')} no {having}.")
    if found.unread or not (found.videos or found.silent):
        many = f"{counted(found.unread, 'video was', 'videos were')} not yet" if found.unread else "No video was"
        command = "vsortd index" if kind is WordsKind.SAID else "vsortd index --text"
        notes.append(f"{many} read for {having}: `{command}` does that.")
    if found.gone:
        notes.append(f"{counted(found.gone, 'video is', 'videos are')} gone that had it.")
    looked = f"Looked through {counted(found.videos, 'video')} with {having}."
    return FoundScenes(scenes, wish.first, found.more > 0, looked, notes=tuple(notes))


def _request(services: Services, wish: SearchWish) -> Request:
    """Return what is asked of the model. Raises UsageError, ChangedError for examples that are gone, StoreError."""
    if wish.by is SearchBy.SOUND and wish.like:
        raise UsageError("An example is a picture.", remedy="Take it out, or search by what is seen.")
    place = _place(services, wish)
    return Request(
        prompts=(wish.words,) if wish.words else (),
        against=wish.against,
        like=tuple(_examples(services, wish)),
        top=wish.first + ROWS,
        min_score=None if wish.floor == LIKELY else wish.floor / 100,
        under=None if place is None else str(place),
        since_s=parse_since(wish.since, option="Since") if wish.since else None,
        orientation=(wish.orientation,) if wish.orientation else (),
        sound=wish.by is SearchBy.SOUND,
        tag=wish.tag or None,
    )


def _examples(services: Services, wish: SearchWish) -> Iterator[str]:
    """Yield the examples as a search takes them: FILE, or FILE@seconds."""
    for example in wish.examples:
        if example.photo:
            yield str(ExamplePhotos(services.state_folder).path(example.photo))
        else:
            path = find_media(services, example.media).path
            yield str(path) if example.moment_s is None else f"{path}@{example.moment_s:.3f}"


def _place(services: Services, wish: SearchWish) -> Path | None:
    if wish.inside:
        return find_media(services, wish.inside).path
    return folder_filed_under(services.settings, services.tree, wish.under) if wish.under else None


def _extent(place: Path) -> Extent:
    return Extent.of(place, Path(os.path.realpath(place)))


def _shown(services: Services) -> _Shown:
    return _Shown(services, RuleFolders(services.tree, services.settings.place))


@dataclass(frozen=True, slots=True)
class _Shown:
    """Makes of scenes what is shown of them; each video is looked up once."""

    services: Services
    folders: RuleFolders
    known: dict[Path, tuple[str, str, int | None]] = field(default_factory=dict)

    def scene(  # noqa: PLR0917 - a scene's columns
        self,
        path: Path,
        begin_s: float,
        end_s: float,
        peak_s: float,
        score: float | None,
        copies: Iterable[str],
        text: str = "",
    ) -> FoundScene:
        if path not in self.known:
            self.known[path] = self._look_up(path)
        media, rule, item = self.known[path]
        return FoundScene(media, path, begin_s, end_s, peak_s, score, text, rule, item, tuple(copies))

    def _look_up(self, path: Path) -> tuple[str, str, int | None]:
        item = self.services.journal.placed_at(path)
        place = self.services.library_place(path)
        rule = item.rule if item is not None else (place and self.folders.rule_of(place)) or ""
        return media_id(self.services, path), rule, None if item is None else item.id


def _looked_through(videos: int, hours: float) -> str:
    length = about_duration(hours * 3600) if hours < _HOURS else f"{hours:,.0f} hours"
    return f"Looked through {counted(videos, 'video')}, {length} in all." if videos else ""


def _notes(found: SearchDocument) -> Iterator[str]:
    """Yield what else is to be known of an answer."""
    if found["coarse"]:
        few = counted(
            found["coarse"],
            "video was looked at in few frames, so its times are rough",
            "videos were looked at in few frames, so their times are rough",
        )
        yield f"{few}: `vsortd index` looks closer."
    if found["gone"]:
        gone = counted(len(found["gone"]), "video is gone", "videos are gone")
        yield f"{gone}; `vsortd index --verify` looks for what was moved."
    if not found["videos"] and not found["gone"]:
        yield "No video here was looked at yet, or none fits: `vsortd index` looks at more."
