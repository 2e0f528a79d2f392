"""`vsortd search --said` and `--text`: where words are said, or visible in the picture. No model is asked."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.cli.common import (
    SCHEMA_VERSION,
    console,
    opened_index,
    print_json,
    waiting,
    write_csv_of,
)
from vsortd.cli.scene_files import cut_out, open_scene_file
from vsortd.core.output import note
from vsortd.core.paths import own_name
from vsortd.core.text import counted
from vsortd.errors import ExitCode, UsageError, VideoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from vsortd.config.settings import Settings
    from vsortd.core.word_match import SoughtWords, TimedText
    from vsortd.index.extent import Extent
    from vsortd.index.store import Index
    from vsortd.library.search.words import WordSearch, WordsKind

_FIELDS: Final = ("file", "begin_s", "end_s", "text", "source", "copies")
# What `search` knows besides, by its parameters: scores of scenes, and pictures of them.
_OF_SCENES: Final = {
    "like": "--like",
    "sound": "--sound",
    "against": "--not",
    "any_of": "--any",
    "min_score": "--min-score",
    "everything": "--all",
    "orientation": "--orientation",
    "tag": "--tag",
}
_TOP_MOST: Final = 10_000
_MOST_SHOWN: Final = 160  # letters of a text in the table; --csv and --json have all


def insist_on_words_alone(ctx: click.Context, sheet: Path | None) -> None:
    """Raise UsageError where there are no words, or with what only scenes have; `sheet`: of them."""
    option = "--said" if ctx.params["said"] else "--text"
    if not ctx.params["prompts"]:
        raise UsageError(f"{option} needs words to look for.", remedy=f"Write: vsortd search {option} WORDS")
    if sheet is not None:
        raise UsageError(f"{option} and --out {sheet.name} exclude one another.", remedy=f"Ask for {option} alone.")
    if ctx.params["said"] and ctx.params["text"]:
        raise UsageError("--said and --text exclude one another.", remedy="Ask for one after the other.")
    if ctx.params["per"] != "window":
        raise UsageError(f"{option} and --per shot exclude one another.", remedy=f"Ask for {option} alone.")
    for name, told in _OF_SCENES.items():
        if ctx.params[name] not in {None, False, ()} and ctx.params[name] != []:
            raise UsageError(f"{option} and {told} exclude one another.", remedy=f"Ask for {option} alone.")


def find_by_words(
    ctx: click.Context,
    settings: Settings,
    place: Path | None,
    clip: tuple[int, Path] | None,
    *,
    within_s: float,
    since_s: float | None,
) -> int:
    """Answer a search for words as it was typed; return the exit code, 1 where nothing is found."""
    from vsortd.core.word_match import SoughtWords
    from vsortd.library.search.words import WordsKind, search_words

    given = ctx.params
    kind = WordsKind.SAID if given["said"] else WordsKind.TEXT
    sought = SoughtWords.parse(" ".join(given["prompts"]), option=f"--{kind.value}")
    top = _top(given["limit"], clip)
    with opened_index() as index:
        under = _extent(settings, index, place, kind)
        found = search_words(index, sought, kind, under=under, top=top, within_s=within_s, since_s=since_s)
    made = _cut(settings, found, clip)
    hits = [hit.to_json() for hit in found.hits]
    if given["as_json"]:
        counts = {"more": found.more, "videos": found.videos, "silent": found.silent, "unread": found.unread}
        print_json({"schema_version": SCHEMA_VERSION, "hits": hits, **counts, "gone": found.gone, **made})
    elif given["as_csv"]:
        write_csv_of(_FIELDS, hits)
    else:
        _print(found, kind, sought, place, made)
    if given["open_it"] and found.hits:
        open_scene_file(hits[0], clip[1] if clip is not None else None)
    return int(ExitCode.OK if found.hits else ExitCode.FAILURE)


def _top(top: int, clip: tuple[int, Path] | None) -> int:
    if not 1 <= top <= _TOP_MOST:
        raise UsageError(
            f"--limit {top} is too {'few' if top < 1 else 'many'}.", remedy=f"Write a number from 1 to {_TOP_MOST}."
        )
    return top if clip is None else max(top, clip[0])


def _extent(settings: Settings, index: Index, place: Path | None, kind: WordsKind) -> Extent:
    """Return where to look; a single video that is named is read first where that was not done."""
    from vsortd.library.indexing.given_folders import asked_places, named_places

    if place is None:
        return asked_places(settings.library, index)
    if os.path.isfile(place):  # noqa: PTH113 - what is not for us to see is no error
        place = own_name(place)
        read_one(settings, index, place, kind)
    elif not os.path.isdir(place):  # noqa: PTH112
        raise UsageError(f"{place} is not there.", remedy="--in takes a folder, or a video.", paths=[place])
    return named_places(settings.library, (place, Path(os.path.realpath(place))))


def read_one(settings: Settings, index: Index, path: Path, kind: WordsKind) -> list[TimedText]:
    """Return one video's words, read now where they were not before. Raises UsageError where that can't be done."""
    from vsortd.analysis.part_names import AnalysisPart
    from vsortd.analysis.spoken_words import SpokenSources, lines_of
    from vsortd.analysis.transcript import transcriber_of
    from vsortd.analysis.video_analysis import AnalysisWish, analyze_video
    from vsortd.library.indexing.words import insist_on_text
    from vsortd.library.search.words import WordsKind
    from vsortd.media.pool import MediaPool

    part = AnalysisPart.WORDS if kind is WordsKind.SAID else AnalysisPart.TEXT
    if part is AnalysisPart.TEXT:
        insist_on_text()
    spoken = SpokenSources(transcriber=transcriber_of(settings.transcript))
    with waiting(f"reading {path.name}"), MediaPool.of(settings.workers, count=1) as media:
        try:
            document = analyze_video(media, index, path, AnalysisWish((part,), spoken=spoken)).documents[part]
        except VideoError as error:
            raise UsageError(f"{path} can't be looked at: {error.reason}.", paths=[path]) from error
    if document is not None and "error" in document:
        raise UsageError(f"{path} can't be read: {document['error']}.", paths=[path])
    return lines_of(document or {})


def _cut(settings: Settings, found: WordSearch, clip: tuple[int, Path] | None) -> dict[str, Any]:
    """Cut out the finding that was asked for; return what was made, as --json tells it."""
    if clip is None:
        return {}
    if clip[0] > len(found.hits):
        many = counted(len(found.hits), "was", "were")
        raise UsageError(f"There is no finding {clip[0]}: {many} found.")
    from vsortd.media.pool import MediaPool

    with MediaPool.of(settings.workers, count=1) as media:
        return {"clip": cut_out(media, found.hits[clip[0] - 1].to_json(), clip[1])}


# For people


def _print(
    found: WordSearch, kind: WordsKind, sought: SoughtWords, place: Path | None, made: Mapping[str, Any]
) -> None:
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.core.units import about_clock

    out = console()
    if found.hits:
        columns = (
            Column("", ColumnKind.NUMBER, first=True),
            Column("from", ColumnKind.NUMBER),
            Column("to", ColumnKind.NUMBER),
            Column(kind.value),
            Column("video", ColumnKind.NAME),
        )
        rows = [
            (str(number), about_clock(hit.begin_s), about_clock(hit.end_s), _shortened(hit.text), str(hit.file))
            for number, hit in enumerate(found.hits, 1)
        ]
        print_table(out, columns, rows, header="dim")
        if found.more:
            note(out, f"{found.more:,} more: --limit {len(found.hits) + found.more}", style="dim")
    elif found.videos:
        note(out, f"Nowhere: {sought.text!r} is in none of them.", style="yellow")
    _print_looked(found, kind, place)
    if made:
        note(out, f"Cut into {made['clip']['file']}: {made['clip']['note']}")
    elif found.hits:
        note(out, "Next: add -o scene.mp4 to cut one out.", style="dim")


def _print_looked(found: WordSearch, kind: WordsKind, place: Path | None) -> None:
    """Say what was looked through, and which command reads what was not."""
    from vsortd.library.search.words import WordsKind

    out = console()
    having, lacking = _HAVE[kind is WordsKind.TEXT]
    if found.videos or found.silent:
        silent = f"; {counted(found.silent, 'video has', 'videos have')} {lacking}" if found.silent else ""
        note(out, f"Looked through {counted(found.videos, 'video')} with {having}{silent}.", style="dim")
    if found.gone:
        note(out, f"{counted(found.gone, 'video is gone', 'videos are gone')} that had it.", style="dim")
    if found.unread or not (found.videos or found.silent):
        many = counted(found.unread, "video was", "videos were") if found.unread else "No video was"
        note(out, f"{many} {'not yet ' if found.unread else ''}read for {having}.", style="yellow")
        command = ["vsortd", "index", *([str(place)] if place is not None else [])]
        note(out, f"Next: {shlex.join([*command, *(['--text'] if kind is WordsKind.TEXT else [])])}", style="dim")


_HAVE: Final = (("subtitles", "none"), ("text in the picture", "none"))


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
