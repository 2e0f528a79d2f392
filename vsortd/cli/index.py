"""`vsortd index`: look at whole libraries, and keep the index true."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.addresses import files_here
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    opened_index,
    print_json,
    progress_bar,
    say_left_alone,
    state_folder,
    write_csv_of,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import finite
from vsortd.cli.proposals import proposed
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted, storable
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.index.verify import Tidied
    from vsortd.library.indexing.embed import Indexed
    from vsortd.library.indexing.given_folders import AskedFolder
    from vsortd.library.indexing.words import WordsRead
    from vsortd.library.search.shards.readiness import SearchReadiness
    from vsortd.pipeline.left_alone import LeftAloneVideos

_MOST_SHOWN = 20


def index(
    ctx: click.Context,
    given: Annotated[
        list[str] | None,
        Argument(metavar="[PATH…]", help="Videos, or folders to look through; by default the library."),
    ] = None,
    fps: Annotated[float, Option("--fps", callback=finite, metavar="N", help="Frames a second to look at.")] = 1.0,
    jobs: Annotated[
        int | None,
        Option("--jobs", "-j", metavar="N", min=1, help="Videos at once; by default one a core and one."),
    ] = None,
    text: Annotated[
        bool, Option("--text", help="Read text in the picture, too: some seconds a minute (extra: ocr).")
    ] = False,
    verify: Annotated[
        bool, Option("--verify", help="Look at no video; compare the index with the disk, and follow moved files.")
    ] = False,
    prune: Annotated[
        bool, Option("--prune", help="Verify, and forget what is gone or has changed. Files are never touched.")
    ] = False,
    forget: Annotated[
        list[Path] | None,
        Option(
            "--forget", metavar="FOLDER", help="Forget a folder that was given before: it is searched only with --in."
        ),
    ] = None,
    list_it: Annotated[
        bool,
        Option("--list", help="List the folders that search, cluster and duplicates cover."),
    ] = False,
    ray: Annotated[bool, Option("--ray", help="Spread the work over many machines (extra: ray).")] = False,
    address: Annotated[
        str | None,
        Option("--address", metavar="HOST:PORT", help="The Ray cluster; by default one on this machine."),
    ] = None,
    workers: Annotated[
        int | None, Option("--workers", metavar="N", min=1, help="How many models work at once in the cluster.")
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Look at videos once, for search, timelines and clusters.

    Each frame is embedded once. You can stop at any time and continue later. The folders and videos that you name
    belong to the library from then on for search, cluster and duplicates; --forget removes them. Subtitles beside
    the videos and inside them are read, too, for `search --said`.
    """
    paths = files_here(given, "index")
    settings = load(ctx)
    if as_csv and (verify or prune or forget):
        raise UsageError("--csv lists videos, or folders with --list.", remedy="With the other options use --json.")
    if sum(map(bool, (verify or prune, forget, list_it))) > 1:
        raise UsageError("--verify, --forget and --list are each a command of its own.", remedy="Use one of them.")
    if paths and (forget or list_it):
        raise UsageError("--forget and --list look at no video.", remedy="Leave out the path: vsortd index --list")
    if not ray and (address or workers):
        raise UsageError("--address and --workers are for a cluster.", remedy="Add --ray.")
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.pipeline.left_alone import left_alone

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    if forget:
        return _forget(forget, as_json=as_json)
    if list_it:
        return _list(settings, as_csv=as_csv, as_json=as_json)
    if verify or prune:
        return _tidy(settings, paths, prune=prune, as_json=as_json)
    engine = (ray, address, workers)
    places = paths or [settings.library]
    outcomes, words, searches = _look(settings, places, fps, jobs, engine, text=text)
    others = left_alone(settings, places)
    if as_json:
        print_json(_document(outcomes, words, searches, others))
    else:
        _print(outcomes, words, searches, proposed(settings), as_csv=as_csv)
        say_left_alone(others, on_stderr=as_csv)
    failed = any(one.state == "failed" for one in outcomes) or any(one.reason for one in words)
    return int(ExitCode.PARTIAL if failed else ExitCode.OK)


def _look(
    settings: Settings,
    paths: Sequence[Path],
    fps: float,
    jobs: int | None,
    engine: tuple[bool, str | None, int | None],
    *,
    text: bool,
) -> tuple[list[Indexed], list[WordsRead], list[SearchReadiness]]:
    """Look at the videos, then read the words of those that could be looked at; see how quick searches are now."""
    from vsortd.analysis.transcript import transcriber_of
    from vsortd.library.indexing.embed import index_paths
    from vsortd.library.indexing.given_folders import give
    from vsortd.library.indexing.words import WordsWish, index_words, insist_on_text
    from vsortd.library.search.shards.shard_folder import readiness_of
    from vsortd.pipeline.services import Services

    if text:
        insist_on_text()
    ray, address, workers = engine
    with Services.open(settings, state_folder(), keep_trying=False, recover_first=False, load_model=False) as services:
        with progress_bar("looking") as on_progress:
            give(settings.library, services.index, paths)  # before: a run that is stopped is gone on with
            if not ray:
                outcomes = index_paths(services, paths, fps=fps, jobs=jobs, on_progress=on_progress)
            else:
                from vsortd.library.indexing.ray_cluster import index_with_ray

                outcomes = index_with_ray(
                    services, paths, fps=fps, address=address, workers=workers, on_progress=on_progress
                )
        looked_at = [one.path for one in outcomes if one.state != "failed"]
        wish = WordsWish(text=text, transcriber=transcriber_of(settings.transcript))
        at_once = jobs or settings.workers.decode_count()
        with progress_bar("reading words") as on_progress:
            words = index_words(services, looked_at, wish, jobs=at_once, on_progress=on_progress)
        return outcomes, words, readiness_of(services.index)


def _document(
    outcomes: Sequence[Indexed],
    words: Sequence[WordsRead],
    searches: Sequence[SearchReadiness],
    others: LeftAloneVideos,
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "items": [_item(one) for one in outcomes],
        "words": [_words_item(one) for one in words],
        "searches": [one.to_json() for one in searches],
        "left_alone": others.by_ending,
    }


def _item(one: Indexed) -> dict[str, Any]:
    return {
        "file": storable(one.path),
        "state": one.state.value,
        "frames": one.frames,
        "windows": one.windows,
        "duration_s": one.duration_s,
        "reason": one.reason,
    }


def _words_item(one: WordsRead) -> dict[str, Any]:
    return {"file": storable(one.path), "said": one.said, "shown": one.shown, "reason": one.reason}


def _print(
    outcomes: Sequence[Indexed],
    words: Sequence[WordsRead],
    searches: Sequence[SearchReadiness],
    prompt: str,
    *,
    as_csv: bool,
) -> None:
    from vsortd.core.console import Text

    if as_csv:
        write_csv_of(("file", "state", "frames", "windows", "duration_s", "reason"), map(_item, outcomes))
        return
    out = console()
    failed = [one for one in outcomes if one.state == "failed"]
    for one in failed[:_MOST_SHOWN]:
        out.print(Text("failed   ", style="red").append(one.path).append(f"  {one.reason}", "dim"))
    if len(failed) > _MOST_SHOWN:
        out.print(f"… and {len(failed) - _MOST_SHOWN} more that failed", style="dim")
    if not outcomes:
        note(out, "There are no videos there.")
        return
    new = [one for one in outcomes if one.state == "indexed"]
    known = len(outcomes) - len(new) - len(failed)
    frames = sum(one.frames for one in new)
    windows = sum(one.windows for one in new)
    parts = [counted(frames, "frame")] if frames else []
    parts += [counted(windows, "window") + " of sound"] if windows else []
    more = f" ({', '.join(parts)})" if parts else ""
    parts = [f"{counted(len(new), 'video')} looked at{more}"]
    parts += [f"{known} known already"] if known else []
    parts += [f"{len(failed)} failed"] if failed else []
    note(out, f"{', '.join(parts)}.")
    _print_words(words)
    for readiness in searches:
        sentence = readiness.sentence()
        note(out, f"{sentence[0].upper()}{sentence[1:]}.")
    note(out, f"Next: {shlex.join(['vsortd', 'search', prompt])}, or vsortd cluster", style="dim")


def _print_words(words: Sequence[WordsRead]) -> None:
    """Say of how many videos something is written down or to be read, and of which that could not be told."""
    from vsortd.core.console import Text

    out = console()
    failed = [one for one in words if one.reason]
    for one in failed[:_MOST_SHOWN]:
        out.print(Text("no words ", style="yellow").append(one.path).append(f"  {one.reason}", "dim"))
    if len(failed) > _MOST_SHOWN:
        out.print(f"… and {len(failed) - _MOST_SHOWN} more whose words could not be read", style="dim")
    for what, counts in (("subtitles", [one.said for one in words]), ("text", [one.shown for one in words])):
        having = sum(count > 0 for count in counts)
        if having:
            has = counted(having, f"video has {what}", f"videos have {what}")
            note(out, f"{has}: {counted(sum(counts), 'line')}.")


def _forget(paths: Sequence[Path], *, as_json: bool) -> int:
    """Take out folders that were given."""
    from vsortd.library.indexing.given_folders import take_back

    with opened_index() as store:
        forgotten = take_back(store, paths)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "forgotten": [storable(path) for path in forgotten]})
        return int(ExitCode.OK)
    for path in forgotten:
        note(console(), f"{path} is asked no longer. What was looked at there is kept: search --in {path}")
    return int(ExitCode.OK)


def _list(settings: Settings, *, as_csv: bool, as_json: bool) -> int:
    """List what is asked when no place is named."""
    from vsortd.library.indexing.given_folders import asked_folders

    with opened_index() as store:
        folders, elsewhere = asked_folders(settings.library, store)
    entries = [
        {"path": storable(one.path), "given": one.given, "videos": one.videos, "there": one.there} for one in folders
    ]
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "folders": entries, "elsewhere": elsewhere})
    elif as_csv:
        write_csv_of(("path", "given", "videos", "there"), entries)
    else:
        _print_folders(folders, elsewhere)
    return int(ExitCode.OK)


def _print_folders(folders: Sequence[AskedFolder], elsewhere: int) -> None:
    from vsortd.core.tables import Column, ColumnKind, print_table

    columns = (
        Column("", first=True),
        Column("videos", ColumnKind.NUMBER, first=True),
        Column("folder", ColumnKind.NAME),
    )
    rows = []
    for one in folders:
        what = ("given" if one.given else "library") if one.there else "not there"
        rows.append((what, f"{one.videos:,}", str(one.path)))
    print_table(console(), columns, rows, header="dim")
    if elsewhere:
        more = counted(elsewhere, "more is", "more are")
        note(console(), f"{more} known by other commands: ask with --in, or give their folder to `vsortd index`.")


def _tidy(settings: Settings, paths: Sequence[Path], *, prune: bool, as_json: bool) -> int:
    """Hold the index against the disk."""
    from vsortd.index.extent import Extent
    from vsortd.index.verify import tidy

    paths = [as_on_disk(path.absolute()) for path in paths]
    with opened_index() as store, progress_bar("verifying") as on_progress:
        roots = [settings.library, *(inbox.path for inbox in settings.inboxes), *store.folders(), *paths]
        under = Extent.of(*paths) if paths else None
        found = tidy(store, roots, under=under, prune=prune, on_progress=on_progress)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "pruned": prune, **_tidied(found)})
    else:
        _print_tidied(found, prune=prune)
    return int(ExitCode.PARTIAL if found.stale and not prune else ExitCode.OK)


def _tidied(found: Tidied) -> dict[str, Any]:
    return {
        "right": found.right,
        "moved": [{"from": storable(before), "to": storable(after)} for before, after in found.moved],
        "changed": [storable(row.path) for row in found.changed],
        "gone": [storable(row.path) for row in found.gone],
        "away": [storable(row.path) for row in found.away],
        "folders": [storable(folder) for folder in found.folders],
    }


def _print_tidied(found: Tidied, *, prune: bool) -> None:
    from vsortd.core.console import Text

    out = console()
    lines = [("moved", f"{before} → {after}") for before, after in found.moved]
    lines += [("changed", str(row.path)) for row in found.changed]
    lines += [("gone", str(row.path)) for row in found.gone]
    lines += [("gone", f"{folder}, which was given") for folder in found.folders]
    for what, where in lines[:_MOST_SHOWN]:
        out.print(Text(f"{what:<9}", style="yellow").append(where))
    if len(lines) > _MOST_SHOWN:
        out.print(f"… and {len(lines) - _MOST_SHOWN} more", style="dim")
    parts = [f"{counted(found.right, 'video lies', 'videos lie')} where the index says"]
    parts += [f"{len(found.moved)} followed"] if found.moved else []
    parts += [f"{len(found.away)} in folders that are away, kept"] if found.away else []
    if found.stale:
        parts.append(f"{len(found.stale)} gone or changed" + (", forgotten" if prune else ""))
    note(out, f"{'; '.join(parts)}.")
    if (found.stale or found.folders) and not prune:
        note(out, "Forget what is gone with: vsortd index --prune", style="dim")
