"""What a file says of itself is read from any container, and never more than that."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.media.conftest import GPS
from vsortd.core.technical_facts import FileKind, HdrKind, PictureStreamFacts, TechnicalFacts
from vsortd.errors import BrokenError, IncompleteError, LimitError
from vsortd.media.ffmpeg import find_ffmpeg
from vsortd.media.packet_times import PacketTimes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.media.pool import MediaPool

    Build = Callable[..., Path]


def read(pool: MediaPool, path: Path) -> TechnicalFacts:
    return pool.technical(path, timeout_s=30)


def read_or_refused(pool: MediaPool, path: Path) -> TechnicalFacts | None:
    """Read a file that may be refused for what is in it, and for nothing else: a worker that dies is a LimitError."""
    try:
        return read(pool, path)
    except (BrokenError, IncompleteError):
        return None


def film_of(pool: MediaPool, path: Path) -> PictureStreamFacts:
    film = read(pool, path).film_stream
    assert film is not None
    return film


def ffmpeg(*arguments: str | Path) -> None:
    command = [find_ffmpeg(), "-nostdin", "-v", "error", "-y", *arguments]
    subprocess.run([str(one) for one in command], check=True)


def sing(path: Path, codec: str, format_: str, *, rate: int = 48000, seconds: int = 1) -> Path:
    """Write a second of noise in two channels."""
    with av.open(str(path), "w", format=format_) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout="stereo")
        samples = np.random.default_rng(1).integers(-9000, 9000, (1, 2 * rate * seconds), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


# The container's name for PyAV, the codecs, and the demuxer that reads it.
CONTAINERS = {
    "a.mp4": ("mp4", "libx264", "aac", "mov"),
    "a.mov": ("mov", "libx264", "pcm_s16le", "mov"),
    "a.3gp": ("3gp", "libx264", "aac", "mov"),
    "a.mkv": ("matroska", "libx264", "flac", "matroska"),
    "a.webm": ("webm", "libvpx-vp9", "libopus", "matroska"),
    "a.avi": ("avi", "mpeg4", "pcm_s16le", "avi"),
    "a.mts": ("mpegts", "libx264", "ac3", "mpegts"),
    "a.mpg": ("mpeg", "mpeg2video", "mp2", "mpeg"),
    "a.flv": ("flv", "libx264", "aac", "flv"),
    "a.wmv": ("asf", "msmpeg4", "libmp3lame", "asf"),
    "a.mxf": ("mxf", "mpeg2video", "pcm_s16le", "mxf"),
}
CODECS = {
    "libx264": "h264",
    "libvpx-vp9": "vp9",
    "msmpeg4": "msmpeg4v3",
    "libopus": "opus",
    "libmp3lame": "mp3",
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_each_container_is_read(pool: MediaPool, clip_file: Build, name: str) -> None:
    format_, picture, sound, demuxer = CONTAINERS[name]
    path = clip_file(name, format=format_, codec=picture, audio=sound)
    facts = read(pool, path)
    film, heard = facts.film_stream, facts.sounds[0]
    assert film is not None
    assert (FileKind.VIDEO, demuxer, 2, path.stat().st_size) == (
        facts.kind,
        facts.format,
        facts.streams,
        facts.size_bytes,
    )
    assert (CODECS.get(picture, picture), 128, 64, 128, 64, 0) == (
        film.codec,
        film.width_px,
        film.height_px,
        film.shown_width_px,
        film.shown_height_px,
        film.rotation_deg,
    )
    assert ("yuv420p", 8, "4:2:0", 24) == (film.pixel_format, film.bit_depth, film.chroma, film.frames)
    assert (24.0, 0.0) == (pytest.approx(film.fps, rel=2e-3), film.irregular_share)
    assert 1.0 == pytest.approx(film.duration_s, rel=2e-3)
    assert (CODECS.get(sound, sound), 48000, 2) == (heard.codec, heard.rate_hz, heard.channels)
    assert facts.duration_s is not None
    assert facts.bitrate_bps == pytest.approx(8 * facts.size_bytes / facts.duration_s)
    assert facts.duration_s == pytest.approx(1.0, abs=0.15)


# How PyAV writes them, the bits of a sample, and the demuxer.
SOUNDS = {
    "a.flac": ("flac", "flac", 16, "flac"),
    "a.wav": ("wav", "pcm_s24le", 24, "wav"),
    "a.aiff": ("aiff", "pcm_s16be", 16, "aiff"),
    "a.caf": ("caf", "pcm_s32be", 32, "caf"),
    "a.mp3": ("mp3", "libmp3lame", None, "mp3"),
    "a.aac": ("adts", "aac", None, "aac"),
    "a.ac3": ("ac3", "ac3", None, "ac3"),
    "a.ogg": ("ogg", "libopus", None, "ogg"),
    "a.m4a": ("ipod", "alac", 24, "mov"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_alone_is_read(pool: MediaPool, tmp_path: Path, name: str) -> None:
    format_, codec, depth, demuxer = SOUNDS[name]
    facts = read(pool, sing(tmp_path / name, codec, format_))
    (heard,) = facts.sounds
    assert (FileKind.SOUND, demuxer, None, ()) == (facts.kind, facts.format, facts.film, facts.pictures)
    assert (48000, 2, depth) == (heard.rate_hz, heard.channels, heard.bit_depth)
    assert heard.duration_s == pytest.approx(1.0, abs=0.07)
    assert heard.bitrate_bps == pytest.approx(8 * heard.bytes / (heard.duration_s or 1))


def test_tagged_mp3_and_what_lies_behind_the_tag(pool: MediaPool, tmp_path: Path) -> None:
    """An ID3 tag may stand before AAC as well as before MP3; the length is told seven bits a byte."""
    plain = sing(tmp_path / "a.aac", "aac", "adts").read_bytes()
    tagged = tmp_path / "b.aac"
    tagged.write_bytes(b"ID3\4\0\0\0\0\1\x0a" + bytes(138) + plain)
    assert "aac" == read(pool, tagged).format


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff", "webp", "gif"])
def test_a_picture_is_no_film(pool: MediaPool, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (64, 48), (200, 10, 10)).save(path)
    facts = read(pool, path)
    film = facts.film_stream
    assert film is not None
    assert (FileKind.PICTURE, None, 64, 48) == (facts.kind, facts.duration_s, film.width_px, film.height_px)
    assert (1, None, None, None) == (film.frames, film.fps, film.duration_s, film.bitrate_bps)


def test_a_moving_gif_is_a_film_and_a_moving_webp_is_refused(pool: MediaPool, tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (32, 32), (shade, 0, 0)) for shade in (0, 120, 240)]
    for name in ("a.gif", "a.webp"):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=100)
    facts = read(pool, tmp_path / "a.gif")
    film = facts.film_stream
    assert film is not None
    assert (FileKind.VIDEO, 3, 10.0) == (facts.kind, film.frames, pytest.approx(film.fps))
    with pytest.raises(BrokenError, match="still WebP"):
        read(pool, tmp_path / "a.webp")


def test_a_photo_says_how_it_was_turned_and_taken(pool: MediaPool, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x10F], exif[0x110], exif[0x112] = "Canon", "EOS 5D", 6  # make, model, a quarter turn clockwise
    path = tmp_path / "a.jpg"
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    facts = read(pool, path)
    film = facts.film_stream
    assert film is not None
    assert (48, 64, 90) == (film.shown_width_px, film.shown_height_px, film.rotation_deg)
    assert ("Canon", "EOS 5D") == (facts.tags["Make"], facts.tags["Model"])


@pytest.mark.parametrize(("rotation", "shown", "degrees"), [(0, (128, 64), 0), (90, (64, 128), 270)])
def test_a_turned_film(pool: MediaPool, clip_file: Build, rotation: int, shown: tuple[int, int], degrees: int) -> None:
    film = film_of(pool, clip_file(rotation=rotation))
    assert (*shown, degrees) == (film.shown_width_px, film.shown_height_px, film.rotation_deg)


def test_pixels_that_are_not_square(pool: MediaPool, clip_file: Build) -> None:
    for name, format_ in (("a.mp4", "mp4"), ("a.mkv", "matroska")):
        film = film_of(pool, clip_file(name, format=format_, aspect=Fraction(4, 3)))
        assert (pytest.approx(4 / 3), 171, 64) == (film.sample_aspect, film.shown_width_px, film.shown_height_px)


@pytest.mark.parametrize(
    ("pixels", "depth", "chroma"),
    [
        ("yuv420p10le", 10, "4:2:0"),
        ("yuv422p", 8, "4:2:2"),
        ("yuv444p16le", 16, "4:4:4"),
        ("yuv411p", 8, "4:1:1"),
        ("gray", 8, "4:0:0"),
        ("bgra", 8, None),
    ],
)
def test_depth_and_chroma_by_the_pixel_format(
    pool: MediaPool, clip_file: Build, pixels: str, depth: int, chroma: str | None
) -> None:
    film = film_of(pool, clip_file("a.mkv", format="matroska", codec="ffv1", pixel_format=pixels))
    assert (pixels, depth, chroma) == (film.pixel_format, film.bit_depth, film.chroma)


def test_colours_and_hdr_by_their_names(pool: MediaPool, hdr_file: Path, clip_file: Build) -> None:
    film = film_of(pool, hdr_file)
    assert ("bt2020", "smpte2084", "bt2020nc", "tv") == (
        film.primaries,
        film.transfer,
        film.matrix,
        film.color_range,
    )
    assert (HdrKind.PQ, "Main 10", "hevc") == (film.hdr, film.profile, film.codec)
    untold = film_of(pool, clip_file("untold.mp4"))
    assert (None, None, None, None) == (untold.primaries, untold.transfer, untold.matrix, untold.hdr)
    plain = {"x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709"}
    told = film_of(pool, clip_file("told.mp4", codec_options=plain))
    assert ("bt709", "bt709", "bt709", HdrKind.NONE) == (told.primaries, told.transfer, told.matrix, told.hdr)
    hlg = {"x264-params": "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"}
    assert HdrKind.HLG is film_of(pool, clip_file("hlg.mkv", format="matroska", codec_options=hlg)).hdr


def test_how_irregular_the_frames_come(pool: MediaPool, clip_file: Build) -> None:
    """Of 9 intervals, two are longer than the other seven; the average counts them, too."""
    times = (0, 4, 8, 12, 24, 28, 32, 44, 48, 52)
    film = film_of(pool, clip_file(frames=10, rate=100, times=times))
    assert (10, pytest.approx(2 / 9), pytest.approx(0.04)) == (film.frames, film.irregular_share, film.frame_interval_s)
    assert film.fps == pytest.approx(10 / 0.56, rel=0.06)  # the last frame lasts as long as the muxer says


@pytest.mark.parametrize("rate", [60, 120])
def test_a_clock_of_milliseconds_makes_no_frame_irregular(pool: MediaPool, clip_file: Build, rate: int) -> None:
    film = film_of(pool, clip_file("a.mkv", format="matroska", frames=2 * rate, rate=rate))
    assert (0.0, pytest.approx(rate, rel=1e-3)) == (film.irregular_share, film.fps)


def test_keyframes_and_the_films_own_bitrate(pool: MediaPool, clip_file: Build) -> None:
    path = clip_file(frames=30, gop=12, audio="aac", codec_options={"x264-params": "scenecut=0"})
    film = film_of(pool, path)
    with av.open(str(path)) as container:
        taken = sum(packet.size for packet in container.demux(container.streams.video[0]))
    assert (3, 0.5, 0.5) == (film.keyframes, film.key_interval_s, film.key_interval_max_s)
    assert (taken, pytest.approx(taken * 8 / 1.25)) == (film.bytes, film.bitrate_bps)
    alone = film_of(pool, clip_file("b.mp4", frames=10, gop=99, codec_options={"x264-params": "scenecut=0"}))
    assert (1, None, None) == (alone.keyframes, alone.key_interval_s, alone.key_interval_max_s)


@pytest.mark.parametrize(("name", "codec"), [("rich.mkv", "subrip"), ("rich.mp4", "mov_text")])
def test_chapters_subtitles_languages_and_tags(
    pool: MediaPool, rich_file: Callable[[str], Path], name: str, codec: str
) -> None:
    facts = read(pool, rich_file(name))
    chapters = [(one.begin_s, pytest.approx(one.end_s, abs=0.05), one.title) for one in facts.chapters]
    assert [(0.0, 0.5, "Part 0"), (0.5, 1.0, "Part 500")] == chapters
    assert [(codec, "eng")] == [(one.codec, one.language) for one in facts.subtitles]
    assert ["deu", "fra"] == [one.language for one in facts.sounds]
    lower = {key.lower(): text for key, text in facts.tags.items()}
    assert "A day" == lower["title"]
    assert lower["encoder"].startswith("Lavf")
    assert GPS.rstrip("/") in lower["location"]


def test_the_first_bytes_decide_and_not_the_name(pool: MediaPool, clip_file: Build, tmp_path: Path) -> None:
    assert "mov" == read(pool, clip_file("film.mkv", format="mp4")).format
    for name, text in {
        "list.mkv": "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "list.avi": "ffconcat version 1.0\nfile /etc/passwd\n",
        "list.mp4": "[playlist]\nFile1=/etc/passwd\n",
        "words.txt": "Nothing to be seen here.",
        "words.srt": "1\n00:00:00,000 --> 00:00:01,000\nHello\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="ascii")
        with pytest.raises(BrokenError, match=r"of no kind that is read here .*Matroska, WebM"):
            read(pool, tmp_path / name)
    (tmp_path / "none.mkv").write_bytes(b"")
    with pytest.raises(IncompleteError, match="empty"):
        read(pool, tmp_path / "none.mkv")


def test_mp4_is_as_strict_as_elsewhere_and_other_containers_end_where_they_end(
    pool: MediaPool, clip_file: Build
) -> None:
    whole = clip_file("whole.mp4", options={"movflags": "faststart"})
    whole.write_bytes(whole.read_bytes()[:-50])
    with pytest.raises(IncompleteError, match="missing at its end"):
        read(pool, whole)
    cut = clip_file("cut.mkv", format="matroska", frames=48)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    film = film_of(pool, cut)
    assert 0 < film.frames < 48
    assert "h264" == film.codec


def test_cover_art_is_no_film(pool: MediaPool, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (9, 99, 200)).save(tmp_path / "cover.png")
    sing(tmp_path / "a.flac", "flac", "flac")
    ffmpeg(
        *("-i", tmp_path / "a.flac", "-i", tmp_path / "cover.png", "-map", "0", "-map", "1", "-c", "copy"),
        *("-disposition:v", "attached_pic", tmp_path / "b.flac"),
    )
    facts = read(pool, tmp_path / "b.flac")
    assert (FileKind.SOUND, None, [True]) == (facts.kind, facts.film, [one.attached for one in facts.pictures])


def test_the_film_is_the_one_that_the_probe_finds(pool: MediaPool, clips: Path) -> None:
    for path in sorted(clips.glob("*.[mM]*")):
        clip, film = pool.probe(path), film_of(pool, path)
        said = (clip.video_index, clip.frames, clip.shown_width_px, clip.shown_height_px, clip.rotation_deg)
        assert said == (film.index, film.frames, film.shown_width_px, film.shown_height_px, film.rotation_deg), path
        assert (clip.video_codec, clip.pixel_format, clip.bit_depth) == (film.codec, film.pixel_format, film.bit_depth)
        assert clip.hdr == (film.hdr not in {None, HdrKind.NONE})


def test_real_clips_say_what_is_known_of_them(pool: MediaPool, clips: Path) -> None:
    """By hand: an iPhone's Dolby Vision, HLG, a turned film, a very irregular one, a 5.1 sound track, subtitles."""
    iphone = film_of(pool, clips / "media__dolbyVision-hdr.MOV")
    assert (HdrKind.DOLBY_VISION, 720, 1280, 90) == (
        iphone.hdr,
        iphone.shown_width_px,
        iphone.shown_height_px,
        iphone.rotation_deg,
    )
    assert HdrKind.HLG is film_of(pool, clips / "FFMpegCore__input_hdr.mov").hdr
    uneven = film_of(pool, clips / "mediabunny__cursed-vfr.mp4")
    assert (63, 7.22) == (uneven.frames, pytest.approx(uneven.fps, abs=0.01))
    assert (uneven.irregular_share or 0) > 0.8
    assert 0.0 == film_of(pool, clips / "gpmf-parser__karma.mp4").irregular_share
    assert ("5.1", 6) == (
        read(pool, clips / "go-ffprobe__test.mov").sounds[0].layout,
        read(pool, clips / "go-ffprobe__test.mov").sounds[0].channels,
    )
    nasa = read(pool, clips / "torchcodec__nasa_13013.mp4")
    assert ([("mov_text", "eng")] * 2, 6) == ([(one.codec, one.language) for one in nasa.subtitles], nasa.streams)


@pytest.mark.parametrize(
    "name",
    ["mp4ff__cbcs.mp4", "mp4ff__iamf.mp4", "decord__corrupted.mp4", "mp4parse-rust__chunk_out_of_range.mp4"],
)
def test_what_is_broken_hurts_nobody(pool: MediaPool, bad_clips: Path, name: str) -> None:
    facts = read_or_refused(pool, bad_clips / name)
    film = facts.film_stream if facts is not None else None
    if film is not None and film.encrypted:
        assert (None, None) == (film.shown_width_px, film.rotation_deg)
    assert read(pool, bad_clips / "mp4parse-rust__white.mp4").film == 0  # and the next file is read as ever


def test_any_bytes_after_any_beginning_are_read_or_refused(pool: MediaPool, clip_file: Build, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, 4000, np.uint8).tobytes()
    for name, (format_, picture, sound, _) in CONTAINERS.items():
        data = clip_file(name, format=format_, codec=picture, audio=sound, frames=4).read_bytes()
        (tmp_path / name).write_bytes(data[:100] + noise + data[200:])
        read_or_refused(pool, tmp_path / name)


def test_reading_ends_with_its_time(pool: MediaPool, clip_file: Build) -> None:
    with pytest.raises(LimitError, match="takes too long"):
        pool.technical(clip_file(frames=100), timeout_s=1e-6)


def test_times_beyond_all_sense_are_unknown() -> None:
    times = PacketTimes(Fraction(1))
    for moment in (-(2**62), 0, 2**62):
        packet = av.Packet(10)
        packet.pts = packet.dts = moment
        packet.is_keyframe = True
        times.add(packet)
    assert (3, 30, 3) == (times.shown, times.bytes, times.keyframes)
    assert [None] * 5 == [times.span_s, times.rate_hz, times.bitrate_bps, times.interval_s, times.key_interval_max_s]
    none = PacketTimes(None)
    assert [None] * 4 == [none.span_s, none.irregular_share, none.interval_s, none.key_interval_s]
