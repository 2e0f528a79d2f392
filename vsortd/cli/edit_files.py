"""`--export`: parts of a video as files for editing programs, of `analyze` its shots, of `timeline` what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vsortd.cli.explain import insist_on_ending
from vsortd.cli.front.declared import Option
from vsortd.core.paths import as_on_disk
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.edit_exports import EditPart, EditSource

ExportOption = Annotated[
    list[Path] | None,
    Option(
        "--export",
        metavar="OUT",
        help="Write them for an editing program: .edl (CMX 3600), .fcpxml (Final Cut Pro, DaVinci Resolve), or .csv "
        "(LosslessCut); may be repeated.",
    ),
]


def checked_exports(exports: Sequence[Path] | None, video: Path) -> list[Path]:
    """Return what is to be written as it lies on the disk. Raises UsageError for another ending, and the video."""
    from vsortd.core.edit_exports import ENDINGS

    found = [as_on_disk(path) for path in exports or ()]
    for path in found:
        insist_on_ending(path, *ENDINGS)
        insist_on_another(path, video)
    return found


def insist_on_another(output: Path, video: Path) -> None:
    """Refuse to write over the video that is asked about, by whatever name. Raises UsageError."""
    try:
        same = output.samefile(video)
    except OSError:
        same = False
    if same:
        raise UsageError(f"{output} is the video itself.", remedy="Name another file to write.", paths=[output])


def write_exports(exports: Sequence[Path], parts: Sequence[EditPart], source: EditSource) -> None:
    """Write the parts into each file, in the format of its ending. Raises UsageError where that can't be done."""
    from vsortd.core.edit_exports import edit_text

    for path in exports:
        write_text(path, edit_text(path.suffix.lower(), parts, source), source.path)


def write_text(path: Path, text: str, video: Path) -> None:
    """Write what is told of a video into a file, for nobody whom that isn't for. Raises UsageError."""
    from vsortd.core.system.file_rights import make_for

    try:
        make_for(path, [video])
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror}.", paths=[path]) from error
