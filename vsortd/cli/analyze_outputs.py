"""What `vsortd analyze` writes into a folder, and what it tells anew from what was written before."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import click

from vsortd.analysis.part_names import AnalysisPart
from vsortd.cli.common import SCHEMA_VERSION, console, print_json
from vsortd.cli.edit_files import EDIT_HELP, edit_kind, insist_on_another, write_exports, write_text
from vsortd.cli.front.declared import Option
from vsortd.cli.front.output_form import FORM_PARAMETER
from vsortd.cli.out_files import OutKind, kinds_of, only_one
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk, is_folder
from vsortd.core.text import counted, encodable_json, printable_json
from vsortd.errors import ExitCode, UsageError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.analysis.video_analysis import VideoAnalysis

_BESIDE_FROM = frozenset({"stored", "out", "as_json", FORM_PARAMETER})
_OWN_ENDING = ".analysis.json"


OutOption = Annotated[
    list[Path] | None,
    Option(
        "--out",
        "-o",
        metavar="PATH",
        help="A folder: each file's analysis as JSON. Of one video, by the ending: .png, shots, arousal, loudness and "
        "speech over time; .mp4, shots, labels, boxes, loudness and speech drawn on the video; its shots as "
        f"{EDIT_HELP}. Or by a word before it: sheet=OUT.png, key frames with time and length; shots=OUT.csv, "
        "PySceneDetect's columns; thumbs=FOLDER, a picture a shot; split=FOLDER, each shot an MP4 of its own; "
        "deepffmpeg=FOLDER, what DeepFFmpeg would write. May be repeated.",
    ),
]
_FOREIGN: Final = "deepffmpeg"


@dataclass(frozen=True, slots=True)
class AnalyzeOutputs:
    """The files and folders that are to be written; None: not."""

    analysis: Path | None
    deepffmpeg: Path | None
    shots: Path | None
    edit: tuple[Path, ...]
    plot: Path | None
    sheet: Path | None
    thumbs: Path | None
    split: Path | None
    overlay: Path | None

    @property
    def of_shots(self) -> tuple[Path, ...]:
        """The files that one video's shots are written into."""
        return (*(() if self.shots is None else (self.shots,)), *self.edit)

    def insist(self, files: Sequence[Path], only: str | None) -> None:
        """Refuse what can't be written, before the work begins. Raises UsageError."""
        folders = [folder for folder in (self.analysis, self.deepffmpeg) if folder is not None]
        if not files and folders:
            raise UsageError("There is nothing to measure.", remedy="Name videos, or folders that hold some.")
        if self.deepffmpeg is not None and only is not None:
            title = f"--out {_FOREIGN}={self.deepffmpeg} holds all parts; --only excludes it."
            raise UsageError(title, remedy="Leave one of them out.")
        for folder in folders:
            names = [name for file in files for name in _names(file, foreign=folder is self.deepffmpeg)]
            _insist_on_names(folder, names, files)
        if self.of_shots and len(files) != 1:
            raise UsageError(
                f"--out {self.of_shots[0]} takes one video; there are {len(files)}.", remedy="--json tells of all."
            )
        for output in self.of_shots:
            insist_on_another(output, files[0])

    def write(self, found: Sequence[VideoAnalysis], *, scene_threshold: float) -> None:
        """Write what was measured into all but the pictures. Raises VsortdError where that can't be done."""
        if self.of_shots:
            _write_shots(found[0], self)
        if self.analysis is not None:
            _write_analyses(found, self.analysis, foreign=False, scene_threshold=scene_threshold)
        if self.deepffmpeg is not None:
            _write_analyses(found, self.deepffmpeg, foreign=True, scene_threshold=scene_threshold)


def wished_outputs(outputs: Sequence[Path] | None) -> AnalyzeOutputs:
    """Return what is to be written, each path as it lies on the disk. Raises UsageError for what says nothing."""
    found = kinds_of(
        outputs,
        (
            OutKind("sheet", (".png", ".jpg", ".jpeg"), by_name=True),
            OutKind("shots", (".csv",), by_name=True),
            OutKind("thumbs", by_name=True),
            OutKind("split", by_name=True),
            OutKind(_FOREIGN, by_name=True),
            OutKind("plot", (".png",)),
            OutKind("overlay", (".mp4",)),
            edit_kind(),
            OutKind("analysis"),
        ),
    )
    return AnalyzeOutputs(
        analysis=only_one(found["analysis"]),
        deepffmpeg=only_one(found[_FOREIGN]),
        shots=only_one(found["shots"]),
        edit=tuple(found["edit"]),
        plot=only_one(found["plot"]),
        sheet=only_one(found["sheet"]),
        thumbs=only_one(found["thumbs"]),
        split=only_one(found["split"]),
        overlay=only_one(found["overlay"]),
    )


def _write_shots(found: VideoAnalysis, outputs: AnalyzeOutputs) -> None:
    """Write a video's shots into files. Raises UsageError where that can't be done."""
    from vsortd.analysis.shot_exports import shot_parts, shots_csv
    from vsortd.analysis.video_analysis import shots_of
    from vsortd.core.edit_exports import EditSource

    document = found.documents.get(AnalysisPart.SHOTS)
    if document is None or "error" in document or found.technical is None:
        why = found.reason or (document or {}).get("error") or "it has no pictures"
        raise VsortdError(f"There are no shots of {found.path}: {why}.", paths=[found.path])
    report = shots_of(document)
    if outputs.shots is not None:
        write_text(outputs.shots, shots_csv(report), found.path)
    write_exports(outputs.edit, shot_parts(report), EditSource.of(found.path, found.technical.facts))
    for path in outputs.of_shots:
        note(console(stderr=True), f"Written to {path}.", style="dim")


def insist_on_folder(folder: Path) -> None:
    """Refuse what is no folder, and can't become one. Raises UsageError."""
    if os.path.lexists(folder) and not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", remedy="Name a folder.", paths=[folder])
    if not is_folder(folder.absolute().parent):
        raise UsageError(f"There is no folder {folder.absolute().parent}.", remedy="Make it first.")


def make_folder(folder: Path) -> None:
    """Make a folder if it isn't there. Raises UsageError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"Can't make {folder}: {error.strerror}.", paths=[folder]) from error


def _insist_on_names(out: Path, names: Sequence[str], files: Sequence[Path]) -> None:
    insist_on_folder(out)
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise UsageError(
                f"Two of the files would be written to {out / name}.",
                remedy="Write them into folders of their own.",
                paths=[out / name],
            )
        seen.add(name.casefold())
        if (out / name).absolute() in files:
            raise UsageError(f"{out / name} is to be read itself.", remedy="Name another folder.", paths=[out / name])


def _names(file: Path, *, foreign: bool) -> tuple[str, ...]:
    if foreign:
        return tuple(
            f"{file.stem}_{name}" for name in ("technical.json", "classifications.txt", "combined_analysis.json")
        )
    return (f"{file.name}{_OWN_ENDING}",)


def _write_analyses(found: Sequence[VideoAnalysis], out: Path, *, foreign: bool, scene_threshold: float) -> None:
    """Write what was measured into a folder, `foreign`: as DeepFFmpeg would. Raises UsageError.

    What couldn't be measured at all is left out.
    """
    written = 0
    make_folder(out)
    for one in found:
        if one.reason:
            continue
        texts = list(_foreign_texts(one, scene_threshold)) if foreign else [_own_text(one)]
        for name, text in zip(_names(one.path, foreign=foreign), texts, strict=True):
            write_text(out / name, text, one.path)
            written += 1
    note(console(stderr=True), f"Written {counted(written, 'file')} into {out}.", style="dim")


def _own_text(found: VideoAnalysis) -> str:
    return _json_text({"schema_version": SCHEMA_VERSION, "videos": [found.to_json()]})


def _json_text(document: object) -> str:
    """Return JSON in which no name steers a terminal that shows the file, as `print_json` prints it."""
    return encodable_json(printable_json(json.dumps(document, ensure_ascii=False, indent=2)), "utf-8") + "\n"


def _foreign_texts(found: VideoAnalysis, scene_threshold: float) -> Iterator[str]:
    from vsortd.analysis.deepffmpeg import combined_json, label_rows, technical_json

    technical = technical_json(found, scene_threshold=scene_threshold)
    yield _json_text(technical)
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows(label_rows(found))
    yield table.getvalue()
    yield _json_text(combined_json(found, technical))


# From what was written before


def refuse_beside_from(ctx: click.Context) -> None:
    """Refuse whatever was typed beside --from that speaks of measuring. Raises UsageError."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        source = ctx.get_parameter_source(name)
        if name in _BESIDE_FROM or source is None or source.name != "COMMANDLINE":
            continue
        raise _beside_from(parameter.opts[0] if parameter.opts[0].startswith("-") else "A video")
    if ctx.params["as_csv"]:
        raise _beside_from("--csv")


def _beside_from(told: str) -> UsageError:
    return UsageError(
        f"--from reads what was written before, and measures nothing: {told} has no place beside it.",
        remedy="Leave one of them out; --json and --out FOLDER go with --from.",
    )


def tell_stored(stored: Sequence[Path], outputs: Sequence[Path] | None, *, as_json: bool) -> int:
    """Tell the summaries anew, and return the exit code. Raises UsageError for a file or key that isn't right."""
    from vsortd.analysis.stored import read_stored
    from vsortd.cli.analyze_view import print_summaries

    wished = wished_outputs(outputs)
    if replace(wished, analysis=None) != wished_outputs(None):
        raise _beside_from("an --out of pictures or shots")
    out = wished.analysis
    paths = [as_on_disk(path) for path in stored]
    found = read_stored(paths)
    if out is not None:
        names = [name for one in found for name in _names(one.path, foreign=False)]
        _insist_on_names(out, names, [path.absolute() for path in paths])
        _write_analyses(found, out, foreign=False, scene_threshold=0)
    if as_json:
        documents: list[dict[str, Any]] = [one.to_json() for one in found]
        print_json({"schema_version": SCHEMA_VERSION, "videos": documents})
    else:
        print_summaries(found)
    return int(ExitCode.PARTIAL if any(one.reason or one.errors for one in found) else ExitCode.OK)
