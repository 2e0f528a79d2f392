"""Every subject the sample model knows, rendered as single pictures or as clips, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.sample_model import (
    capture,
    lighting,
    scenes_fire,
    scenes_high,
    scenes_inside,
    scenes_land,
    scenes_snow,
    scenes_town,
)
from tests.sample_model.canvas import Canvas, Light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.sample_model.noise import FloatArray

LEAST_CONTRAST = 5.0  # below it a person sees a dark or a white surface and no subject; such pictures are taken anew
PICTURE_PX = 144  # side of a rendered picture: a little more than the model's input, to leave room for crops


class Subject(StrEnum):
    """What a scene shows; UNKNOWN is what the model must not recognise."""

    FOREST = "forest"
    DESERT = "desert"
    SEA = "sea"
    MOUNTAINS = "mountains"
    CITY = "city"
    SNOW = "snow"
    MEADOW = "meadow"
    FIRE = "fire"
    FIREWORKS = "fireworks"
    BALL = "ball game"
    ROAD = "road"
    INDOOR = "indoor room"
    SLIDES = "text slides"
    SKY = "sky"
    UNKNOWN = "unknown"


class Camera(StrEnum):
    """Whether the camera of a clip stands still."""

    STILL = "still"
    MOVING = "moving"


Scene = Callable[[Canvas], str]
SCENES: dict[Subject, Scene] = {
    Subject.FOREST: scenes_land.forest,
    Subject.DESERT: scenes_land.desert,
    Subject.SEA: scenes_high.sea,
    Subject.MOUNTAINS: scenes_high.mountains,
    Subject.CITY: scenes_town.city,
    Subject.SNOW: scenes_snow.snow,
    Subject.MEADOW: scenes_land.meadow,
    Subject.FIRE: scenes_fire.fire,
    Subject.FIREWORKS: scenes_fire.fireworks,
    Subject.BALL: scenes_inside.ball,
    Subject.ROAD: scenes_town.road,
    Subject.INDOOR: scenes_inside.indoor,
    Subject.SLIDES: scenes_inside.slides,
    Subject.SKY: scenes_high.sky_only,
    Subject.UNKNOWN: scenes_fire.unknown,
}
KNOWN = tuple(subject for subject in Subject if subject is not Subject.UNKNOWN)
# Shares of day, sunset, night; fireworks by day are rare, fires are filmed in the dark.
LIGHT_SHARES: dict[Subject, tuple[float, float, float]] = {
    Subject.FIREWORKS: (0.03, 0.12, 0.85),
    Subject.FIRE: (0.3, 0.2, 0.5),
    Subject.INDOOR: (0.6, 0.1, 0.3),
}
USUAL_SHARES = (0.5, 0.2, 0.3)
# Subjects whose elements move while the camera stands: they are rendered again for every frame of a clip.
LIVELY = frozenset(
    {Subject.SEA, Subject.FIRE, Subject.FIREWORKS, Subject.BALL, Subject.ROAD, Subject.SNOW, Subject.CITY, Subject.SKY}
)


@dataclass(frozen=True, slots=True)
class RenderedPicture:
    """One rendered picture: RGB uint8 [h, w, 3], what it shows, its light, and the subject's own kind of it.

    `hour_shows` is false where nobody could tell the light: slides, flames that fill the picture, swapped colours.
    """

    pixels: NDArray[np.uint8]
    subject: Subject
    light: Light
    kind: str
    hour_shows: bool


def draw_subject(rng: np.random.Generator) -> tuple[Subject, Light]:
    """Return a subject and a light, by the shares that training uses; about one in ten is UNKNOWN."""
    subject = Subject.UNKNOWN if rng.random() < 0.1 else KNOWN[int(rng.integers(len(KNOWN)))]
    light = tuple(Light)[int(rng.choice(3, p=LIGHT_SHARES.get(subject, USUAL_SHARES)))]
    return subject, light


def render_picture(
    subject: Subject, light: Light, rng: np.random.Generator, *, side_px: int = PICTURE_PX
) -> RenderedPicture:
    """Return a square picture as a camera would have taken it (without the codec, see `photo.through_h264`)."""
    while True:
        canvas = Canvas(side_px, side_px, rng, light)
        canvas.driving = True
        img, kind = _compose(canvas, subject)
        if rng.random() < 0.5:
            img = img[:, ::-1]
        pixels, true_colours = capture.photograph(img.copy(), rng, light)
        if subject is Subject.UNKNOWN or capture.contrast(pixels) > LEAST_CONTRAST:
            return RenderedPicture(pixels, subject, light, kind, canvas.hour_shows and true_colours)


def _compose(c: Canvas, subject: Subject) -> tuple[FloatArray, str]:
    backdrop = lighting.sky(c)
    if subject is Subject.FIREWORKS:  # by day they would hardly show before the brightest skies
        backdrop = backdrop * c.uniform(0.5, 0.85)
    kind = SCENES[subject](c)
    if subject is Subject.UNKNOWN:
        c.hour_shows = False
    lamps = subject is not Subject.SKY  # nobody lights clouds
    return lighting.expose(c, backdrop, own_light=_own_light(c, subject), lamps=lamps), kind


def _own_light(c: Canvas, subject: Subject) -> float | FloatArray:
    if not c.hour_shows:
        return 1.0
    if subject is Subject.SNOW and c.light is not Light.DAY:  # what is white gives back the light there is
        share = c.uniform(0.25, 0.65) if c.light is Light.SUNSET else c.uniform(0.08, 0.35)
        return np.asarray(np.clip((c.img.min(-1) - 0.35) * 3, 0, 1) * np.float32(share))
    return _own_lamps(c, subject)


def _own_lamps(c: Canvas, subject: Subject) -> float | FloatArray:
    if subject is Subject.INDOOR:
        return {Light.DAY: 1.0, Light.SUNSET: c.uniform(0.3, 0.8), Light.NIGHT: c.uniform(0.05, 0.55)}[c.light]
    if subject is Subject.BALL and c.light is Light.NIGHT and c.chance(0.6):
        # floodlights: the middle of the ground is lit, the rest lies in the dark
        x, y = c.aspect * c.uniform(0.3, 0.7), c.uniform(0.45, 0.8)
        return c.spot(x, y, c.uniform(0.25, 0.6), c.uniform(2, 5)) * c.uniform(0.5, 0.9)
    if subject is Subject.SKY and c.light is Light.SUNSET:  # clouds catch the last light longest
        return c.uniform(0.25, 0.7)
    if subject in {Subject.CITY, Subject.FIRE} and c.light is Light.NIGHT:
        return c.uniform(0.0, 0.3)
    return 0.0


def render_clip(
    subject: Subject,
    light: Light,
    *,
    seed: int,
    width_px: int,
    height_px: int,
    frames: int,
    fps: float = 25.0,
    camera: Camera = Camera.STILL,
) -> Iterator[NDArray[np.uint8]]:
    """Return the frames of a clip, RGB uint8 [height_px, width_px, 3], the same for the same arguments.

    The scene is rendered small, on a canvas somewhat larger than the picture, ten times a second where it moves, and
    seen through a window that pans and zooms if the camera moves.
    """
    window, canvas_size = _clip_sizes(width_px, height_px, camera)
    path = np.random.default_rng((seed, 99)).uniform(0, 1, 4)
    lively = subject in LIVELY
    scene: NDArray[np.uint8] | None = None
    gain = 0.0
    hold = max(1, round(fps / 10))
    for index in range(frames):
        if scene is None or (lively and index % hold == 0):
            light_of_it = _clip_scene(subject, light, seed, canvas_size, index / fps, driving=camera is Camera.MOVING)
            gain = gain or capture.exposure_gain(light_of_it, light)  # held through the clip: no flicker
            scene = np.asarray(capture.roll_off(light_of_it * gain) * 255, np.uint8)
        way = index / max(frames - 1, 1)
        free = (canvas_size[0] - window[0], canvas_size[1] - window[1])
        top = free[0] * (path[0] + (path[1] - path[0]) * way)
        left = free[1] * (path[2] + (path[3] - path[2]) * way)
        box = (left, top, left + window[1], top + window[0])
        yield np.asarray(Image.fromarray(scene).resize((width_px, height_px), Image.Resampling.BICUBIC, box=box))


def clip_hour_shows(
    subject: Subject, light: Light, *, seed: int, width_px: int, height_px: int, camera: Camera = Camera.STILL
) -> bool:
    """Return whether the clip that these arguments render shows what light it is; see `RenderedPicture`."""
    _, size = _clip_sizes(width_px, height_px, camera)
    canvas = Canvas(size[0], size[1], np.random.default_rng(seed), light)
    _compose(canvas, subject)
    return canvas.hour_shows


def _clip_sizes(width_px: int, height_px: int, camera: Camera) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rows and columns of the window that is shown and of the canvas that it moves on."""
    work_h = PICTURE_PX if width_px >= height_px else PICTURE_PX * 5 // 4
    window = (work_h, max(2, round(work_h * width_px / height_px)))
    room = 1.25 if camera is Camera.MOVING else 1.0
    return window, (round(window[0] * room), round(window[1] * room))


def _clip_scene(
    subject: Subject, light: Light, seed: int, size: tuple[int, int], time_s: float, *, driving: bool
) -> FloatArray:
    canvas = Canvas(size[0], size[1], np.random.default_rng(seed), light, time_s + 0.01)
    canvas.driving = driving
    img, _ = _compose(canvas, subject)
    return np.clip(img, 0, 1.6)
