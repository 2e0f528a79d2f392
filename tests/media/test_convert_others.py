"""Other containers to MP4: made and verified where nothing is lost, else left with the reason."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import imageio_ffmpeg
import pytest

from tests.support.other_films import (
    AAC,
    COPY,
    H264,
    HEVC,
    MPEG2,
    MPEG4,
    again,
    cut_within,
    film,
    joined,
    with_attachment,
    with_chapters,
    with_subtitles,
)
from vsortd.config.settings import Convert, MovPolicy, OtherPolicy
from vsortd.core.outcomes import ConversionKind
from vsortd.errors import VideoError
from vsortd.media import convert as convert_module
from vsortd.media.conversion_plan import is_convertible, plan_conversion, policy_for
from vsortd.media.convert import convert
from vsortd.media.ffmpeg import run_ffmpeg

if TYPE_CHECKING:
    from vsortd.media.pool import MediaPool

pytestmark = pytest.mark.timeout(120)
Make = Callable[[Path], Path]


@pytest.fixture(params=["/usr/bin/ffmpeg", "wheel"])
def ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the system's ffmpeg and with the one of the imageio-ffmpeg wheel."""
    path = imageio_ffmpeg.get_ffmpeg_exe() if request.param == "wheel" else request.param
    if not Path(path).is_file():
        pytest.skip(f"no {request.param} here")
    monkeypatch.setenv("VSORTD_FFMPEG", path)


@pytest.fixture(scope="module")
def mkv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plain film in Matroska."""
    return film(tmp_path_factory.mktemp("plain") / "plain.mkv", *H264, *AAC)


@pytest.fixture(scope="module")
def ts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plain film in MPEG-TS."""
    return film(tmp_path_factory.mktemp("plain") / "plain.ts", *H264, *AAC)


@pytest.fixture(scope="module")
def films(mkv: Path, ts: Path) -> tuple[Path, Path]:
    """Return both."""
    return mkv, ts


def outcome(source: Path, pool: MediaPool) -> str:
    """Convert a video beside itself; return what is said, and see that the source is untouched."""
    target = source.with_suffix(".mp4")
    before = (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns)
    clip, movie = pool.probe(source), pool.movie(source)
    plan = plan_conversion(clip, movie, source, MovPolicy.REMUX)
    said = plan.reason
    if plan.kind is not ConversionKind.NONE:
        try:
            said = convert(source, target, plan, clip, movie, pool).reason
        except VideoError as error:
            said = f"stays {source.suffix}: {error.reason}"
    assert before == (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns)
    assert said.startswith("remux") == target.exists()
    return said


REMUXED: dict[str, tuple[tuple[str, ...], str]] = {
    "plain.mkv": ((*H264, *AAC), "remux: h264 + aac"),
    "hevc.mkv": ((*HEVC, *AAC), "remux: hevc + aac"),
    "flac.mkv": ((*H264, "-c:a", "flac"), "remux: h264 + flac"),
    "silent.mkv": ((*H264, "-an"), "remux: h264"),
    "wide.mkv": ((*H264, *AAC, "-aspect", "16:9"), "remux: h264 + aac"),
    "pcm.mkv": ((*H264, "-c:a", "pcm_s16le"), "remux: h264 + pcm → alac, lossless"),
    "plain.avi": ((*MPEG4, "-c:a", "libmp3lame"), "remux: mpeg4 + mp3"),
    "pcm.avi": ((*MPEG4, "-c:a", "pcm_s16le"), "remux: mpeg4 + pcm → alac, lossless"),
    "plain.ts": ((*H264, *AAC), "remux: h264 + aac"),
    "hevc.ts": ((*HEVC, *AAC), "remux: hevc + aac"),
    "ac3.ts": ((*H264, "-c:a", "ac3"), "remux: h264 + ac3"),
    "mp2.ts": ((*MPEG2, "-c:a", "mp2"), "remux: mpeg2video + mp2"),
    "plain.m2ts": ((*H264, "-c:a", "ac3", "-mpegts_m2ts_mode", "1", "-f", "mpegts"), "remux: h264 + ac3"),
    "plain.mpg": ((*MPEG2, "-c:a", "mp2", "-f", "vob"), "remux: mpeg2video + mp2"),
    "plain.flv": ((*H264, *AAC, "-ar", "44100"), "remux: h264 + aac"),
    "plain.3gp": ((*H264, *AAC), "remux: h264 + aac"),
}


@pytest.mark.few(6)
@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("name", REMUXED)
def test_what_mp4_can_hold_is_copied(name: str, tmp_path: Path, pool: MediaPool) -> None:
    coding, said = REMUXED[name]
    source = film(tmp_path / name, *coding)
    before = pool.probe(source)
    assert said == outcome(source, pool)
    after = pool.probe(source.with_suffix(".mp4"))
    assert ("mp42", before.video_codec) == (after.brand, after.video_codec)
    assert (before.shown_width_px, before.shown_height_px) == (after.shown_width_px, after.shown_height_px)
    assert pytest.approx(before.duration_s, abs=0.05) == after.duration_s
    assert shown_alike(source, source.with_suffix(".mp4"))


@pytest.mark.few(2)
@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("ending", ["mkv", "flv", "ts"])
def test_what_was_made_of_an_mp4_becomes_one_again(ending: str, tmp_path: Path, pool: MediaPool) -> None:
    """With the brands of the MP4 as tags, which ffmpeg writes into Matroska: they are of no video's content."""
    source = again(tmp_path / f"second.{ending}", film(tmp_path / "first.mp4", *H264, "-an"), *COPY)
    assert "remux: h264" == outcome(source, pool)


def shown_alike(one: Path, other: Path) -> bool:
    """Decode two films with PyAV alone, and tell whether they show the same pictures at the same times, to a ms."""
    before, after = pictures_of(one), pictures_of(other)
    shift_s = before[0][0] - after[0][0]
    times = all(abs(a - b - shift_s) <= 0.0011 for (a, _), (b, _) in zip(before, after, strict=True))
    return times and [shown for _, shown in before] == [shown for _, shown in after]


def pictures_of(path: Path) -> list[tuple[float, bytes]]:
    """Return when each picture is shown, seconds, and a digest of it."""
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[0])
        found = [(frame.time, hashlib.sha256(frame.to_ndarray(format="rgb24").tobytes()).digest()) for frame in frames]
    return sorted(found)


def _tagged(path: Path, mkv: Path) -> Path:
    words = ["-map", "0", "-map", "0:a", "-c", "copy", "-metadata", "title=A day", "-metadata", "ARTIST=me"]
    words += ["-metadata", "DATE_RECORDED=2020-01-01", "-metadata", "creation_time=2024-05-06T07:08:09Z"]
    words += ["-metadata:s:a:1", "title=Commentary", "-metadata:s:a:1", "language=ger"]
    return again(path, mkv, *words, "-disposition:a:1", "comment")


@pytest.mark.usefixtures("ffmpeg")
def test_tags_chapters_covers_and_marks_of_tracks_are_kept(mkv: Path, tmp_path: Path, pool: MediaPool) -> None:
    tagged = _tagged(tmp_path / "tagged.mkv", mkv)
    assert "remux: h264 + aac + aac" == outcome(tagged, pool)
    result = pool.probe(tagged.with_suffix(".mp4"))
    kept = {key.lower(): value for key, value in result.tags.items()}
    assert ("A day", "me", "2020-01-01") == (kept["title"], kept["artist"], kept["date_recorded"])
    assert "2024-05-06T07:08:09Z" == result.recorded_at == pool.probe(tagged).recorded_at
    assert ["", "", "ger"] == [stream.language.replace("und", "") for stream in result.streams]
    chapters = with_chapters(tmp_path / "chapters.mkv", mkv)
    assert "remux: h264 + aac" == outcome(chapters, pool)
    with av.open(str(chapters.with_suffix(".mp4"))) as container:
        assert ["One", "Two"] == [chapter["metadata"]["title"] for chapter in container.chapters()]
    cover = with_attachment(tmp_path / "cover.mkv", mkv, "cover")
    assert "remux: h264 + aac + cover" == outcome(cover, pool)
    assert [False, False, True] == [one.attached_picture for one in pool.probe(cover.with_suffix(".mp4")).streams]


def _coded(*coding: str) -> Callable[[Path, Path, Path], Path]:
    return lambda path, _mkv, _ts: film(path, *coding)


STAYS: dict[str, tuple[Callable[[Path, Path, Path], Path], str]] = {
    "ass.mkv": (lambda path, mkv, _: with_subtitles(path, mkv, "ass"), "subtitles that MP4 can't hold (ass)"),
    "srt.mkv": (lambda path, mkv, _: with_subtitles(path, mkv, "srt"), "subtitles that MP4 can't hold (subrip)"),
    "font.mkv": (lambda path, mkv, _: with_attachment(path, mkv, "font"), "attached files (font.ttf)"),
    "two.mkv": (lambda path, mkv, _: again(path, mkv, "-map", "0", "-map", "0:v", "-c", "copy"), "2 picture tracks"),
    "vp8.webm": (_coded("-c:v", "libvpx", "-c:a", "libopus"), "vp8 does not fit MP4"),
    "vorbis.mkv": (_coded(*H264, "-c:a", "libvorbis"), "vorbis does not fit MP4"),
    "floats.mkv": (_coded(*H264, "-c:a", "pcm_f32le"), "pcm_f32le does not fit MP4"),
    "bframes.avi": (_coded(*MPEG4, "-bf", "2", "-c:a", "libmp3lame"), "B-frames, whose times AVI does not hold"),
    "old.avi": (_coded("-c:v", "msmpeg4v2", "-c:a", "libmp3lame"), "msmpeg4v2 does not fit MP4"),
    "old.flv": (_coded("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"), "flv1 does not fit MP4"),
    "old.wmv": (_coded("-c:v", "wmv2", "-c:a", "wmav2"), "wmv2 does not fit MP4, wmav2 does not fit MP4"),
    "old.3gp": (_coded("-c:v", "h263", "-s", "176x144", *AAC), "h263 does not fit MP4"),
    "joined.ts": (lambda path, _, ts: joined(path, ts), "times that go back"),
    "holed.ts": (lambda path, _, ts: cut_within(path, ts, 188 * 100, 188 * 104), "damaged parts"),
    "channel.ts": (
        lambda path, _, ts: again(path, ts, *COPY, "-metadata", "service_name=Channel 4"),
        "a channel's name (Channel 4)",
    ),
    "middle.ts": (
        lambda path, _, ts: again(path, ts, "-map", "0", "-c", "copy", "-bsf:v", "noise=drop='eq(n,0)'"),
        "it does not begin with a keyframe",
    ),
}


@pytest.mark.parametrize("name", STAYS)
def test_what_mp4_cannot_hold_is_named(name: str, mkv: Path, ts: Path, tmp_path: Path, pool: MediaPool) -> None:
    make, why = STAYS[name]
    said = outcome(make(tmp_path / name, mkv, ts), pool)
    assert said.startswith(f"stays .{name.rpartition('.')[2]}: ")
    assert why in said


def test_opus_whose_end_is_cut_to_the_sample_stays(tmp_path: Path, pool: MediaPool) -> None:
    """An MP4 by ffmpeg plays what Matroska says is to be thrown away; the comparison finds it."""
    source = film(tmp_path / "vp9.webm", "-c:v", "libvpx-vp9", "-b:v", "100k", "-c:a", "libopus")
    assert outcome(source, pool).startswith("stays .webm: its sound would have ")


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 8
    data[begin + (len(data) - begin) // 2] ^= 1
    path.write_bytes(bytes(data))


def shift_the_sound(path: Path) -> None:
    other = path.with_name("shifted.mp4")
    again(other, path, "-itsoffset", "0.04", "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy")
    other.replace(path)


def drop_the_last_frame(path: Path) -> None:
    other = path.with_name("shorter.mp4")
    again(other, path, *COPY, "-frames:v", "40")
    other.replace(path)


def encode_anew(path: Path) -> None:
    other = path.with_name("anew.mp4")
    again(other, path, "-c:v", "libx264", "-crf", "20", "-g", "12", "-c:a", "copy")
    other.replace(path)


def add_a_tag(path: Path) -> None:
    other = path.with_name("tagged.mp4")
    again(other, path, *COPY, "-metadata", "title=Never there")
    other.replace(path)


@pytest.mark.few(4)
@pytest.mark.parametrize("name", ["plain.mkv", "plain.ts"])
@pytest.mark.parametrize("harm", [flip_a_byte, shift_the_sound, drop_the_last_frame, encode_anew, add_a_tag])
def test_a_result_that_was_harmed_is_not_taken(  # noqa: PLR0917 - the harm, the films, and what a test is given
    harm: Callable[[Path], None],
    name: str,
    films: tuple[Path, Path],
    tmp_path: Path,
    pool: MediaPool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Path(shutil.copyfile(films[name.endswith("ts")], tmp_path / name))

    def run_and_harm(command: list[str], **options: object) -> None:
        run_ffmpeg(command, **options)  # type: ignore[arg-type]
        harm(Path(command[-1].removeprefix("file:")))

    monkeypatch.setattr(convert_module, "run_ffmpeg", run_and_harm)
    said = outcome(source, pool)
    assert said.startswith(f"stays {source.suffix}: ")
    assert "would" in said


@pytest.mark.parametrize(
    ("name", "mov", "other", "thought_of"),
    [
        ("a.mkv", MovPolicy.NEVER, OtherPolicy.REMUX, True),
        ("a.MKV", MovPolicy.REMUX, OtherPolicy.NEVER, False),
        ("a.3gp", MovPolicy.TRANSCODE, OtherPolicy.REMUX, True),
        ("a.mov", MovPolicy.NEVER, OtherPolicy.REMUX, False),
        ("a.qt", MovPolicy.REMUX, OtherPolicy.NEVER, True),
        ("a.mp4", MovPolicy.TRANSCODE, OtherPolicy.REMUX, False),
        ("a.m4v", MovPolicy.TRANSCODE, OtherPolicy.REMUX, False),
        ("a.txt", MovPolicy.TRANSCODE, OtherPolicy.REMUX, False),
    ],
)
def test_the_config_says_of_which_files_mp4s_are_made(
    name: str, mov: MovPolicy, other: OtherPolicy, *, thought_of: bool
) -> None:
    source = Path("/in") / name
    policy = policy_for(source, Convert(mov=mov, other=other))
    assert thought_of == is_convertible(source, policy)
    assert MovPolicy.TRANSCODE is not policy or source.suffix == ".mov" or not thought_of


def test_no_other_container_is_encoded_anew() -> None:
    assert MovPolicy.REMUX is policy_for(Path("a.mkv"), Convert(mov=MovPolicy.TRANSCODE, other=OtherPolicy.REMUX))
