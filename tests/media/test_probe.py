"""The facts of real and made clips, and the class of every way in which a file can be bad."""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import MEDIA
from vsortd.core.video_facts import Orientation
from vsortd.errors import BrokenError, ChangedError, IncompleteError, LimitError, VideoError
from vsortd.media import container
from vsortd.media.probe import probe_file

if TYPE_CHECKING:
    from vsortd.media.pool import MediaPool

Build = Callable[..., Path]


def manifest(folder: str) -> list[dict[str, str]]:
    path = MEDIA / folder / "MANIFEST.tsv"
    if not path.is_file():
        return []
    head, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [dict(zip(head, row, strict=False)) for row in rows]


# Where the manifest describes another stream, or ignores the sample aspect ratio: what is shown by players.
SHOWN = {"torchcodec__nasa_13013.mp4": "480x270", "pigallery2__20240128_120909.mp4": "46x82"}
# … and where it has the container's duration instead of the film's.
DURATION_S = {"torchcodec__nasa_13013.mp4": 13.013, "streamio-ffmpeg__awesome_movie.mov": 7.345}
# A mirrored picture can be said to be turned by two angles; players show it the same.
ROTATION_DEG = {"media__sample_rotate_and_reflect.mp4": 270}

BAD: dict[str, type[VideoError] | None] = {
    "streamio-ffmpeg__broken.mp4": IncompleteError,  # no moov
    "decord__corrupted.mp4": None,  # damage in the middle is no reason to refuse
    "decord__unordered.mov": None,
    "rails__video_without_video_stream.mp4": BrokenError,
    "mp4parse-rust__chunk_out_of_range.mp4": BrokenError,
    "mp4parse-rust__no_timescale.mp4": None,
    "mp4parse-rust__bipbop_nonfragment_header.mp4": IncompleteError,  # its table points beyond the end
    "mp4parse-rust__short-cenc.mp4": BrokenError,
    "mp4parse-rust__metadata.mp4": None,
    "mp4parse-rust__white.mp4": None,
    "mp4parse-rust__tiny_av1.mp4": None,
    "mp4ff__init_truncated.mp4": IncompleteError,
    "mp4ff__hvc1_init.mp4": BrokenError,
    "mp4ff__cbcs.mp4": BrokenError,
    "mp4ff__multi_vttc.mp4": BrokenError,
    "mp4ff__iamf.mp4": BrokenError,
}
WORDS = {
    "mp4ff__cbcs.mp4": "encrypted (cbcs)",
    "mp4parse-rust__short-cenc.mp4": "encrypted (cenc)",
    "rails__video_without_video_stream.mp4": "no video stream",
    "mp4ff__hvc1_init.mp4": "not one frame",
}


@pytest.mark.parametrize("row", manifest("clips"), ids=lambda row: row["file"])
def test_a_real_clip_is_what_its_manifest_says(row: dict[str, str], clips: Path, pool: MediaPool) -> None:
    name = row["file"]
    clip = pool.probe(clips / name)
    assert SHOWN.get(name, row["WxH_shown"]) == f"{clip.shown_width_px}x{clip.shown_height_px}"
    degrees = 0 if row["rotation_deg"] == "none" else -int(row["rotation_deg"]) % 360
    assert ROTATION_DEG.get(name, degrees) == clip.rotation_deg
    expected_s = DURATION_S.get(name, float(row["duration_s"]))
    assert pytest.approx(expected_s, abs=0.15) == clip.duration_s
    assert row["codec"].split()[0] == clip.video_codec
    assert row["codec"].split(";")[0].split()[-1] == clip.pixel_format
    if "audio" in row["codec"]:  # not every row tells
        assert ("aac" in row["codec"]) == clip.has_audio


@pytest.mark.parametrize("row", manifest("bad"), ids=lambda row: row["file"])
def test_a_bad_file_has_its_class_and_reason(row: dict[str, str], bad_clips: Path, pool: MediaPool) -> None:
    name = row["file"]
    expected = BAD[name]
    if expected is None:
        assert pool.probe(bad_clips / name).frames > 0
        return
    with pytest.raises(VideoError) as caught:
        pool.probe(bad_clips / name)
    assert expected is type(caught.value)
    assert WORDS.get(name, "") in caught.value.reason


def test_a_phone_tells_camera_and_local_time(clips: Path, pool: MediaPool) -> None:
    clip = pool.probe(clips / "rails__rotated_hdr_video.mov")
    assert ("Apple iPhone 14 Pro", "2024-01-22T10:47:18+00:00") == (clip.camera, clip.recorded_at)
    assert (True, 10, "mov", Orientation.PORTRAIT) == (
        clip.hdr,
        clip.bit_depth,
        clip.container,
        clip.orientation,
    )


def test_an_epoch_is_no_recording_date(clips: Path, pool: MediaPool) -> None:
    assert "" == pool.probe(clips / "streamio-ffmpeg__awesome_widescreen.mov").recorded_at


def test_cover_art_is_not_the_film(bad_clips: Path, pool: MediaPool) -> None:
    clip = pool.probe(bad_clips / "mp4parse-rust__metadata.mp4")
    assert (320, 240, 0) == (clip.width_px, clip.height_px, clip.video_index)
    assert [False, False, True] == [stream.attached_picture for stream in clip.streams]


@pytest.mark.parametrize(
    ("degrees", "shown"), [(0, "landscape"), (90, "portrait"), (180, "landscape"), (270, "portrait")]
)
def test_orientation_is_what_is_shown(degrees: int, shown: str, clip_file: Build, pool: MediaPool) -> None:
    """PyAV turns against the clock, the clip's facts are with the clock."""
    clip = pool.probe(clip_file(rotation=degrees))
    assert (shown, -degrees % 360) == (clip.orientation, clip.rotation_deg)


def test_the_sample_aspect_ratio_counts(clip_file: Build, pool: MediaPool) -> None:
    clip = pool.probe(clip_file(width=128, height=96, aspect=Fraction(1, 2)))
    assert (64, 96, Orientation.PORTRAIT) == (clip.shown_width_px, clip.shown_height_px, clip.orientation)


def test_sound_alone_is_no_video_and_one_frame_is_one(clip_file: Build, pool: MediaPool) -> None:
    clip = pool.probe(clip_file(frames=1, audio="aac"))
    assert (1, "aac", True) == (clip.frames, clip.audio_codec, clip.has_audio)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 2048)])
def test_odd_sizes_are_facts_too(size: tuple[int, int], clip_file: Build, pool: MediaPool) -> None:
    width, height = size
    pixel_format = "yuv444p" if width % 2 else "yuv420p"
    clip = pool.probe(clip_file(width=width, height=height, pixel_format=pixel_format, frames=3))
    assert size == (clip.shown_width_px, clip.shown_height_px)


def test_a_fragmented_file_is_read_to_its_end(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=96, options={"movflags": "frag_keyframe+empty_moov+default_base_moof"})
    clip = pool.probe(path)
    assert (True, 96) == (clip.fragmented, clip.frames)
    assert pytest.approx(4.0, abs=0.1) == clip.duration_s


@pytest.mark.parametrize("flags", [{}, {"movflags": "faststart"}], ids=["moov last", "moov first"])
@pytest.mark.parametrize("part", [0.03, 0.3, 0.5, 0.8, 0.97, 0.999])
def test_a_truncated_file_is_incomplete(part: float, flags: dict[str, str], clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=72, audio="aac", options=flags)
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(IncompleteError):
        pool.probe(path)


@pytest.mark.parametrize("part", [0.2, 0.6, 0.9])
def test_a_preallocated_hole_is_incomplete(part: float, clip_file: Build, pool: MediaPool) -> None:
    """The boxes add up and every fact reads well, but the bytes have not come yet."""
    path = clip_file(frames=72, options={"movflags": "faststart"}, codec_options={"crf": "10"})
    data = path.read_bytes()
    begin = data.index(b"mdat") + 4
    hole = begin + int((len(data) - begin) * part)
    path.write_bytes(data[:hole] + bytes(len(data) - hole))
    with pytest.raises(IncompleteError, match=r"empty|end"):
        pool.probe(path)


def test_damage_in_the_middle_is_not_incomplete(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=96, gop=12, codec_options={"crf": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20] = b"\x55" * 20
    path.write_bytes(bytes(data))
    assert 96 == pool.probe(path).frames


def test_a_file_of_noise_inside_good_boxes_is_broken(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=24, gop=24)
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    length = struct.unpack(">I", data[begin - 8 : begin - 4])[0] - 8
    data[begin : begin + length] = b"\xa5" * length
    path.write_bytes(bytes(data))
    with pytest.raises(BrokenError, match="no frame could be decoded"):
        pool.probe(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"text, not video\n" * 99, b"\x7fELF" + bytes(99)])
def test_what_is_no_video_says_so(content: bytes, tmp_path: Path, pool: MediaPool) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(BrokenError if content else IncompleteError):
        pool.probe(path)


def test_a_playlist_named_mp4_opens_nothing(tmp_path: Path, clip_file: Build, pool: MediaPool) -> None:
    """An HLS or concat playlist would make libav read the file that it names."""
    secret = clip_file("secret.mp4")
    os.utime(secret, ns=(1, secret.stat().st_mtime_ns))
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
    ):
        path = tmp_path / "playlist.mp4"
        path.write_text(text, encoding="ascii")
        with pytest.raises(BrokenError, match="not an MP4 or MOV"):
            pool.probe(path)
    assert 1 == secret.stat().st_atime_ns


@pytest.mark.parametrize(
    "name",
    [
        b"-y.mp4",
        b"concat:a.mp4",
        b"a\nb.mp4",
        b"\xff\xfe.mp4",
        b"%d.mp4",
        b"q'\"`$(x).mp4",
        b"a" * 251 + b".mp4",
        "\u202egnp.mp4".encode(),
        b"trailing. .mp4",
        b"http:%2f%2f127.0.0.1.mp4",
    ],
)
def test_any_name_that_a_file_can_have_is_probed_and_sampled(name: bytes, clip_file: Build, pool: MediaPool) -> None:
    made = clip_file("plain.mp4", frames=3)
    path = made.parent / os.fsdecode(name)
    shutil.move(made, path)
    assert 3 == pool.probe(path).frames


def test_a_file_that_is_gone_has_changed(tmp_path: Path, pool: MediaPool) -> None:
    with pytest.raises(ChangedError):
        pool.probe(tmp_path / "gone.mp4")


def test_links_and_pipes_are_not_opened(tmp_path: Path, clip_file: Build, pool: MediaPool) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(clip_file())
    with pytest.raises(BrokenError, match="can't be opened"):
        pool.probe(link)
    fifo = tmp_path / "fifo.mp4"
    os.mkfifo(fifo)
    with pytest.raises(BrokenError, match="not a regular file"):
        pool.probe(fifo)


def test_huge_pictures_are_refused_before_they_are_decoded(clip_file: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered here instead of making a clip of 16384x16384."""
    path = clip_file(frames=2, width=640, height=480)
    monkeypatch.setattr(container, "MAX_PIXELS", 640 * 480 - 1)
    with pytest.raises(LimitError, match="640x480 pixels are more than"):
        probe_file(str(path), deadline=time.monotonic() + 20)


def test_decoding_to_the_end_knows_when_the_last_picture_is_shown(clip_file: Build, pool: MediaPool) -> None:
    """Pictures that are drained from a decoder of reordered ones come without a time base."""
    path = clip_file(frames=48, gop=48)
    (report,) = pool.decode(path, [0], timeout_s=20)
    assert (48, 0.0) == (report.frames, report.first_s)
    assert 47 / 24 == pytest.approx(report.last_s)
