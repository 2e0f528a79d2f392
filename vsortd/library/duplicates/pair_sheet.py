"""A picture of each pair of duplicates: what both show at the same moments, over or beside one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from vsortd.core.drawing.colours import Tone
from vsortd.core.drawing.contact_sheet import Cell, Heading, Panel, draw_sheet
from vsortd.core.system.file_rights import make_for
from vsortd.core.units import about_size
from vsortd.errors import VideoError
from vsortd.library.duplicates.pair_check import PairRelation
from vsortd.media.thumbnails import pictures_at

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.library.duplicates.groups import DuplicateGroup, GroupMember, NearDuplicate
    from vsortd.media.pool import MediaPool
    from vsortd.media.thumbnails import Pixels

PICTURE_PX: Final = 320  # the longer side of one video's picture
_MOST_CELLS: Final = 6
_COPY_MOMENTS: Final = 4  # of copies, which nobody had to look at
_GAP_PX: Final = 4
_GROUND: Final = (33, 37, 45)  # a card's, see `sheet`
_AGREES: Final = 0.9
_VERDICTS: Final = {
    PairRelation.COPY: "the same file twice",
    PairRelation.SAME: "the same, from beginning to end",
    PairRelation.PART: "a part of it",
    PairRelation.ALIKE: "maybe the same",
}


def draw_groups(
    groups: Sequence[DuplicateGroup],
    media: MediaPool,
    folder: Path,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[Path, Path]:
    """Draw every video of every group beside the one it is like, into `folder`; return the PNGs by its path.

    They are named `<group>-<place in it>.png`, counted from 1. One that can't be decoded any more has "no picture" in
    the places of its frames. Raises OSError where the folder can't be written to, Cancelled.
    """
    drawn: dict[Path, Path] = {}
    total = sum(len(group.duplicates) for group in groups)
    for number, group in enumerate(groups, 1):
        for place, duplicate in enumerate(group.duplicates, 1):
            picture = folder / f"{number:03d}-{place}.png"
            sheet = pair_sheet(group, duplicate, media, cancel=cancel)
            make_for(picture, [duplicate.of.path, duplicate.member.path])
            sheet.save(picture, "PNG")
            drawn[duplicate.member.path] = picture
            if on_progress is not None:
                on_progress(len(drawn), total)
    return drawn


def pair_sheet(
    group: DuplicateGroup, duplicate: NearDuplicate, media: MediaPool, *, cancel: threading.Event | None = None
) -> Image.Image:
    """Return the picture of a video and the one it is like (A, and B), an RGB image."""
    moments, agreed = shown_moments(duplicate)
    rows = [
        _pictures(media, member, [times[side] for times in moments], cancel)
        for side, member in enumerate((duplicate.of, duplicate.member))
    ]
    cells = [
        Cell(
            _joined(first, second),
            f"A {clock(times[0])}   B {clock(times[1])}",
            stripe=Tone.WINNER if share >= _AGREES else Tone.AGAINST,
        )
        for first, second, times, share in zip(*rows, moments, agreed, strict=True)
    ]
    tone = Tone.CANDIDATE if duplicate.kind is PairRelation.ALIKE else Tone.WINNER
    panels = [_panel(f"{name}: {one.path.name}", one) for name, one in (("A", duplicate.of), ("B", duplicate.member))]
    heading = Heading(
        title=f"{duplicate.of.path.name} and {duplicate.member.path.name}",
        badge=duplicate.kind.value,
        verdict=verdict_of(duplicate),
        tone=tone,
        reason=_reason(group, duplicate),
    )
    legend = [(Tone.WINNER, "agrees")] + ([(Tone.AGAINST, "differs")] if min(agreed, default=1) < _AGREES else [])
    return draw_sheet(heading, panels, cells, legend=legend, footer=f"score {duplicate.score:.2f}")


def verdict_of(duplicate: NearDuplicate) -> str:
    """Return what a video is to the other one, in a few words."""
    if duplicate.kind is not PairRelation.PART:
        return _VERDICTS[duplicate.kind]
    if duplicate.member.duration_s <= duplicate.of.duration_s:
        return f"a part of it, from {clock(duplicate.begins_s)} on"
    return f"holds it, from {clock(-duplicate.begins_s)} on"


def clock(time_s: float) -> str:
    """Return a time of a video as m:ss.t, or h:mm:ss.t."""
    tenths = max(0, round(time_s * 10))
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{rest // 10:02d}.{rest % 10}"


def facts_of(member: GroupMember) -> str:
    """Return what a file is, in a few words."""
    shape = f"{member.width_px}x{member.height_px}" if member.width_px and member.height_px else "size unknown"
    return f"{shape}, {clock(member.duration_s)}, {about_size(member.size_bytes)}"


def shown_moments(duplicate: NearDuplicate) -> tuple[list[tuple[float, float]], list[float]]:
    """Return the moments to show, seconds of both, and how far they agree."""
    if not duplicate.moments_s:
        times = (np.arange(_COPY_MOMENTS) + 0.5) / _COPY_MOMENTS * duplicate.member.duration_s
        return [(max(0.0, float(time_s) + duplicate.begins_s), float(time_s)) for time_s in times], [
            1.0
        ] * _COPY_MOMENTS
    count = len(duplicate.moments_s)
    places = np.unique(np.linspace(0, count - 1, min(count, _MOST_CELLS)).round().astype(int))
    return [duplicate.moments_s[place] for place in places], [duplicate.agreed[place] for place in places]


def _pictures(
    media: MediaPool, member: GroupMember, times_s: Sequence[float], cancel: threading.Event | None
) -> list[Pixels | None]:
    try:
        clip = media.probe(member.path, cancel=cancel)
        times_ms = [max(0, round(time_s * 1000)) for time_s in times_s]
        return pictures_at(media, member.path, clip, times_ms, side_px=PICTURE_PX, cancel=cancel)
    except VideoError:  # it went away since; the other one's pictures still tell something
        return [None] * len(times_s)


def _joined(first: Pixels | None, second: Pixels | None) -> Pixels | None:
    """Return two pictures as one: wide ones over one another, high ones side by side, A first."""
    if first is None or second is None:
        return first if second is None else second
    one, other = Image.fromarray(first), Image.fromarray(second)
    over = one.width >= one.height
    size = max(one.width, other.width) if over else max(one.height, other.height)
    shown = [_scaled(picture, size, wide=over) for picture in (one, other)]
    width = size if over else shown[0].width + shown[1].width + _GAP_PX
    height = shown[0].height + shown[1].height + _GAP_PX if over else size
    both = Image.new("RGB", (width, height), _GROUND)
    both.paste(shown[0], (0, 0))
    both.paste(shown[1], (0, shown[0].height + _GAP_PX) if over else (shown[0].width + _GAP_PX, 0))
    return np.asarray(both)


def _scaled(picture: Image.Image, size: int, *, wide: bool) -> Image.Image:
    scale = size / (picture.width if wide else picture.height)
    shape = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(shape, Image.Resampling.LANCZOS)


def _panel(title: str, member: GroupMember) -> Panel:
    return Panel(title, note=f"{facts_of(member)}. {member.path.parent}")


def _reason(group: DuplicateGroup, duplicate: NearDuplicate) -> str:
    count = len(duplicate.moments_s)
    agree = sum(share >= _AGREES for share in duplicate.agreed)
    looked = f"{agree} of {count} moments that were compared agree. " if count else ""
    more = f"One of {len(group.duplicates) + 1} of a group. " if len(group.duplicates) > 1 else ""
    advice = "" if duplicate.kind is PairRelation.ALIKE else f"Perhaps worth keeping: {group.keep.path.name}. "
    return f"{looked}{more}{advice}Nothing was deleted or moved."
