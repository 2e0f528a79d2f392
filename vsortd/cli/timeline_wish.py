"""What is typed behind `vsortd timeline`, and what of it can't be."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from vsortd.cli.edit_files import edit_kind, insist_on_another
from vsortd.cli.numbers import seconds_of
from vsortd.cli.out_files import OutKind, kinds_of, only_one
from vsortd.core.paths import own_name
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.library.timeline.spans import Reading
    from vsortd.library.timeline.track import Wish

FINE_S = 0.2
_LEAST_PRECISION_S = 0.02  # a frame at 50 a second
_TIMES = "0.2s, 500ms or 2m"


class TimelinePace(StrEnum):
    """Which frames are looked at."""

    SECOND = "second"
    SHOT = "shot"


def insist_on_a_file(file: Path) -> None:
    """Refuse a folder, and what is not there. Raises UsageError."""
    try:
        folder, there = file.is_dir(), file.is_file()
    except OSError as error:
        raise UsageError(f"Can't look at {file}: {error.strerror}.", paths=[file]) from error
    if folder:
        raise UsageError(
            f"{file} is a folder; timeline takes one video.",
            remedy="`vsortd search` looks through all of them.",
            paths=[file],
        )
    if not there:
        raise UsageError(f"{file} is not there.", remedy="Name a video.", paths=[file])


def wished_outputs(outputs: Sequence[Path] | None, video: Path) -> tuple[Path | None, Path | None, list[Path]]:
    """Return where the plot and the chapters are to be written, and the files for editing programs.

    What can't be written, or can't be drawn here, is refused before the work begins. Raises UsageError.
    """
    from vsortd.library.timeline.chapters import ENDINGS, insist_on_ours

    found = kinds_of(outputs, (OutKind("plot", (".png",)), edit_kind(), OutKind("chapters", tuple(ENDINGS))))
    plot, chapters = only_one(found["plot"]), only_one(found["chapters"])
    if plot is not None:
        from vsortd.core.drawing.time_plots import insist_on_matplotlib

        insist_on_matplotlib()
    if chapters is not None:
        insist_on_ours(chapters)
    for path in found["edit"]:
        insist_on_another(path, video)
    return plot, chapters, found["edit"]


def insist_on_shots_alone(typed: Mapping[str, object]) -> None:
    """Refuse what makes no sense of one picture a shot. Raises UsageError."""
    for option, value in typed.items():
        if value is not None:
            raise UsageError(
                f"{option} and --per shot exclude one another.",
                remedy="Of a shot there is one picture, and its edges are cuts: leave either out.",
            )


def precision_of(text: str | None, *, fine: bool) -> float | None:
    """Return how closely edges are wanted, seconds; None for as the frames lie. Raises UsageError."""
    if text is None:
        return FINE_S if fine else None
    precision_s = seconds_of("--tolerance", text, _TIMES)
    if precision_s < _LEAST_PRECISION_S:
        raise UsageError(
            f"--tolerance {text} is finer than frames are.", remedy=f"{_LEAST_PRECISION_S:g}s is as fine as it gets."
        )
    return precision_s


def reading_of(levels: tuple[float, float | None], times: Mapping[str, str | None], per: TimelinePace) -> Reading:
    """Return how log-odds are read: `levels` are --on and --off, `times` the lengths by their options.

    Each shot is for itself: nothing is smoothed over, bridged or dropped there. Raises UsageError.
    """
    from vsortd.library.timeline.spans import Reading

    on, off = levels
    usual = Reading()
    lowest = min(usual.off, on) if off is None else off
    if lowest > on:
        raise UsageError(f"--off {lowest:g} is above --on {on:g}.", remedy="A span ends at or below where it begins.")
    if per is TimelinePace.SHOT:
        return Reading(on, lowest, smooth_s=0.0, bridge_s=0.0, least_s=0.0)
    smooth_s, bridge_s, least_s = (
        None if text is None else seconds_of(name, text, _TIMES) for name, text in times.items()
    )
    return Reading(
        on,
        lowest,
        usual.smooth_s if smooth_s is None else smooth_s,
        usual.bridge_s if bridge_s is None else bridge_s,
        usual.least_s if least_s is None else least_s,
    )


def wish_of(
    file: Path, prompts: tuple[list[str], list[str]], fps: float | None, precision_s: float | None, reading: Reading
) -> Wish:
    """Return what is asked of the file, by its own name where it is a link; each prompt once."""
    from vsortd.library.timeline.track import Wish

    wished, against = (tuple(dict.fromkeys(text.strip() for text in texts)) for texts in prompts)
    return Wish(own_name(file), wished, against, fps, precision_s, reading)
