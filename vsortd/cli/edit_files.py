"""Parts of a video as files for editing programs: of `analyze` its shots, of `timeline` what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.cli.out_files import OutKind
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.edit_exports import EditPart, EditSource

EDIT_HELP: Final = ".edl (CMX 3600), .fcpxml (Final Cut Pro, DaVinci Resolve) or .csv (LosslessCut), for editing"
"""What the help says of them."""


def edit_kind() -> OutKind:
    """Return what stands for such files among the outputs of a command."""
    from vsortd.core.edit_exports import ENDINGS

    return OutKind("edit", tuple(ENDINGS), several=True)


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
