"""One pass measures both parts of a file, each decoded once; where one fails the other stands."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support.edit_lists import write_edits
from tests.support.listeners import KeptSound
from tests.support.sounds import RATE_HZ, levels, tone, write_sound
from vsortd.errors import BrokenError, Cancelled, LimitError, VideoError
from vsortd.media import measure_pass
from vsortd.media.any_container import OpenFile, open_any
from vsortd.media.measure_pass import measure_file
from vsortd.media.measures import Measures, PictureMeasures, SoundMeasures

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vsortd.media.pool import MediaPool

    Build = Callable[..., Path]

GREY = [np.full((90, 160, 3), level, np.uint8) for level in range(20, 220, 10)]


def measured(path: Path, *, speech: KeptSound | None = None, **asked: bool) -> Measures:
    wanted = {"pictures": True, "sound": True, **asked}
    hear = None if speech is None else speech.take
    return measure_file(str(path), deadline=time.monotonic() + 60, speech=hear, **wanted)


def both(found: Measures) -> tuple[PictureMeasures, SoundMeasures]:
    assert isinstance(found.pictures, PictureMeasures)
    assert isinstance(found.sound, SoundMeasures)
    return found.pictures, found.sound


def test_pictures_and_sound_come_from_one_pass(
    tmp_path: Path, pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read once from its beginning to its end, and a worker finds what is found here."""
    path = write_sound(tmp_path / "both.mov", levels((-20.0, 2.0)), pictures=GREY)
    opened: list[str] = []

    def noted(name: str) -> AbstractContextManager[OpenFile]:
        opened.append(name)
        return open_any(name)

    monkeypatch.setattr(measure_pass, "open_any", noted)
    mine, others = KeptSound(), KeptSound()
    pictures, sound = both(measured(path, speech=mine))
    assert [str(path)] == opened
    assert np.arange(20) / 10 == pytest.approx(pictures.times_s)
    assert np.arange(20, 220, 10) == pytest.approx(pictures.luma, abs=2)
    assert np.full(19, 10) == pytest.approx(pictures.change[1:], abs=2)
    assert -20.0 == pytest.approx(sound.integrated_lufs, abs=0.1)
    theirs = both(pool.measure(path, speech=others, timeout_s=30))
    for here, there in zip((pictures, sound), theirs, strict=True):
        for field in fields(here):  # type: ignore[arg-type]
            assert np.array_equal(getattr(here, field.name), getattr(there, field.name)), field.name
    assert 1 == others.begins
    assert np.array_equal(mine.pcm, others.pcm)
    assert 2 * 16_000 == pytest.approx(len(mine.pcm), abs=32)


def test_only_what_is_asked_for_is_measured(tmp_path: Path, pool: MediaPool) -> None:
    path = write_sound(tmp_path / "both.mov", levels((-20.0, 2.0)), pictures=GREY)
    silent, unseen = pool.measure(path, sound=False, timeout_s=30), pool.measure(path, pictures=False, timeout_s=30)
    assert (None, None) == (silent.sound, unseen.pictures)
    assert isinstance(silent.pictures, PictureMeasures)
    assert isinstance(unseen.sound, SoundMeasures)


def test_a_part_that_the_file_lacks_is_none(tmp_path: Path, pool: MediaPool, clip_file: Build) -> None:
    heard = pool.measure(write_sound(tmp_path / "sound.mov", levels((-20.0, 1.0))), timeout_s=30)
    seen = pool.measure(clip_file(), timeout_s=30)
    assert (None, None) == (heard.pictures, seen.sound)
    assert isinstance(heard.sound, SoundMeasures)
    assert isinstance(seen.pictures, PictureMeasures)
    with pytest.raises(BrokenError, match="nothing in this file to measure"):
        pool.measure(clip_file(), pictures=False, timeout_s=30)


def with_noise(path: Path, kind: str, *, every: bool) -> Path:
    """Overwrite the samples of one kind of stream, all or every fifth but the first."""
    with av.open(str(path)) as container:
        spans = [(packet.pos or 0, packet.size) for packet in container.demux(**{kind: 0}) if packet.size]
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for begin, size in spans if every else spans[3::5]:
        data[begin : begin + size] = rng.bytes(size)
    target = path.with_name(f"noise in {path.name}")
    target.write_bytes(data)
    return target


def test_a_part_that_cannot_be_decoded_is_its_reason_and_the_other_stands(
    clip_file: Build, pool: MediaPool, tmp_path: Path
) -> None:
    path = clip_file(audio="aac")
    blind = pool.measure(with_noise(path, "video", every=True), timeout_s=30)
    assert isinstance(blind.sound, SoundMeasures)
    assert isinstance(blind.pictures, str)
    assert "no frame could be decoded" in blind.pictures
    deaf = pool.measure(unknown_sound(tmp_path), timeout_s=30)
    assert isinstance(deaf.pictures, PictureMeasures)
    assert "the sound's codec is not known to this decoder" == deaf.sound


def unknown_sound(folder: Path) -> Path:
    """Return a video whose sound is of a kind that no decoder knows."""
    path = write_sound(folder / "unknown.mov", levels((-20.0, 1.0)), pictures=GREY)
    data = path.read_bytes()
    assert b"in24" in data
    path.write_bytes(data.replace(b"in24", b"zzzz"))
    return path


def test_channels_in_an_order_of_their_own_are_left_alone(tmp_path: Path, pool: MediaPool) -> None:
    """PyAV corrupts its memory over them: the pictures are measured, by a worker that goes on living."""
    plain = write_sound(tmp_path / "plain.mov", levels((-20.0, 1.0)), pictures=GREY)
    seven = ["-af", "pan=7c|c0=c0|c6=c1", "-c:v", "copy", "-c:a", "pcm_s16le", str(tmp_path / "seven.mov")]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(plain), *seven], check=True)
    before = pool.measure(plain, timeout_s=30), pool.pids()
    for _ in range(3):
        found = pool.measure(tmp_path / "seven.mov", speech=KeptSound(), timeout_s=30)
        assert isinstance(found.pictures, PictureMeasures)
        assert "the sound's channels are in an order that this decoder can't take" == found.sound
    assert isinstance(before[0].sound, SoundMeasures)
    assert set(before[1]) == set(pool.pids())


def test_damaged_frames_are_passed_over(clip_file: Build) -> None:
    path = clip_file(codec="mjpeg", pixel_format="yuvj420p", format="mov", frames=20)
    found = measured(with_noise(path, "video", every=False)).pictures
    assert isinstance(found, PictureMeasures)
    assert 16 <= len(found.times_s) <= 20
    assert (np.diff(found.times_s) > 0).all()


def test_the_pass_ends_at_the_deadline(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=200)
    with pytest.raises(LimitError, match="takes too long"):
        measure_file(str(path), pictures=True, sound=True, speech=None, deadline=time.monotonic() - 1)
    with pytest.raises(LimitError):
        pool.measure(path, timeout_s=0.001)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        pool.measure(path, timeout_s=30, cancel=cancel)


def test_what_the_edit_list_hides_is_not_measured(clip_file: Build, tmp_path: Path) -> None:
    whole = clip_file("whole.mov", frames=48, audio="aac", format="mov", codec_options={"bf": "0"})
    pictures, sound = both(measured(write_edits(whole, tmp_path / "part.mov", [(0.5, 1.0)])))
    assert np.arange(24) / 24 == pytest.approx(pictures.times_s, abs=0.002)
    assert 1.0 == pytest.approx(sound.duration_s, abs=0.05)


def test_a_sound_that_begins_later_says_when(tmp_path: Path) -> None:
    path = tmp_path / "late.mov"
    with av.open(str(path), "w") as out:
        film = out.add_stream("libx264", rate=10, options={"bf": "0"})
        film.width, film.height, film.pix_fmt = 160, 90, "yuv420p"
        track = out.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for picture in GREY:
            out.mux(film.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(film.encode())
        samples = (tone(-20.0, 1.0) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, RATE_HZ // 2
        out.mux(track.encode(frame))
        out.mux(track.encode())
    pictures, sound = both(measured(path))
    assert (0.0, 0.5) == pytest.approx((pictures.times_s[0], sound.start_s), abs=0.001)
    assert 1.0 == pytest.approx(sound.duration_s)


def test_the_default_sound_is_taken_from_among_several(tmp_path: Path) -> None:
    path = tmp_path / "two.mov"
    with av.open(str(path), "w") as out:
        tracks = [out.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") for _ in range(2)]
        tracks[0].disposition, tracks[1].disposition = 0, 1  # type: ignore[assignment]
        for track, level_db in zip(tracks, (-40.0, -10.0), strict=True):
            samples = (tone(level_db, 1.0) * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, 0
            out.mux(track.encode(frame))
            out.mux(track.encode())
    found = measured(path).sound
    assert isinstance(found, SoundMeasures)
    assert 1 == found.stream
    assert -10.0 == pytest.approx(found.max_db, abs=0.1)


MAX_BYTES = 40_000  # of the broken clips; the larger ones only take longer
CLIPS: dict[str, Any] = {
    "decord__video_270.mov": (3, None),
    "media__sample_sef_slow_motion.mp4": (63, -52.8),
    "streamio-ffmpeg__awesome_widescreen.mov": (72, -63.1),
    "clip-video-encode__vid1.mp4": (56, -10.4),
    "pigallery2__20240128_120909.mp4": (30, -29.4),
    "rails__video.mp4": (44, -16.1),
}


@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_are_measured_whole(clips: Path, pool: MediaPool, name: str) -> None:
    frames, lufs = CLIPS[name]
    found = pool.measure(clips / name, timeout_s=60)
    assert isinstance(found.pictures, PictureMeasures)
    assert frames == len(found.pictures.times_s)
    if lufs is None:
        assert found.sound is None
    else:
        assert isinstance(found.sound, SoundMeasures)
        assert lufs == pytest.approx(found.sound.integrated_lufs, abs=0.1)


def test_cuts_of_real_clips_are_where_they_are_seen(clips: Path) -> None:
    """Where the eye sees them, and the second one ffmpeg, too."""
    found = measured(clips / "torchcodec__nasa_13013.mp4", sound=False).pictures
    assert isinstance(found, PictureMeasures)
    cuts = sorted(np.argsort(found.difference)[-2:])
    assert [5.038, 8.008] == pytest.approx(found.times_s[cuts].tolist(), abs=0.001)


def test_broken_clips_end_with_a_reason_or_with_measures(bad_clips: Path, pool: MediaPool, tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for path in sorted(path for path in bad_clips.glob("*.m*") if path.stat().st_size < MAX_BYTES):
        shutil.copyfile(path, tmp_path / path.name)
        try:
            found = pool.measure(tmp_path / path.name, speech=KeptSound(), timeout_s=60)
        except VideoError as error:
            told[path.name] = error.reason
        else:
            told.update((path.name, part) for part in (found.pictures, found.sound) if isinstance(part, str))
    assert "encrypted" in told["mp4ff__cbcs.mp4"]
    assert "no frame could be decoded" == told["mp4ff__hvc1_init.mp4"]
    assert "the header (moov) is missing; the recording was never finished" == told["streamio-ffmpeg__broken.mp4"]
    assert not [reason for reason in told.values() if "worker" in reason or "Error" in reason]
