"""Cutting scenes out: what comes out of two ffmpegs is compared with the source, picture by picture and by ear."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from vsortd.errors import BrokenError, Cancelled, FilingError, UsageError
from vsortd.media.cut import Cut, CutKind, cut, packets_of
from vsortd.media.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from vsortd.media.pool import MediaPool

Build = Callable[..., Path]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
FPS = 24
# two seconds and more between keyframes, and pictures stored in another order than shown
LONG_GROUPS = {"gop": 200, "frames": 120, "codec_options": {"bf": "3", "sc_threshold": "0"}}
SHORT_GROUPS = {**LONG_GROUPS, "gop": 48}
OPEN_GROUPS = {
    "codec": "libx265",
    "frames": 120,
    "codec_options": {"x265-params": "log-level=none:keyint=48:min-keyint=48:open-gop=1:bframes=4:scenecut=0"},
}


@pytest.fixture(params=["/usr/bin/ffmpeg", "wheel"])
def ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run a test with the system's ffmpeg and with the one of the imageio-ffmpeg wheel."""
    path = imageio_ffmpeg.get_ffmpeg_exe() if request.param == "wheel" else request.param
    if not Path(path).is_file():
        pytest.skip(f"no {request.param} here")
    monkeypatch.setenv("VSORTD_FFMPEG", path)
    return Path(path)


def run(source: Path, begin_s: float, end_s: float, pool: MediaPool, folder: Path) -> tuple[Cut, Path]:
    """Cut into an empty folder; check that the result alone is there, and that the source is untouched."""
    before = (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns)
    out = folder / f"scenes of {source.stem}"
    out.mkdir()
    made = cut(source, out / "scene.mp4", pool.probe(source), begin_s, end_s, pool)
    assert before == (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns)
    assert ["scene.mp4"] == [path.name for path in out.iterdir()]
    assert made.size_bytes == (out / "scene.mp4").stat().st_size
    return made, out / "scene.mp4"


def pictures(path: Path, index: int, until_s: float) -> list[tuple[float, Pixels]]:
    """Return the pictures that are shown before a moment, small and grey, with their times from the beginning."""
    shown: list[tuple[float, Pixels]] = []
    with av.open(str(path)) as container:
        start_s = (container.start_time or 0) / 1e6
        for frame in container.decode(container.streams[index]):
            assert isinstance(frame, av.VideoFrame)
            assert frame.time is not None
            if frame.time - start_s >= until_s:
                break
            shown.append((frame.time - start_s, frame.to_ndarray(format="gray", width=64, height=48)))
    return shown


def numbers(path: Path, number_in: Callable[[Any], int]) -> list[int]:
    with av.open(str(path)) as container:
        return [number_in(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def sound(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the first channel at 48 kHz, each sample at its time."""
    samples = np.zeros(48000 * 8, np.float32)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=48000)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            piece = np.concatenate([part.to_ndarray().ravel() for part in resampler.resample(frame)])
            at = round(frame.time * 48000)
            samples[max(0, at) : at + len(piece)] = piece[max(0, -at) :]
    return samples


def lag_ms(source: Path, begin_s: float, result: Path) -> float:
    """Return by how much the result's sound is late against the source's, at the same moment of the film."""
    heard = sound(result)[4800:9600]
    at, around = round(begin_s * 48000) + 4800, 960
    given = sound(source)[at - around : at + len(heard) + around]
    return float(np.argmax(np.correlate(given, heard, "valid")) - around) / -48


@pytest.mark.usefixtures("ffmpeg")
def test_a_copy_far_from_a_keyframe_begins_at_the_wished_picture(
    clip_file: Build, tmp_path: Path, pool: MediaPool, number_in: Callable[[Any], int]
) -> None:
    source = clip_file("Film.mp4", audio="aac", **LONG_GROUPS)
    made, result = run(source, 2.02, 3.0, pool, tmp_path)
    assert (CutKind.COPY, 2.0) == (made.kind, made.begin_s)
    assert 3.0 <= made.end_s < 3.3
    assert "ignores MP4 edit lists shows 2.00 s more" in made.note
    assert list(range(48, round(made.end_s * FPS))) == numbers(result, number_in)
    assert pytest.approx(0, abs=0.001) == pictures(result, 0, 0.1)[0][0]
    assert pytest.approx(made.end_s - made.begin_s, abs=0.05) == pool.probe(result).duration_s
    assert abs(lag_ms(source, made.begin_s, result)) < 1
    data = result.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


@pytest.mark.few(2)
@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    ("recipe", "begin_s", "shown_s"),
    [(SHORT_GROUPS, 2.4, 2.0), (OPEN_GROUPS, 2.0, 2.0), (OPEN_GROUPS, 1.96, 2.0)],
    ids=["after it", "at it, open groups", "before it, open groups"],
)
def test_a_copy_near_a_keyframe_begins_there(  # noqa: PLR0917 - what is cut where, and fixtures
    recipe: dict[str, Any],
    begin_s: float,
    shown_s: float,
    clip_file: Build,
    tmp_path: Path,
    pool: MediaPool,
    number_in: Callable[[Any], int],
) -> None:
    source = clip_file("Film.mp4", audio="aac", **recipe)
    made, result = run(source, begin_s, 3.0, pool, tmp_path)
    assert (CutKind.COPY, shown_s) == (made.kind, made.begin_s)
    assert "edit list" not in made.note
    assert ("keyframe" in made.note) == (begin_s != shown_s)
    assert list(range(48, round(made.end_s * FPS))) == numbers(result, number_in)
    assert abs(lag_ms(source, made.begin_s, result)) < 1
    assert (b"hvc1" in result.read_bytes()) == ("codec" in recipe)


@pytest.mark.usefixtures("ffmpeg")
def test_a_scene_is_cut_out_of_a_scene(
    clip_file: Build, tmp_path: Path, pool: MediaPool, number_in: Callable[[Any], int]
) -> None:
    """The source has an edit list of its own, which moves its keyframes before its beginning."""
    source = clip_file("Film.mp4", audio="aac", **LONG_GROUPS)
    _, scene = run(source, 1.0, 4.0, pool, tmp_path)
    made, result = run(scene, 1.0, 1.5, pool, tmp_path)
    assert (CutKind.COPY, 1.0) == (made.kind, made.begin_s)
    assert list(range(48, 48 + round((made.end_s - 1) * FPS))) == numbers(result, number_in)
    assert abs(lag_ms(source, 2.0, result)) < 1


@pytest.mark.usefixtures("ffmpeg")
def test_what_mp4_can_not_hold_is_encoded_anew_to_the_picture(
    clip_file: Build, tmp_path: Path, pool: MediaPool, number_in: Callable[[Any], int]
) -> None:
    prores = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "format": "mov"}
    source = clip_file("Film.mov", frames=48, audio="pcm_s16le", **prores)
    made, result = run(source, 0.52, 1.5, pool, tmp_path)
    assert (CutKind.TRANSCODE, 0.5, 1.5) == (made.kind, made.begin_s, made.end_s)
    assert "does not fit MP4" in made.note
    assert list(range(12, 36)) == numbers(result, number_in)
    assert abs(lag_ms(source, 0.5, result)) < 1
    facts = pool.probe(result)
    assert ("h264", "alac") == (facts.video_codec, facts.audio_codec)


def test_turn_and_lossless_sound_stay_and_the_date_moves_with_the_beginning(
    clip_file: Build, tmp_path: Path, pool: MediaPool
) -> None:
    created = {"creation_time": "2024-05-01T10:00:00.000000Z"}
    source = clip_file(
        "Film.mov", format="mov", rotation=90, audio="pcm_s16le", metadata=created, **{**LONG_GROUPS, "gop": 24}
    )
    made, result = run(source, 3.1, 4.0, pool, tmp_path)
    before, facts = pool.probe(source), pool.probe(result)
    assert (CutKind.COPY, 3.0, "alac") == (made.kind, made.begin_s, facts.audio_codec)
    assert (before.rotation_deg, before.shown_width_px) == (facts.rotation_deg, facts.shown_width_px)
    assert facts.rotation_deg
    assert "2024-05-01T10:00:03.000000Z" == facts.tags["creation_time"]
    assert abs(lag_ms(source, made.begin_s, result)) < 1


def test_hdr_stays_hdr(hdr_file: Path, tmp_path: Path, pool: MediaPool) -> None:
    made, result = run(hdr_file, 0.0, 0.1, pool, tmp_path)
    facts = pool.probe(result)
    assert (CutKind.COPY, True, "yuv420p10le") == (made.kind, facts.hdr, facts.pixel_format)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "name",
    [
        "streamio-ffmpeg__file_with_data_streams.mp4",
        "shared-assets__flower-fragmented.mp4",
        "rails__rotated_hdr_video.mov",
    ],
)
def test_a_real_clip_is_copied(name: str, clips: Path, tmp_path: Path, pool: MediaPool) -> None:
    source = clips / name
    made, result = run(source, 0.7, 1.6, pool, tmp_path)
    clip, facts = pool.probe(source), pool.probe(result)
    assert CutKind.COPY is made.kind
    given, shown = pictures(source, clip.video_index, made.end_s), pictures(result, facts.video_index, 9)
    for time_s, picture in (shown[0], shown[-1]):
        _, same = min(given, key=lambda one: abs(one[0] - (made.begin_s + time_s)))
        assert np.array_equal(same, picture)
    assert len(shown) == sum(time_s >= made.begin_s - 0.001 for time_s, _ in given)


def test_times_beyond_the_film_mean_its_edges(
    clip_file: Build, tmp_path: Path, pool: MediaPool, number_in: Callable[[Any], int]
) -> None:
    source = clip_file("Film.mp4", frames=24)
    made, result = run(source, -3.0, 99.0, pool, tmp_path)
    assert (0.0, 1.0) == (made.begin_s, made.end_s)
    assert list(range(24)) == numbers(result, number_in)


def test_sound_that_ended_before_the_scene_is_no_fault(clip_file: Build, tmp_path: Path, pool: MediaPool) -> None:
    film = clip_file("film.mov", format="mov", frames=48, codec="mjpeg", pixel_format="yuvj420p")
    short = clip_file("short.mov", format="mov", frames=12, audio="pcm_s16le")
    both = tmp_path / "both.mov"
    given = ["-i", str(film), "-i", str(short), "-map", "0:v", "-map", "1:a", "-c", "copy", str(both)]
    subprocess.run([str(find_ffmpeg()), "-v", "error", *given], check=True)
    made, result = run(both, 1.0, 2.0, pool, tmp_path)
    assert (CutKind.TRANSCODE, "") == (made.kind, pool.probe(result).audio_codec)


@pytest.mark.parametrize(("begin_s", "end_s"), [(0.5, 0.5), (0.6, 0.5), (5.0, 6.0), (float("nan"), 1.0), (0, -1)])
def test_an_empty_scene_is_a_mistake(begin_s: float, end_s: float, clip_file: Build, pool: MediaPool) -> None:
    source = clip_file("Film.mp4", frames=24)
    with pytest.raises(UsageError, match=r"no scene from .* lasts 1\.00 s"):
        cut(source, source.with_name("x.mp4"), pool.probe(source), begin_s, end_s, pool)
    assert ["Film.mp4"] == [path.name for path in source.parent.iterdir()]


def test_nothing_is_overwritten(clip_file: Build, tmp_path: Path, pool: MediaPool) -> None:
    source = clip_file("Film.mp4", frames=24)
    content, clip = source.read_bytes(), pool.probe(source)
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "nowhere.mp4")
    for target in (source, link):
        with pytest.raises(UsageError, match="exists already"):
            cut(source, target, clip, 0.0, 0.5, pool)
    with pytest.raises(UsageError, match="There is no folder"):
        cut(source, tmp_path / "none" / "x.mp4", clip, 0.0, 0.5, pool)
    assert content == source.read_bytes()
    assert ["Film.mp4", "link.mp4"] == sorted(path.name for path in tmp_path.iterdir())


def fake_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, copying: str) -> None:
    """Put an ffmpeg in place that does something else when it is to write an MP4 without encoding pictures."""
    real = find_ffmpeg()
    script = (
        '#!/bin/sh\nfor last; do :; done\ncase "$*" in *framecrc*|*libx264*|*-encoders*|-version*) '
        f'exec {real} "$@";; esac\ntarget="${{last#file:}}"\n{copying}\n'
    )
    fake = folder / "bin" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text(script, encoding="ascii")
    fake.chmod(0o755)
    monkeypatch.setenv("VSORTD_FFMPEG", str(fake))


def test_a_copy_that_is_not_right_is_encoded_anew(
    clip_file: Build, tmp_path: Path, pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip_file("Film.mp4", **SHORT_GROUPS)
    other = clip_file("other.mp4", **{**SHORT_GROUPS, "frames": 20})
    fake_ffmpeg(tmp_path, monkeypatch, f'cp {other} "$target"')
    made, _ = run(source, 2.0, 3.0, pool, tmp_path)
    assert (CutKind.TRANSCODE, 2.0, 3.0) == (made.kind, made.begin_s, made.end_s)
    assert "a copy did not come out right (the cut scene shows 20 of" in made.note


def test_a_full_disk_leaves_nothing(
    clip_file: Build, tmp_path: Path, pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip_file("Film.mp4", **SHORT_GROUPS)
    half = 'head -c 2000 /dev/zero > "$target"; echo "No space left on device" >&2; exit 1'
    fake_ffmpeg(tmp_path, monkeypatch, half)
    with pytest.raises(FilingError, match=r"is full.*Free some space"):
        cut(source, tmp_path / "x.mp4", pool.probe(source), 2.0, 3.0, pool)
    assert ["Film.mp4", "bin"] == sorted(path.name for path in tmp_path.iterdir())


KILLED = """
import sys
from pathlib import Path
from vsortd.media.cut import cut
from vsortd.media.pool import MediaPool
if __name__ == "__main__":
    source = Path(sys.argv[1])
    with MediaPool(1, timeout_s=30, memory_bytes=10**9) as pool:
        cut(source, source.with_name("x.mp4"), pool.probe(source), 0.2, 0.8, pool)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_kill_just_before_the_end_leaves_no_target(clip_file: Build, tmp_path: Path) -> None:
    source = clip_file("Film.mp4", frames=24)
    content = source.read_bytes()
    environment = {**os.environ, "VSORTD_FAULT": "rename.before:kill"}
    done = subprocess.run([sys.executable, "-c", KILLED, str(source)], env=environment, check=False)
    assert -signal.SIGKILL == done.returncode
    assert not (tmp_path / "x.mp4").exists()
    assert content == source.read_bytes()
    (left,) = (path for path in tmp_path.iterdir() if path != source)
    assert left.name.startswith(".vsortd-")  # hidden, so that no inbox takes it for a video


def test_a_name_taken_meanwhile_is_left_to_its_owner(
    clip_file: Build, tmp_path: Path, pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = clip_file("Film.mp4", **SHORT_GROUPS), tmp_path / "x.mp4"
    fake_ffmpeg(tmp_path, monkeypatch, f'echo other > {target}; exec {find_ffmpeg()} "$@"')
    with pytest.raises(UsageError, match="exists already"):
        cut(source, target, pool.probe(source), 2.0, 3.0, pool)
    assert b"other\n" == target.read_bytes()
    assert ["Film.mp4", "bin", "x.mp4"] == sorted(path.name for path in tmp_path.iterdir())


def test_calling_it_off_leaves_nothing(clip_file: Build, tmp_path: Path, pool: MediaPool) -> None:
    source, cancel = clip_file("Film.mp4", frames=24), threading.Event()
    clip = pool.probe(source)
    cancel.set()
    with pytest.raises(Cancelled):
        cut(source, tmp_path / "x.mp4", clip, 0.0, 0.5, pool, cancel=cancel)
    assert ["Film.mp4"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("text", ["#tb 0: 1/0\n", "#tb 0: 1/24\n0, 1, NOPTS, 1, 9, 0x1\n", "nonsense\n"])
def test_a_listing_that_is_none_is_the_videos_fault(text: str) -> None:
    with pytest.raises(BrokenError, match="can't be listed"):
        packets_of(text)


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_a_scene_is_for_whom_its_video_is(clip_file: Build, pool: MediaPool, tmp_path: Path) -> None:
    """Whatever the umask; and a scene is made anew, so its time is now."""
    source = clip_file("private.mp4", **SHORT_GROUPS)
    source.chmod(0o640)
    os.utime(source, (1_000_000_000, 1_000_000_000))
    if sys.platform == "linux":
        os.setxattr(source, "user.tags", b"holiday")
    before = os.umask(0)
    try:
        _, scene = run(source, 0.0, 1.0, pool, tmp_path)
    finally:
        os.umask(before)
    assert 0o640 == scene.stat().st_mode & 0o777
    assert scene.stat().st_mtime > 1_000_000_000
    if sys.platform == "linux":
        assert b"holiday" == os.getxattr(scene, "user.tags")
