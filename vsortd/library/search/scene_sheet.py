"""The contact sheet of a search: each scene's best frame, with where and when, and how sure it is."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.drawing.colours import Tone
from vsortd.core.drawing.contact_sheet import Bar, Cell, Heading, draw_sheet
from vsortd.core.text import counted
from vsortd.core.units import about_clock
from vsortd.errors import VideoError
from vsortd.media.thumbnails import pictures_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from vsortd.media.pool import MediaPool
    from vsortd.media.thumbnails import Pixels

PICTURE_PX: Final = 480
MOST: Final = 48  # more can't be read
_SURE: Final = 0.5


def scene_sheet(media: MediaPool, scenes: Sequence[Mapping[str, Any]], *, title: str, subtitle: str) -> Image.Image:
    """Draw scenes (as `Hit.to_json` has them), best first; one whose frame can't be decoded has no picture."""
    shown = scenes[:MOST]
    pictures = _pictures(media, shown)
    cells = []
    for number, (scene, picture) in enumerate(zip(shown, pictures, strict=True), 1):
        span = f"{about_clock(scene['begin_s'])} \N{EN DASH} {about_clock(scene['end_s'])}"
        tone = Tone.WINNER if scene["score"] >= _SURE else Tone.CANDIDATE
        name = Path(scene["file"]).stem
        cells.append(Cell(picture, f"{number}  {span}", (Bar(name, scene["score"], tone),), tone))
    count = counted(len(scenes), "scene")
    footer = "" if len(shown) == len(scenes) else f"the first {len(shown)} of {count}"
    best = Tone.WINNER if shown and shown[0]["score"] >= _SURE else Tone.CANDIDATE
    return draw_sheet(
        Heading("search", badge=count, verdict=title, tone=best, reason=subtitle), (), cells, footer=footer
    )


def _pictures(media: MediaPool, scenes: Sequence[Mapping[str, Any]]) -> list[Pixels | None]:
    """Decode each scene's best frame; a video with several is opened once."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for place, scene in enumerate(scenes):
        by_file[scene["file"]].append(place)
    found: list[Pixels | None] = [None] * len(scenes)
    for file, places in by_file.items():
        try:
            clip = media.probe(Path(file))
            times_ms = [round(scenes[place]["peak_s"] * 1000) for place in places]
            for place, picture in zip(
                places, pictures_at(media, Path(file), clip, times_ms, side_px=PICTURE_PX), strict=True
            ):
                found[place] = picture
        except VideoError:  # gone or broken since; the others stand
            continue
    return found
