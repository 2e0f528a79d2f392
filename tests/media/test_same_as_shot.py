"""A converted file shows what its source shows, to the frame: for every real clip and for renders of every known trap.

What is compared is read by PyAV alone, not by the code under test.
"""

from __future__ import annotations

import fractions
import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support.edit_lists import write_edits
from tests.support.mp4_boxes import box
from tests.support.paths import MEDIA
from vsortd.config.settings import MovPolicy
from vsortd.core.outcomes import ConversionKind
from vsortd.errors import VideoError
from vsortd.media.conversion_plan import plan_conversion
from vsortd.media.convert import convert
from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg
from vsortd.media.side_data import display_matrix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.media.pool import MediaPool

CLIPS = sorted(path.name for path in (MEDIA / "clips").glob("*.[mM][pPoO][4vV]"))
# Of each film: what its sample entry says about showing it (beside colours and shape, which PyAV tells).
BOXES = (b"dvcC", b"dvvC", b"lhvC", b"vexu", b"hfov", b"amve", b"clap", b"mdcv", b"clli")
NEW_TAGS = {"major_brand", "minor_version", "compatible_brands"}


@dataclass(frozen=True)
class Shown:
    """What a viewer gets of one stream; times in seconds."""

    kind: str
    codec: str
    pictures: int
    sha256: str
    start_s: float
    length_s: float
    turned: Any


def shown(path: Path) -> list[Shown]:
    """Decode every stream to its end."""
    with av.open(str(path), metadata_errors="replace") as container:
        indexes = [stream.index for stream in container.streams]
    return [_stream(path, index) for index in indexes]


def _stream(path: Path, index: int) -> Shown:
    digest, pictures, times, turned = hashlib.sha256(), 0, [], None
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams[index]
        base = float(stream.time_base or 0)
        length_s = float(stream.duration or 0) * base
        if stream.type not in {"video", "audio"}:
            for packet in container.demux(stream):
                digest.update(bytes(packet))
            return Shown(stream.type or "data", "", 0, digest.hexdigest(), 0.0, length_s, None)
        resampler = av.AudioResampler(format="s32")
        for frame in container.decode(stream):
            pictures += 1
            if isinstance(frame, av.VideoFrame):
                digest.update(frame.to_ndarray(format="rgb24").tobytes())
                turned = display_matrix(frame)
            else:
                pictures += frame.samples - 1
                for part in resampler.resample(frame):
                    digest.update(bytes(part.planes[0])[: part.samples * 4 * part.layout.nb_channels])
            if frame.pts is not None:
                times.append(float(frame.pts * (frame.time_base or stream.time_base)))
        kind, codec = stream.type, stream.codec_context.name
    return Shown(kind, codec, pictures, digest.hexdigest(), min(times, default=0.0), length_s, turned)


def assert_same(source: Path, result: Path, *, left_out: int) -> None:
    """Compare frame by frame, and what is around the frames."""
    before, after = shown(source), shown(result)
    kinds = ("video", "audio")
    assert len(before) - left_out == len(after)
    pairs = list(
        zip(
            *([one for kind in kinds for one in side if one.kind == kind and one.pictures] for side in (before, after)),
            strict=True,
        )
    )
    shifts = []
    for one, other in pairs:
        assert (one.pictures, one.sha256) == (other.pictures, other.sha256), one.kind
        assert abs(one.length_s - other.length_s) <= 0.001, (one, other)
        assert str(one.turned) == str(other.turned)
        shifts.append(one.start_s - other.start_s)
    assert max(shifts) - min(shifts) <= 0.001, "picture and sound are apart"
    data, made = source.read_bytes(), result.read_bytes()
    for kind in BOXES:
        assert (kind in data) == (kind in made), kind
    assert _tags(source) == _tags(result)


def _tags(path: Path) -> dict[str, str]:
    with av.open(str(path), metadata_errors="replace") as container:
        tags = dict(container.metadata)
    if tags.get("creation_time", "").startswith(("1904", "1970")):
        del tags["creation_time"]  # a clock that was never set
    for key in {"location", "location-eng"} & tags.keys():  # the field has fewer or more digits than the text
        tags[key] = " ".join(f"{float(one):.3f}" for one in re.findall(r"[+-][\d.]+", tags[key]))
    own = NEW_TAGS | {"encoder", "com.apple.quicktime.camera.lens_model"}
    own |= {"com.apple.quicktime.camera.focal_length.35mm_equivalent"}  # the track's own in the source
    return {key: value for key, value in tags.items() if key not in own}


def outcome(source: Path, pool: MediaPool, policy: MovPolicy = MovPolicy.REMUX) -> str:
    """Convert as the way of a video does; return the reason, and compare what came of it."""
    clip, movie = pool.probe(source), pool.movie(source)
    plan = plan_conversion(clip, movie, source, policy)
    if plan.kind is ConversionKind.NONE:
        return plan.reason
    target = source.with_suffix(".mp4")
    try:
        convert(source, target, plan, clip, movie, pool)
    except VideoError as error:
        assert not target.exists()
        return f"stays .mov: {error.reason}"
    if policy is MovPolicy.REMUX:
        assert_same(source, target, left_out=len(plan.dropped))
    return plan.reason


def render(target: Path, *words: str, sound: str = "aac", rate: int = 44100, film: str = "libx264") -> Path:
    """Render a second or more of a moving test picture with a tone."""
    given = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=25", "-f", "lavfi", "-i", f"sine=sample_rate={rate}"]
    coded = ["-c:v", film, "-pix_fmt", "yuv420p", "-t", "1", "-c:a", sound, *words]
    command = [str(find_ffmpeg((film,))), "-nostdin", "-v", "error", *given, *coded, str(target)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


# What can be right is right, with the newest ffmpeg that is here; the rest says why not.
EXPECTED = {
    "FFMpegCore__input_hdr.mov": "remux: hevc + aac",
    "decord__video_180.mov": "remux: h264",
    "file-type__fixture.mov": "stays .mov: trimmed (20 of 25 frames are hidden)",
    "go-ffprobe__test.mov": "stays .mov: a sound track is switched off",
    "media__dolbyVision-hdr.MOV": "stays .mov: trimmed (1 of 5 frames are hidden)",
    "media__h265_with_metadata_track.mp4": "stays .mov: telemetry (mett)",
    "nom-exif__auth.mov": "remux: h264 + aac",
    "shared-assets__flower-fragmented.mp4": "remux: h264 + aac",
    "streamio-ffmpeg__awesome_movie.mov": "remux: h264 + aac",
}


@pytest.mark.few(2)
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (number % 4 > 0)) for number, name in enumerate(CLIPS)]
)
def test_every_real_clip_is_shown_alike_or_stays_with_a_reason(name: str, tmp_path: Path, pool: MediaPool) -> None:
    source = tmp_path / f"{name[:-4]}.mov"
    shutil.copyfile(MEDIA / "clips" / name, source)
    reason = outcome(source, pool)
    assert reason.startswith(("remux: ", "stays .mov: "))
    assert EXPECTED.get(name, reason) == reason


def test_spatial_video_stays_spatial_or_a_mov(clips: Path, tmp_path: Path, pool: MediaPool) -> None:
    source = tmp_path / "spatial.mov"
    shutil.copyfile(clips / "media__water_180_mvhevc_5frames.mov", source)
    reason = outcome(source, pool)  # compares the boxes where it was converted
    assert reason.startswith(("remux: hevc", "stays .mov: "))


@pytest.mark.parametrize("ffmpeg", ["/usr/bin/ffmpeg", ""])
def test_an_iphones_hdr_keeps_its_ambient_light_or_stays(
    ffmpeg: str, clips: Path, tmp_path: Path, pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ffmpeg that drops `amve` is not taken; where there is no other, the file stays as it is."""
    if ffmpeg:
        monkeypatch.setenv("VSORTD_FFMPEG", ffmpeg)
        if ffmpeg_version(find_ffmpeg()) >= (7, 1):
            pytest.skip("the system's ffmpeg is new enough")
    source = tmp_path / "phone.mov"
    shutil.copyfile(clips / "rails__rotated_hdr_video.mov", source)
    reason = outcome(source, pool)
    if ffmpeg:
        assert "stays .mov: only ffmpeg 7.1 or newer keeps amve" == reason
        return
    assert "remux: hevc; left out: video-orientation, detected-face" == reason
    with av.open(str(source.with_suffix(".mp4"))) as made:
        assert "iPhone 14 Pro back camera 6.86mm f/1.78" == made.metadata["com.apple.quicktime.camera.lens_model"]
        assert "24" == made.metadata["com.apple.quicktime.camera.focal_length.35mm_equivalent"]
        assert not [key for key in made.metadata if key == "encoder"]


@pytest.mark.parametrize(
    ("edits", "rate", "why"),
    [
        ([(0.5, 0.4)], 1.0, "trimmed ("),
        ([(0.0, 0.6)], 1.0, "trimmed (10 of 25 frames are hidden)"),
        ([(0.1, 0.2), (0.6, 0.2)], 1.0, "two edits"),
        ([(0.6, 0.2), (0.1, 0.2), (0.6, 0.2)], 1.0, "three edits"),
        ([(0.0, 0.5)], 2.0, "it is played at another speed"),
    ],
)
def test_what_an_edit_list_hides_does_not_come_back(
    edits: list[tuple[float, float]], rate: float, why: str, tmp_path: Path, pool: MediaPool
) -> None:
    whole = render(tmp_path / "whole.mov", "-bf", "3", "-g", "300")
    source = write_edits(whole, tmp_path / "edited.mov", edits, rate=rate)
    assert f"stays .mov: {why}" in outcome(source, pool)


def test_a_last_frame_that_is_held_is_held_or_stays(tmp_path: Path, pool: MediaPool) -> None:
    source = tmp_path / "held.mov"
    with av.open(str(source), "w", format="mov") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.options = 320, 240, "yuv420p", {"bf": "2"}
        packets = []
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), number * 20, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, fractions.Fraction(1, 10)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for number, packet in enumerate(packets):
            packet.duration = 50 if number == 9 else 1
            out.mux(packet)
    assert outcome(source, pool).startswith(("remux: h264", "stays .mov: its film would last 1.000 s, not 5.800 s"))


@pytest.mark.few(2)
@pytest.mark.parametrize("rate", [8000, 11025, 44100])
@pytest.mark.parametrize("sound", ["pcm_u8", "pcm_s16be", "pcm_s24le"])
def test_old_cameras_pcm_becomes_alac_to_the_sample(sound: str, rate: int, tmp_path: Path, pool: MediaPool) -> None:
    source = render(tmp_path / "camera.mov", sound=sound, rate=rate)
    assert "remux: h264 + pcm → alac, lossless" == outcome(source, pool)


@pytest.mark.parametrize("sound", ["pcm_f32le", "pcm_s32le", "pcm_f64be", "pcm_mulaw", "adpcm_ima_qt"])
def test_sound_that_would_lose_something_stays(sound: str, tmp_path: Path, pool: MediaPool) -> None:
    source = render(tmp_path / "studio.mov", sound=sound)
    assert f"stays .mov: {sound} does not fit MP4" == outcome(source, pool)


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("film", "name", "losses"),
    [
        (
            ("prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"),
            "prores 4444",
            "alpha lost, 12 bit → 8 bit, 4:4:4 → 4:2:0",
        ),
        (("prores_ks", "-profile:v", "3", "-pix_fmt", "yuv422p10le"), "prores 422 HQ", "10 bit → 8 bit, 4:2:2 → 4:2:0"),
        (("qtrle", "-pix_fmt", "argb"), "qtrle", "alpha lost, RGB → 4:2:0"),
        (("mjpeg", "-pix_fmt", "yuvj422p"), "mjpeg", "4:2:2 → 4:2:0"),
        (("png", "-pix_fmt", "rgba"), "png", "alpha lost, RGB → 4:2:0"),
        (("dvvideo", "-s", "720x576"), "dvvideo", ""),
    ],
    ids=["prores 4444", "prores", "animation", "photo jpeg", "png", "dv"],
)
def test_pictures_that_mp4_can_not_hold_stay_and_what_encoding_them_loses_is_named(
    film: tuple[str, ...], name: str, losses: str, tmp_path: Path, pool: MediaPool
) -> None:
    source = render(tmp_path / "film.mov", *film[1:], film=film[0])
    assert f"stays .mov: {name} does not fit MP4" == outcome(source, pool)
    said = ", ".join(filter(None, [f"transcode (asked for): {name} → h264", losses]))
    assert f"{said}; aac" == outcome(source, pool, MovPolicy.TRANSCODE)


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+empty_moov"])
def test_a_sound_track_without_samples_is_no_obstacle(flags: str, tmp_path: Path, pool: MediaPool) -> None:
    source = tmp_path / "mute.mov"
    with av.open(str(source), "w", format="mov", options={"movflags": flags}) as out:
        film = out.add_stream("libx264", rate=25)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("aac", rate=44100, layout="stereo")
        sound.codec_context.open()
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 9, np.uint8), format="rgb24")
            frame.pts = number
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
    assert outcome(source, pool).startswith("remux: h264")


def test_timecode_chapters_and_tags_are_kept(tmp_path: Path, pool: MediaPool) -> None:
    words = ["-timecode", "01:02:03:04", "-metadata", "title=T", "-metadata", "make=Canon"]
    plain = render(tmp_path / "plain.mov", *words, "-metadata", "location=+48.0+011.0/")
    chapters = tmp_path / "chapters.txt"
    lines = [f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={at}\nEND={at + 500}\ntitle=Part {at}" for at in (0, 500)]
    chapters.write_text(";FFMETADATA1\n" + "\n".join(lines) + "\n", encoding="ascii")
    source = tmp_path / "chaptered.mov"
    given = ["-i", str(plain), "-f", "ffmetadata", "-i", str(chapters)]
    kept = ["-map", "0:v", "-map", "0:a", "-map_metadata", "0", "-map_chapters", "1", "-c", "copy", str(source)]
    subprocess.run([str(find_ffmpeg()), "-nostdin", "-v", "error", *given, *kept], check=True)
    clip, movie = pool.probe(source), pool.movie(source)
    plan = plan_conversion(clip, movie, source, MovPolicy.REMUX)
    convert(source, source.with_suffix(".mp4"), plan, clip, movie, pool)
    with av.open(str(source.with_suffix(".mp4"))) as made:
        assert ["Part 0", "Part 500"] == [chapter["metadata"]["title"] for chapter in made.chapters()]
        assert {"01:02:03:04"} == {one.metadata["timecode"] for one in made.streams if "timecode" in one.metadata}
        assert ("T", "Canon") == (made.metadata["title"], made.metadata["make"])


def test_captions_stay(tmp_path: Path, pool: MediaPool) -> None:
    """No MP4 that ffmpeg writes can hold CEA-608 in a track of its own."""
    lines = ["Scenarist_SCC V1.0", "", "00:00:00:10\t9420 9420 94ae 94ae 9470 9470 c8e5 ecec ef80 942c 942c 942f 942f"]
    (tmp_path / "said.scc").write_text("\n".join([*lines, "", "00:00:00:20\t942c 942c", ""]), encoding="ascii")
    plain = render(tmp_path / "plain.mov")
    words = ["-i", str(plain), "-i", str(tmp_path / "said.scc"), "-map", "0", "-map", "1", "-c", "copy"]
    command = [str(find_ffmpeg()), "-nostdin", "-v", "error", *words, str(tmp_path / "said.mov")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    assert "stays .mov: captions (c608)" == outcome(tmp_path / "said.mov", pool)


@pytest.mark.long
def test_a_gopros_telemetry_is_kept(clips: Path, tmp_path: Path, pool: MediaPool) -> None:
    """Of the film, its sound and its telemetry alone, without the camera's other notes."""
    source = tmp_path / "gopro.mov"
    words = ["-i", str(clips / "gpmf-parser__karma.mp4"), "-map", "0:0", "-map", "0:1", "-map", "0:3", "-c", "copy"]
    more = ["-map_metadata", "-1", "-write_tmcd", "0", "-f", "mp4", str(source)]
    subprocess.run([str(find_ffmpeg()), "-nostdin", "-v", "error", *words, *more], check=True)
    assert "remux: h264 + aac + gpmd" == outcome(source, pool)


@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        (b"\r\n", "remux: h264 + aac"),
        (bytes(100), "remux: h264 + aac"),
        (b"SEFH\x6b\0\0\0SEFT", "stays .mov: user data that MP4 can't hold (12 bytes behind its end)"),
        (box(b"uuid", b"\xbe" * 16 + b"<x:xmpmeta/>"), "stays .mov: user data that MP4 can't hold (uuid)"),
    ],
    ids=["an upload form", "padding", "a camera's trailer", "XMP"],
)
def test_what_lies_behind_a_movie_is_not_left_behind(
    behind: bytes, reason: str, tmp_path: Path, pool: MediaPool
) -> None:
    source = render(tmp_path / "film.mov")
    with source.open("ab") as file:
        file.write(behind)
    assert reason == outcome(source, pool)


def test_the_one_that_checks_has_read_neither_file_before(
    clip_file: Callable[..., Path], pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip_file("film.mov", format="mov")
    clip, movie = pool.probe(source), pool.movie(source)
    before, during = set(pool.pids()), set()
    call = pool._call  # who answers shows nowhere else

    def watched(request: dict[str, Any], *words: Any, **named: Any) -> Any:
        reply = call({**request}, *words, **named)
        during.add((request["op"], named["fresh"]))
        return reply

    monkeypatch.setattr(pool, "_call", watched)
    plan = plan_conversion(clip, movie, source, MovPolicy.REMUX)
    convert(source, source.with_suffix(".mp4"), plan, clip, movie, pool)
    assert {("compare", True)} == during
    assert set(pool.pids()) <= before, "the process that checked goes on living"
