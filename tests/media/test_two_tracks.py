"""Of several video tracks the film is looked at, not the larger still that a phone puts beside it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.media.conftest import Recipe, make
from vsortd.media.cut import cut
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.media.thumbnails import middle_picture, pictures_at

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.pool import MediaPool

Read = Callable[[Any], int]
SQUARE = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
FILM = Recipe(frames=48)  # 128x64, 2 s
STILLS = {
    "one frame": Recipe(frames=1, width=384, height=512),
    "one frame for 10 s": Recipe(frames=1, width=384, height=512),
    "top shots": Recipe(frames=5, width=384, height=512, times=(0, 10, 20, 30, 40)),
    "two frames for 20 s": Recipe(frames=2, width=384, height=512, times=(0, 480)),
}
ORDERS = ["film first", "still first"]
DEFAULT = {"both": ("default", "default"), "film": ("default", "0"), "still": ("0", "default")}


def joined(path: Path, film: Path, still: Path, *, order: str, default: str, options: tuple[str, ...] = ()) -> Path:
    """Put two videos into one file, copied."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg on this machine")
    given = [film, still]
    disposition = DEFAULT[default]
    if order == "still first":
        given, disposition = given[::-1], disposition[::-1]
    inputs = [word for one in given for word in ("-i", str(one))]
    flags = [word for place, flag in enumerate(disposition) for word in (f"-disposition:v:{place}", flag)]
    command = [ffmpeg, "-v", "error", *inputs, "-map", "0:v", "-map", "1:v", "-c", "copy", *flags, *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def held(path: Path, seconds: int) -> Path:
    """Let a file's only frame be shown for longer."""
    longer = path.with_name(f"held-{path.name}")
    slow = ["-itsscale", str(seconds * 24), "-i", str(path), "-c", "copy", str(longer)]
    subprocess.run([shutil.which("ffmpeg") or "ffmpeg", "-v", "error", *slow], check=True, timeout=60)
    return longer


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("parts")
    made = {"film": make(folder / "film.mp4", FILM)}
    for number, (name, recipe) in enumerate(STILLS.items()):
        made[name] = make(folder / f"still{number}.mp4", recipe)
    made["one frame for 10 s"] = held(made["one frame for 10 s"], 10)
    return made


@pytest.mark.few(5)
@pytest.mark.parametrize("default", DEFAULT)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("still", STILLS)
def test_the_film_is_judged_not_the_still(  # noqa: PLR0917 - three of what may differ
    still: str,
    order: str,
    default: str,
    parts: dict[str, Path],
    tmp_path: Path,
    pool: MediaPool,
    number_in: Read,
) -> None:
    path = joined(tmp_path / "a.mp4", parts["film"], parts[still], order=order, default=default)
    clip = pool.probe(path)
    assert (ORDERS.index(order), 128, 64, "landscape") == (
        clip.video_index,
        clip.width_px,
        clip.height_px,
        clip.orientation,
    )
    assert (48, pytest.approx(2.0), pytest.approx(24.0)) == (clip.frames, clip.duration_s, clip.fps)
    frames = pool.sample(path, clip, range(8), 8, SQUARE)
    numbers = [number_in(picture) for picture in frames.pixels]
    assert [round(number * 1000 / 24) for number in numbers] == pytest.approx(frames.times_ms.tolist(), abs=1)
    assert 8 == len(set(numbers))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_in_fragments_too(name: str, order: str, parts: dict[str, Path], tmp_path: Path, pool: MediaPool) -> None:
    """Their header says neither how many frames there are nor how long they last."""
    flags = ("-movflags", "frag_keyframe+empty_moov")
    still = parts["top shots"]
    path = joined(tmp_path / name, parts["film"], still, order=order, default="both", options=flags)
    clip = pool.probe(path)
    assert (ORDERS.index(order), 128, 48) == (clip.video_index, clip.width_px, clip.frames)
    assert 8 == len(pool.sample(path, clip, range(8), 8, SQUARE).times_ms)
    shown = pool.stills(path, [0.0, 1.9], side_px=64, timeout_s=30)  # what is read from its beginning begins there
    assert (2, 32, 64, 3) == shown.pixels.shape
    assert (0.0, 1.9) == (pytest.approx(shown.times_s[0], abs=0.01), pytest.approx(shown.times_s[1], abs=0.05))
    measured = pool.measure(path, sound=False, timeout_s=30).pictures
    assert not isinstance(measured, str)
    assert measured is not None
    assert 48 == len(measured.times_s)


@pytest.mark.parametrize(("default", "width"), [("both", 256), ("film", 128)])
def test_of_two_films_the_default_one_then_the_larger_is_judged(
    default: str, width: int, parts: dict[str, Path], tmp_path: Path, pool: MediaPool
) -> None:
    """The other film is as long and has half as many frames."""
    other = make(tmp_path / "other.mp4", Recipe(frames=24, width=256, height=128, rate=12))
    path = joined(tmp_path / "a.mp4", parts["film"], other, order="film first", default=default)
    assert width == pool.probe(path).width_px


def test_two_stills_are_still_looked_at(parts: dict[str, Path], tmp_path: Path, pool: MediaPool) -> None:
    small = make(tmp_path / "small.mp4", Recipe(frames=1))
    path = joined(tmp_path / "a.mp4", small, parts["one frame"], order="film first", default="both")
    assert (384, 1) == ((clip := pool.probe(path)).width_px, clip.frames)


def test_thumbnails_and_scenes_show_the_film(
    parts: dict[str, Path], tmp_path: Path, pool: MediaPool, number_in: Read
) -> None:
    still = parts["one frame for 10 s"]
    path = joined(tmp_path / "a.mov", parts["film"], still, order="still first", default="both")
    clip = pool.probe(path)
    middle = middle_picture(pool, path, clip, total=8, side_px=128)
    assert middle is not None
    assert (64, 128, 3) == middle.shape
    shown = pictures_at(pool, path, clip, [0, 1000, 1958], side_px=128)
    alone = pictures_at(pool, parts["film"], pool.probe(parts["film"]), [0, 1000, 1958], side_px=128)
    numbers = [number_in(picture) for picture in shown if picture is not None]
    assert 3 == len(set(numbers))
    assert [number_in(picture) for picture in alone if picture is not None] == numbers
    cut(path, tmp_path / "scene.mp4", clip, 0.5, 1.0, pool)
    facts = pool.probe(tmp_path / "scene.mp4")
    assert (128, 1) == (facts.width_px, sum(stream.kind == "video" for stream in facts.streams))


def test_a_real_second_track_without_samples_changes_nothing(clips: Path, pool: MediaPool) -> None:
    clip = pool.probe(clips / "media__sample_empty_track.mp4")
    assert (0, 30, [30, 0, 45]) == (clip.video_index, clip.frames, [stream.frames for stream in clip.streams])
    assert 0.9676 == pytest.approx(clip.duration_s, abs=1e-3)
    assert np.isfinite(clip.fps)
