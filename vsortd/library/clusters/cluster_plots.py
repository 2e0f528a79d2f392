"""The pictures of `vsortd cluster`: a map of all videos, and a sheet of each group's typical frames."""

from __future__ import annotations

import colorsys
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.system.file_rights import make_for
from vsortd.core.text import counted
from vsortd.errors import UsageError, VideoError
from vsortd.library.clusters.projection import insist_on_libraries

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from PIL import Image, ImageDraw
    from PIL.PngImagePlugin import PngInfo

    from vsortd.core.drawing.contact_sheet import Panel
    from vsortd.core.video_facts import Clip
    from vsortd.index.video import IndexedVideo
    from vsortd.library.clusters.grouping import Cluster, ClusterMember, Grouping
    from vsortd.library.clusters.label_layout import Box
    from vsortd.media.pool import MediaPool
    from vsortd.media.thumbnails import Pixels

Colour = tuple[int, int, int]

_DPI: Final = 150
_SIZE_IN: Final = (11.0, 8.4)
_GROUND, _NOISE_INK = "#ffffff", "#b9bfc9"
_INK: Final[Colour] = (32, 36, 43)
_DIM: Final[Colour] = (107, 114, 128)
_TOP_PX, _EDGE_PX = 92, 34
_NAME_PX, _PAD_PX = 19, 5
_MOST_NAMES: Final = 80  # on a map; the largest groups have theirs
_WIDEST_GAP: Final = 0.04  # of the width
_SIDE_PX: Final = 300
_TYPICAL: Final = 12  # pictures of a sheet
_MARK: Final = ("vsortd", "sheet of a group")  # written into the PNG
_AT_ONCE: Final = 4  # videos that are asked for pictures; the pool decides how many it decodes
_TURN: Final = 0.61803398875  # golden ratio: each hue is far from those just before


def draw_map(grouping: Grouping, out: Path) -> None:
    """Write the map of all videos to `out`, a PNG. Raises UsageError where that can't be or matplotlib is missing."""
    insist_on_libraries(["matplotlib"])
    picture = map_picture(grouping)
    try:
        picture.save(out, "PNG", optimize=True)
    except OSError as error:
        raise UsageError(f"Can't write {out}: {error.strerror or error}.", paths=[out]) from error


def map_picture(grouping: Grouping) -> Image.Image:
    """Return the map: a dot a video, the groups coloured and named, noise grey below them; RGB."""
    from PIL import Image

    pixels, spots = _dots(grouping)
    picture = Image.fromarray(pixels)
    _write_title(picture, grouping)
    _write_names(picture, grouping, spots)
    return picture


def group_colour(number: int) -> Colour:
    """Return the colour of a group by its number: hues far from one another, in turn bright, dark and pale."""
    hue = (0.58 + (number - 1) * _TURN) % 1.0
    light, strength = ((0.46, 0.72), (0.34, 0.62), (0.60, 0.60))[((number - 1) // 5) % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, light, strength)
    return round(red * 255), round(green * 255), round(blue * 255)


def _dots(grouping: Grouping) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Return the picture with the dots, uint8 [h, w, 3], and where on it each video stands, [n, 2]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, facecolor=_GROUND)
    canvas: Any = FigureCanvasAgg(figure)
    wide, high = (round(inches * _DPI) for inches in _SIZE_IN)
    box = (_EDGE_PX / wide, _EDGE_PX / high, 1 - 2 * _EDGE_PX / wide, 1 - (_TOP_PX + _EDGE_PX) / high)
    axes = figure.add_axes(box)
    axes.set_axis_off()
    axes.margins(0.07)
    xy = _squeezed(grouping.map_xy) if grouping.neighbors else grouping.map_xy
    size = _dot_size(len(xy))
    colours = np.array([group_colour(group.number) for group in grouping.groups] or [_INK]) / 255
    noise = grouping.labels < 0
    axes.scatter(xy[noise, 0], xy[noise, 1], s=size * 0.8, c=_NOISE_INK, linewidths=0)
    # in an order that has nothing to do with groups, or the last would lie upon all others
    inside = np.random.default_rng(0).permutation(np.flatnonzero(~noise))
    edge = 0.5 if len(xy) <= 1000 else 0.0  # noqa: PLR2004 - below, the dots are large enough for an edge
    axes.scatter(
        xy[inside, 0], xy[inside, 1], s=size, c=colours[grouping.labels[inside]], linewidths=edge, edgecolors="white"
    )
    canvas.draw()
    spots = axes.transData.transform(xy.astype(np.float64)) if len(xy) else np.zeros((0, 2))
    spots[:, 1] = high - spots[:, 1]
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy(), spots


def _dot_size(count: int) -> float:
    """Return the area of a dot, square points: all together cover the same part, as far as they can be seen."""
    return float(np.clip(9000 / max(count, 1), 1.2, 110))


def _squeezed(xy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the map with wide empty bands made narrow: how far UMAP's islands lie apart says nothing."""
    narrow = np.empty_like(xy)
    for axis in range(2):
        order = np.argsort(xy[:, axis], kind="stable")
        gaps = np.diff(xy[order, axis])
        most = _WIDEST_GAP * float(gaps.sum())
        narrow[order, axis] = np.concatenate([[0], np.minimum(gaps, most).cumsum()])
    return narrow


def _write_title(picture: Image.Image, grouping: Grouping) -> None:
    from PIL import ImageDraw

    from vsortd.core.drawing.lettering import lettering

    canvas = ImageDraw.Draw(picture)
    groups, videos = len(grouping.groups), len(grouping.films)
    title = f"{counted(videos, 'video')} in {counted(groups, 'group')}"
    lettering(26, bold=True).draw(canvas, (_EDGE_PX, 24), title, _INK)
    how = f"UMAP, {grouping.neighbors} neighbours" if grouping.neighbors else "too few for UMAP"
    note = f"near each other: alike · grey: {len(grouping.noise):,} in no group · {how}, groups of {grouping.min_size} "
    more = f" · names of the {_MOST_NAMES} largest" if groups > _MOST_NAMES else ""
    small = lettering(15)
    text = small.fitted(f"{note}or more · seed {grouping.seed}{more}", picture.width - 2 * _EDGE_PX)
    small.draw(canvas, (_EDGE_PX, 62), text, _DIM)


def _write_names(picture: Image.Image, grouping: Grouping, spots: npt.NDArray[np.float64]) -> None:
    """Write the names, those of the largest groups first, each beside its group where it covers the least."""
    from PIL import ImageDraw

    from vsortd.core.drawing.lettering import lettering
    from vsortd.library.clusters.label_layout import Room, core_of

    dot_px = math.sqrt(_dot_size(len(spots))) / 2 * _DPI / 72  # from the area in square points
    font, room = lettering(_NAME_PX, bold=True), Room(picture.size, spots, top_px=_TOP_PX, dot_px=dot_px)
    canvas = ImageDraw.Draw(picture, "RGBA")
    for place, group in enumerate(grouping.groups[:_MOST_NAMES]):
        own, colour = core_of(spots[grouping.labels == place]), group_colour(group.number)
        text = font.fitted(group.name, 260)
        box = room.take(own, (font.width_px(text) + 2 * _PAD_PX, font.height_px + _PAD_PX))
        _point_to(canvas, box, own, colour)
        canvas.rounded_rectangle(box, 5, fill=(255, 255, 255, 225), outline=(*colour, 255), width=2)
        font.draw(canvas, (box[0] + _PAD_PX, box[1] + _PAD_PX / 2 - 1), text, _INK)


def _point_to(canvas: ImageDraw.ImageDraw, box: Box, own: npt.NDArray[np.float64], colour: Colour) -> None:
    """Draw a line from a name to the nearest dot of its group."""
    x, y = np.clip(own[:, 0], box[0], box[2]), np.clip(own[:, 1], box[1], box[3])
    way = np.hypot(x - own[:, 0], y - own[:, 1])
    nearest = int(way.argmin())
    if way[nearest] > 0:
        canvas.line((x[nearest], y[nearest], *own[nearest]), fill=(*colour, 255), width=2)


# The sheet of a group


def draw_group_sheets(
    grouping: Grouping,
    media: MediaPool,
    clip_of: Callable[[Path], Clip],
    folder: Path,
    *,
    cancel: threading.Event | None = None,
) -> list[Path]:
    """Write a contact sheet of each group into the folder, which is there, and return the files; decodes anew.

    `clip_of` gives a video's facts, or raises VideoError: `media.probe`, or what knows them already.

    The files are called "01 forest.png". Sheets of an earlier run are removed, by the mark that they carry; other
    pictures are neither removed nor replaced. Raises UsageError for one that is in the way, and for a folder that can't
    be written to.
    """
    names = [f"{group.number:02d} {_file_name(group.name)}.png" for group in grouping.groups]
    made = [folder / name for name in names]
    try:
        for old in sorted(folder.glob("[0-9]*.png")):
            if _is_ours(old):
                old.unlink()
            elif old in made:
                raise UsageError(
                    f"{old} is no sheet of vsortd's, so it is not replaced.",
                    remedy="Name another folder, or move it away.",
                    paths=[old],
                )
        for group, path in zip(grouping.groups, made, strict=True):
            sheet = group_sheet(group, media, clip_of, len(grouping.groups), cancel=cancel)
            make_for(path, [member.film.path for member in group.members])
            sheet.save(path, "PNG", optimize=True, pnginfo=_mark())
    except OSError as error:
        raise UsageError(f"Can't write into {folder}: {error.strerror or error}.", paths=[folder]) from error
    return made


def _file_name(name: str) -> str:
    return "".join(char if char.isalnum() or char in " -_" else "_" for char in name)[:80]


def _mark() -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(*_MARK)
    return info


def _is_ours(path: Path) -> bool:
    """Tell whether a picture is a sheet of an earlier run."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.info.get(_MARK[0]) == _MARK[1]
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return False


def group_sheet(
    group: Cluster,
    media: MediaPool,
    clip_of: Callable[[Path], Clip],
    groups: int,
    *,
    cancel: threading.Event | None = None,
) -> Image.Image:
    """Return the sheet of a group out of so many: its most typical videos, each by its frame nearest to the centre."""
    from vsortd.core.drawing.colours import Tone
    from vsortd.core.drawing.contact_sheet import Cell, Heading, draw_sheet

    shown = group.members[:_TYPICAL]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sheet") as helpers:

        def picture(member: ClusterMember) -> Pixels | None:
            return _picture(member, group, (media, clip_of), cancel)

        pictures = list(helpers.map(picture, shown))
    cells = [
        Cell(pixels, f"{_clock(typical_time_ms(member.film, group.centre))}  {member.film.path.name}")
        for member, pixels in zip(shown, pictures, strict=True)
    ]
    heading = Heading(
        f"Group {group.number} of {groups}",
        badge=counted(len(group.members), "video"),
        verdict=group.name,
        tone=Tone.WINNER if group.score else Tone.OTHER,
        reason=_reason(group),
    )
    footer = f"the {len(shown)} most typical" if len(group.members) > len(shown) else "the most typical first"
    return draw_sheet(heading, _panels(group), cells, footer=footer)


def typical_time_ms(film: IndexedVideo, centre: npt.NDArray[np.float32]) -> int:
    """Return the moment of a film whose frame is the nearest to a group's centre."""
    return int(film.times_ms[int(np.argmax(film.vectors.astype(np.float32) @ centre))])


def _picture(
    member: ClusterMember,
    group: Cluster,
    source: tuple[MediaPool, Callable[[Path], Clip]],
    cancel: threading.Event | None,
) -> Pixels | None:
    from vsortd.media.thumbnails import pictures_at

    film, (media, clip_of) = member.film, source
    try:
        clip = clip_of(film.path)
        moment = typical_time_ms(film, group.centre)
        return pictures_at(media, film.path, clip, [moment], side_px=_SIDE_PX, cancel=cancel)[0]
    except VideoError:  # moved or broken since it was indexed: the group stands without its picture
        return None


def _reason(group: Cluster) -> str:
    if not group.score:
        return "No word that the model knows tells this group from the others."
    fits = f"It fits your rule {group.rule}. " if group.rule else ""
    prompts = f"Fits it best: {', '.join(group.prompts)}. " if group.prompts else ""
    return f"{fits}{prompts}The name tells it from the other groups by {group.score:.2f} bits."


def _panels(group: Cluster) -> tuple[Panel, ...]:
    from vsortd.core.drawing.colours import Tone
    from vsortd.core.drawing.contact_sheet import Bar, Panel

    best = max((one.score for one in group.candidates), default=0.0) or 1.0
    names = tuple(
        Bar(one.name, one.score / best, Tone.WINNER if one.name == group.name else Tone.OTHER)
        for one in group.candidates[:5]
        if one.score > 0
    )
    count = len(group.members)
    folders = tuple(Bar(_tail(path), n / count) for path, n in list(group.folders.items())[:5])
    strength = sum(member.strength for member in group.members) / count
    how = (Bar("likeness", group.tightness), Bar("belonging", strength))
    return (
        Panel("Names, against the best", names),
        Panel("Comes from", folders, f"{counted(len(group.folders), 'folder')} in all"),
        Panel("How tight", how, "Mean cosine of the videos to the centre; mean probability of HDBSCAN."),
    )


def _tail(folder: str) -> str:
    from pathlib import PurePath

    return "/".join(PurePath(folder).parts[-2:])


def _clock(time_ms: int) -> str:
    minutes, seconds = divmod(time_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
