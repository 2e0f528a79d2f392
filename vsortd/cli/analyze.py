"""`vsortd analyze`: technical facts, shots, sound, and what they add up to; nothing is moved or changed."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsortd.analysis.part_names import AnalysisPart
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load_if_any,
    one_form,
    print_json,
    progress_bar,
    state_folder,
    write_csv_of,
)
from vsortd.cli.explain import insist_on_ending
from vsortd.cli.numbers import finite
from vsortd.core.media_endings import SOUND_ENDINGS, VIDEO_ENDINGS
from vsortd.core.paths import as_on_disk, is_file, is_folder
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vsortd.analysis.video_analysis import AnalysisWish, VideoAnalysis
    from vsortd.config.settings import Settings

# Of a folder these are taken; a file that is named is taken whatever it is called.
_ENDINGS = VIDEO_ENDINGS | SOUND_ENDINGS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("analyze")(analyze)


def analyze(
    ctx: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR…", help="Videos, sound or picture files, and folders of them.")
    ],
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="PARTS", help="Some of facts, shots, sound, summary, with commas between them."),
    ] = None,
    scene_threshold: Annotated[
        float,
        typer.Option(
            "--scene-threshold", callback=finite, min=0.01, max=1.0, help="How a cut is told: smaller finds more."
        ),
    ] = 0.3,
    shots_csv: Annotated[
        Path | None,
        typer.Option("--shots-csv", metavar="OUT.csv", help="Write one video's shots, with PySceneDetect's columns."),
    ] = None,
    edl: Annotated[
        Path | None, typer.Option("--edl", metavar="OUT.edl", help="Write one video's shots for an editor (CMX 3600).")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Leave out places, persons and what people wrote into the file.")
    ] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Say what a video is made of: technical facts, shots, sound, and what they add up to.

    A file is read once, by the confined workers, and what was measured is kept in the index: asking again reads
    nothing. No config is needed. A part that can't be measured says why, the others stand, and the exit code is 3.
    Speech needs the extra `audio`: pip install 'vsortd[audio]'.
    """
    one_form(as_csv=as_csv, as_json=as_json)
    parts = _parts(only)
    files = list(_files(paths))
    shots_csv, edl = (None if one is None else as_on_disk(one) for one in (shots_csv, edl))
    outputs = {path: ending for path, ending in ((shots_csv, ".csv"), (edl, ".edl")) if path is not None}
    _insist_on_outputs(files, outputs)
    settings = load_if_any(ctx)
    from vsortd.analysis.video_analysis import AnalysisWish
    from vsortd.cli.analyze_view import COLUMNS, print_analysis, row_of
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    if outputs and AnalysisPart.SHOTS not in parts:
        parts = (*parts, AnalysisPart.SHOTS)
    found = _measured(settings, files, AnalysisWish(parts, scene_threshold), private=private)
    if outputs:
        _write(found[0], shots_csv, edl)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "videos": [one.to_json() for one in found]})
    elif as_csv:
        write_csv_of(COLUMNS, [row_of(one) for one in found])
    else:
        print_analysis(found)
    return int(ExitCode.PARTIAL if any(one.reason or one.errors for one in found) else ExitCode.OK)


# What was typed


def _parts(only: str | None) -> tuple[AnalysisPart, ...]:
    """Return the parts in their usual order. Raises UsageError for a word that is none."""
    if only is None:
        return tuple(AnalysisPart)
    wanted = {word.strip() for word in only.split(",")} - {""}
    if unknown := sorted(wanted - {part.value for part in AnalysisPart}):
        raise UsageError(
            f"--only: {', '.join(map(storable, unknown))} is no part.",
            remedy=f"There are {', '.join(AnalysisPart)}; write them with commas between.",
        )
    if not wanted:
        raise UsageError("--only names no part.", remedy=f"There are {', '.join(AnalysisPart)}.")
    return tuple(part for part in AnalysisPart if part.value in wanted)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield each file once, those of a folder by their endings. Raises UsageError for what isn't there."""
    from vsortd.watch.candidates import is_private

    seen: set[Path] = set()
    for given in paths:
        path = as_on_disk(Path(os.path.abspath(given)))  # noqa: PTH100 - a link stays the name that was given
        if is_folder(path):
            found: list[Path] = []
            for root, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                found += [Path(root) / name for name in sorted(names) if Path(name).suffix.lower() in _ENDINGS]
            found = [one for one in found if not is_private(one.name) and not one.is_symlink()]
        elif is_file(path):
            found = [path.resolve() if path.is_symlink() else path]
        else:
            remedy = "Name videos, or folders that hold some."
            raise UsageError(f"{given} is not there.", remedy=remedy, paths=[given])
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def _insist_on_outputs(files: Sequence[Path], outputs: Mapping[Path, str]) -> None:
    """Refuse what can't be written, before the work begins; each output with the ending that it has to have."""
    if outputs and len(files) != 1:
        raise UsageError(
            f"--shots-csv and --edl take one video; there are {len(files)}.", remedy="--json tells of all of them."
        )
    for output, ending in outputs.items():
        insist_on_ending(output, ending)
        if output.absolute() in files:
            raise UsageError(f"{output} is the video itself.", remedy="Name another file to write.", paths=[output])


# The work


def _measured(
    settings: Settings | None, files: Sequence[Path], wish: AnalysisWish, *, private: bool
) -> list[VideoAnalysis]:
    from contextlib import ExitStack

    from vsortd.analysis.video_analysis import VideoAnalysis, analyze_video
    from vsortd.config.running_options import Workers
    from vsortd.core.paths import index_path
    from vsortd.index.store import Index
    from vsortd.library.indexing.embed import each_video
    from vsortd.media.pool import MediaPool

    workers = settings.workers if settings is not None else Workers()
    cancel = threading.Event()
    with ExitStack() as opened:
        index = Index(index_path(state_folder()))
        opened.callback(index.close)
        media = MediaPool.of(workers)
        opened.callback(media.close)
        on_progress = opened.enter_context(progress_bar("measuring"))
        return each_video(
            files,
            lambda path: analyze_video(media, index, path, wish, private=private, cancel=cancel),
            lambda path, reason: VideoAnalysis(path, reason=reason),
            jobs=workers.decode_count(),
            on_progress=on_progress,
            cancel=cancel,
        )


def _write(found: VideoAnalysis, shots_csv: Path | None, edl: Path | None) -> None:
    """Write a video's shots into files. Raises UsageError where that can't be done."""
    from vsortd.analysis import shot_exports
    from vsortd.analysis.video_analysis import shots_of
    from vsortd.core.system.file_rights import make_for

    document = found.documents.get(AnalysisPart.SHOTS)
    if document is None or "error" in document:
        why = found.reason or (document or {}).get("error") or "it has no pictures"
        raise VsortdError(f"There are no shots of {found.path}: {why}.", paths=[found.path])
    report = shots_of(document)
    texts = {
        shots_csv: shot_exports.shots_csv(report),
        edl: shot_exports.shots_edl(report, source=found.path.name),
    }
    for path, text in texts.items():
        if path is None:
            continue
        try:
            make_for(path, [found.path])
            path.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(f"Can't write {path}: {error.strerror}.", paths=[path]) from error
        console(stderr=True).print(f"Written to {path}.", style="dim")
