"""MOV to MP4: what is planned, what comes out of several ffmpegs, and that it is verified."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import imageio_ffmpeg
import pytest

from tests.support.troubles import small_disk
from vsortd.config.settings import MovPolicy
from vsortd.core.outcomes import ConversionKind
from vsortd.core.video_facts import Clip, Stream
from vsortd.errors import BrokenError, Cancelled, FilingError, LimitError, VideoError
from vsortd.media import convert as convert_module
from vsortd.media.command import conversion_command
from vsortd.media.conversion_plan import plan_conversion
from vsortd.media.convert import ConversionReport, convert
from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg, run_ffmpeg
from vsortd.media.movie_facts import MovieFacts, TrackFacts
from vsortd.media.stream_actions import StreamAction

if TYPE_CHECKING:
    from vsortd.media.pool import MediaPool

Build = Callable[..., Path]


@pytest.fixture(params=["/usr/bin/ffmpeg", "wheel"])
def ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run a test with the system's ffmpeg and with the one of the imageio-ffmpeg wheel."""
    path = imageio_ffmpeg.get_ffmpeg_exe() if request.param == "wheel" else request.param
    if not Path(path).is_file():
        pytest.skip(f"no {request.param} here")
    monkeypatch.setenv("VSORTD_FFMPEG", path)
    return Path(path)


def clip_of(*streams: Stream, **changes: Any) -> Clip:
    facts: dict[str, Any] = {
        "container": "mov",
        "brand": "qt",
        "width_px": 640,
        "height_px": 480,
        "shown_width_px": 640,
        "shown_height_px": 480,
        "rotation_deg": 0,
        "duration_s": 1.0,
        "container_duration_s": 1.0,
        "fps": 25.0,
        "frames": 25,
        "video_index": streams[0].index,
        "video_codec": streams[0].codec,
        "pixel_format": "yuv420p",
        "bit_depth": 8,
        "hdr": False,
        "fragmented": False,
        "streams": streams,
    }
    return Clip(**{**facts, **changes})


H264 = Stream(0, "video", "h264", codec_tag="avc1", frames=25)
PRORES = Stream(0, "video", "prores", codec_tag="ap4h", frames=25)
AAC = Stream(1, "audio", "aac", codec_tag="mp4a", frames=44)
PCM = Stream(1, "audio", "pcm_s16le", codec_tag="sowt", frames=48000)
FLOATS = Stream(1, "audio", "pcm_f32le", codec_tag="fl32", frames=48000)
SILENT = Stream(1, "audio", "aac", codec_tag="mp4a")
APAC = Stream(1, "audio", "", codec_tag="apac", frames=44)
FACES = ("com.apple.quicktime.detected-face.bounds", "com.apple.quicktime.video-orientation")
MEBX = Stream(2, "data", "", codec_tag="mebx", frames=3, metadata_keys=FACES)
PLACES = replace(MEBX, metadata_keys=("com.apple.quicktime.location.ISO6709",))
STILL = replace(MEBX, metadata_keys=("com.apple.quicktime.still-image-time",))
GPMD = Stream(2, "data", "", codec_tag="gpmd", frames=3)
MOTION = Stream(2, "data", "", codec_tag="mett", frames=3)
C608 = Stream(2, "subtitle", "eia_608", codec_tag="c608", frames=3)
TEXT = Stream(3, "subtitle", "mov_text", codec_tag="tx3g", frames=3)
COVER = Stream(4, "video", "mjpeg", attached_picture=True)
NEVER, REMUX, TRANSCODE = MovPolicy
COPY, ALAC, SOUND, FILM, HDR = StreamAction
HANDLERS = {"video": "vide", "audio": "soun", "data": "meta", "subtitle": "text"}


def movie_of(clip: Clip, *changes: dict[str, Any], **more: Any) -> MovieFacts:
    """Return what the header of a plain movie with these streams says; `changes` are those of its tracks, in order."""
    tracks = [
        TrackFacts(one.index, HANDLERS[one.kind], one.codec_tag, samples=one.frames, ticks=600, shown_s=1.0)
        for one in clip.streams
        if not one.attached_picture
    ]
    for number, change in enumerate(changes):
        tracks[number] = replace(tracks[number], **change)
    return MovieFacts(tuple(tracks), **more)


@pytest.mark.parametrize(
    ("clip", "policy", "kind", "actions", "reason"),
    [
        (clip_of(H264, AAC), REMUX, ConversionKind.REMUX, [COPY, COPY], "remux: h264 + aac"),
        (
            clip_of(H264, AAC, MEBX, TEXT, COVER),
            REMUX,
            ConversionKind.REMUX,
            [COPY] * 4,
            "remux: h264 + aac + mov_text + cover; left out: detected-face, video-orientation",
        ),
        (clip_of(H264, SILENT), REMUX, ConversionKind.REMUX, [COPY], "remux: h264; left out: an empty audio track"),
        (clip_of(H264, PCM), REMUX, ConversionKind.REMUX, [COPY, ALAC], "remux: h264 + pcm → alac, lossless"),
        (clip_of(H264, AAC, GPMD), REMUX, ConversionKind.REMUX, [COPY] * 3, "remux: h264 + aac + gpmd"),
        (clip_of(H264, FLOATS), REMUX, ConversionKind.NONE, [], "stays .mov: pcm_f32le does not fit MP4"),
        (clip_of(H264, APAC), REMUX, ConversionKind.NONE, [], "stays .mov: sound that MP4 can't hold (apac)"),
        (clip_of(PRORES, AAC), REMUX, ConversionKind.NONE, [], "stays .mov: prores 4444 does not fit MP4"),
        (clip_of(H264, AAC, STILL), REMUX, ConversionKind.NONE, [], "stays .mov: it is half of a Live Photo"),
        (clip_of(H264, AAC, PLACES), REMUX, ConversionKind.NONE, [], "stays .mov: telemetry (location)"),
        (clip_of(H264, AAC, MOTION), TRANSCODE, ConversionKind.NONE, [], "stays .mov: telemetry (mett)"),
        (clip_of(H264, AAC, C608), REMUX, ConversionKind.NONE, [], "stays .mov: captions (c608)"),
        (
            clip_of(PRORES, FLOATS, pixel_format="yuva444p12le", bit_depth=12),
            TRANSCODE,
            ConversionKind.TRANSCODE,
            [FILM, SOUND],
            "transcode (asked for): prores 4444 → h264, alpha lost, 12 bit → 8 bit, 4:4:4 → 4:2:0; pcm_f32le → aac",
        ),
        (
            clip_of(PRORES, hdr=True, pixel_format="yuv422p10le", bit_depth=10),
            TRANSCODE,
            ConversionKind.TRANSCODE,
            [HDR],
            "transcode (asked for): prores 4444 → hevc, 4:2:2 → 4:2:0",
        ),
        (
            clip_of(H264, AAC),
            TRANSCODE,
            ConversionKind.TRANSCODE,
            [FILM, COPY],
            "transcode (asked for): h264 → h264; aac",
        ),
        (clip_of(H264), NEVER, ConversionKind.NONE, [], ""),
    ],
)
def test_the_plan_keeps_what_mp4_can_hold_and_says_so(
    clip: Clip, policy: MovPolicy, kind: ConversionKind, actions: list[StreamAction], reason: str
) -> None:
    plan = plan_conversion(clip, movie_of(clip), Path("/a/Film.MOV"), policy)
    assert (kind, actions, reason) == (plan.kind, [item.action for item in plan.streams], plan.reason)


@pytest.mark.parametrize(
    ("film", "sound", "more", "why"),
    [
        ({"edits": 2}, {"edits": 2}, {}, "two edits"),
        ({"edits": 12}, {}, {}, "12 edits"),
        ({"paced": True}, {}, {}, "it is played at another speed"),
        ({}, {}, {"rate": 0.5}, "it is played at another speed"),
        ({"hidden": 4}, {"hidden_s": 3.0}, {}, "trimmed (4 of 25 frames are hidden)"),
        ({}, {"hidden_s": 3.0, "ticks": 48000}, {}, "trimmed (3.0 s of its sound are hidden)"),
        ({"entries": 2}, {}, {}, "its encoding changes midway"),
        ({}, {"enabled": False}, {}, "a sound track is switched off"),
        ({}, {}, {"unread": ("NCDT",)}, "user data that MP4 can't hold (NCDT)"),
        ({"edits": 3, "entries": 2}, {}, {}, "three edits, its encoding changes midway"),
    ],
)
def test_what_would_not_be_shown_alike_stays_a_mov(
    film: dict[str, Any], sound: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    clip = clip_of(H264, AAC)
    plan = plan_conversion(clip, movie_of(clip, film, sound, **more), Path("/a/film.mov"), REMUX)
    assert (ConversionKind.NONE, f"stays .mov: {why}") == (plan.kind, plan.reason)


def test_an_encoders_padding_is_no_trim() -> None:
    clip = clip_of(H264, AAC)
    movie = movie_of(clip, {}, {"hidden_s": 0.15, "ticks": 44100})
    assert ConversionKind.REMUX is plan_conversion(clip, movie, Path("/a/film.mov"), REMUX).kind


@pytest.mark.parametrize("name", ["a.mp4", "a.MP4", "a.m4v"])
def test_only_files_named_mov_are_converted(name: str) -> None:
    """An .mp4 of brand qt stays what it is."""
    clip = clip_of(H264)
    plan = plan_conversion(clip, movie_of(clip), Path("/") / name, MovPolicy.TRANSCODE)
    assert (ConversionKind.NONE, "") == (plan.kind, plan.reason)


@pytest.mark.parametrize(
    ("version", "timing", "base"),
    [((4, 4), "-vsync", "-1"), ((5, 1), "-fps_mode:0", "-1"), ((9, 0), "-fps_mode:0", "demux")],
)
def test_the_command_line_is_strict_and_fits_the_version(version: tuple[int, int], timing: str, base: str) -> None:
    source, target = Path("/in/-y concat:a\n.mov"), Path("/out/x.mp4")
    clip = clip_of(PRORES, PCM, MEBX, hdr=True)
    movie = movie_of(clip, {"own_tags": {"lens": "28 mm"}}, tags={"com.apple.quicktime.make": "x"})
    plan = plan_conversion(clip, movie, source, MovPolicy.TRANSCODE)
    command = conversion_command(Path("/bin/ffmpeg"), version, source, target, plan=plan, clip=clip)
    given = command[: command.index("-i")]
    assert ["mov", "file", "0", "0"] == [
        given[given.index(option) + 1]
        for option in ("-f", "-protocol_whitelist", "-enable_drefs", "-use_absolute_path")
    ]
    assert "-noautorotate" in given
    assert {"-nostdin", "-y"} <= set(given)  # the target is an empty file of ours
    assert "file:/in/-y concat:a\n.mov" == command[command.index("-i") + 1]
    assert "file:/out/x.mp4" == command[-1]
    assert ["0:0", "0:1"] == [command[at + 1] for at, word in enumerate(command) if word == "-map"]
    assert "passthrough" == command[command.index(timing) + 1]
    assert base == command[command.index("-enc_time_base:0") + 1]
    assert "+faststart+use_metadata_tags" == command[command.index("-movflags") + 1]
    tags = [command[at + 1] for at, word in enumerate(command) if word == "-metadata"]
    assert ["compatible_brands=", "major_brand=", "minor_version=", "lens=28 mm"] == tags


def as_mov(source: Path, folder: Path) -> Path:
    return Path(shutil.copyfile(source, folder / f"{source.stem}.mov"))


def run(source: Path, pool: MediaPool, policy: MovPolicy = MovPolicy.REMUX) -> tuple[ConversionReport, Clip, Clip]:
    """Convert beside the source; check that the source is untouched."""
    target = source.with_suffix(".mp4")
    before = (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns)
    clip, movie = pool.probe(source), pool.movie(source)
    report = convert(source, target, plan_conversion(clip, movie, source, policy), clip, movie, pool)
    assert before == (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns)
    return report, clip, pool.probe(target)


REMUXED = [
    "clips/streamio-ffmpeg__awesome_widescreen.mov",
    "clips/decord__video_90.mov",
    "clips/decord__video_180.mov",
    "clips/shared-assets__flower-fragmented.mp4",
    "clips/torchcodec__nasa_13013.mp4",
    "clips/mp4parser__foreman-hevc-384.mp4",
    "clips/pigallery2__20240128_120909.mp4",
    "bad/decord__unordered.mov",
    "bad/decord__corrupted.mp4",
    "bad/mp4parse-rust__tiny_av1.mp4",
]


@pytest.mark.few(4)
@pytest.mark.parametrize("name", REMUXED)
def test_a_real_clip_is_remuxed_packet_by_packet(
    name: str, ffmpeg: Path, clips: Path, tmp_path: Path, pool: MediaPool
) -> None:
    report, clip, result = run(as_mov(clips.parent / name, tmp_path), pool)
    assert (ConversionKind.REMUX, ffmpeg) == (report.kind, find_ffmpeg())
    assert report.packets >= clip.frames
    assert (clip.shown_width_px, clip.shown_height_px, clip.rotation_deg, clip.hdr) == (
        result.shown_width_px,
        result.shown_height_px,
        result.rotation_deg,
        result.hdr,
    )
    assert ("mp42", clip.camera, clip.recorded_at) == (result.brand, result.camera, result.recorded_at)
    lost = {key for key in clip.tags if key.startswith("com.apple.")} - set(result.tags)
    assert not lost
    data = (tmp_path / f"{Path(name).stem}.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart
    if clip.video_codec == "hevc":
        assert b"hvc1" in data


def test_subtitles_and_cover_art_are_kept(
    clip_file: Build, ffmpeg: Path, clips: Path, tmp_path: Path, pool: MediaPool
) -> None:
    cover = clip_file("cover.jpg", format="image2", codec="mjpeg", pixel_format="yuvj420p", frames=1)
    plain = clip_file("plain.mp4", audio="aac")
    words = ["-i", plain, "-i", cover, "-map", "0", "-map", "1", "-c", "copy", "-disposition:2", "attached_pic"]
    words += ["-metadata", "title=A day", "-metadata", "lyrics=La la", "-f", "mp4", tmp_path / "Film.mov"]
    subprocess.run([ffmpeg, "-v", "error", *words], check=True, stdin=subprocess.DEVNULL)
    report, _, result = run(tmp_path / "Film.mov", pool)
    assert [("video", False), ("audio", False), ("video", True)] == [
        (s.kind, s.attached_picture) for s in result.streams
    ]
    assert "remux: h264 + aac + cover" == report.reason
    assert ("A day", "La la") == (result.tags["title"], result.tags["lyrics"])
    _, _, result = run(as_mov(clips / "torchcodec__nasa_13013.mp4", tmp_path), pool)
    assert 2 == sum(stream.codec == "mov_text" for stream in result.streams)


@pytest.mark.few(2)
@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(("sound", "result_codec"), [("pcm_s16le", "alac"), ("pcm_s24le", "alac"), ("aac", "aac")])
def test_whole_number_pcm_becomes_alac_without_loss(
    sound: str, result_codec: str, clip_file: Build, tmp_path: Path, pool: MediaPool
) -> None:
    report, clip, result = run(clip_file("Film.mov", format="mov", audio=sound), pool)
    assert (sound, result_codec) == (clip.audio_codec, result.audio_codec)
    assert ("alac, lossless" in report.reason) == (sound != result_codec)
    if result_codec == "alac":
        assert samples(tmp_path / "Film.mov") == samples(tmp_path / "Film.mp4")


def samples(path: Path) -> str:
    digest = hashlib.sha256()
    resampler = av.AudioResampler(format="s32")
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                digest.update(bytes(part.planes[0])[: part.samples * 8])
    return digest.hexdigest()


@pytest.mark.few(2)
@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    "recipe",
    [
        {"codec": "prores_ks", "pixel_format": "yuv422p10le", "width": 128, "height": 64},
        {"codec": "mjpeg", "pixel_format": "yuvj420p", "rotation": 90},
        {"codec": "libx264", "pixel_format": "yuv444p", "width": 63, "height": 47},
        {"times": tuple(n + n * n // 5 for n in range(24))},
    ],
    ids=["prores", "turned mjpeg", "odd size", "variable rate"],
)
def test_what_does_not_fit_is_encoded_anew(recipe: dict[str, Any], clip_file: Build, pool: MediaPool) -> None:
    source = clip_file("Film.mov", format="mov", audio="pcm_s16le", **recipe)
    report, clip, result = run(source, pool, MovPolicy.TRANSCODE)
    assert (ConversionKind.TRANSCODE, "h264", "alac") == (report.kind, result.video_codec, result.audio_codec)
    assert (clip.frames, clip.rotation_deg) == (result.frames, result.rotation_deg)
    assert pytest.approx(clip.duration_s, abs=0.1) == result.duration_s


@pytest.mark.usefixtures("ffmpeg")
def test_hdr_stays_hdr(hdr_file: Path, pool: MediaPool) -> None:
    report, _, result = run(hdr_file, pool, TRANSCODE)
    assert (ConversionKind.TRANSCODE, "hevc") == (report.kind, result.video_codec)
    assert ("yuv420p10le", True) == (result.pixel_format, result.hdr)


@pytest.mark.few(4)
@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    "name",
    ["-y.mov", "concat:a.mov", "a\nb.mov", "\udcff\udcfe.mov", "%d.mov", "pipe:0.mov", "x" * 251 + ".mov"],
)
def test_any_name_is_converted(name: str, clip_file: Build, tmp_path: Path, pool: MediaPool) -> None:
    source = clip_file("plain.mov", format="mov", frames=3)
    odd = tmp_path / name
    source.rename(odd)
    report, _, result = run(odd, pool)
    assert (ConversionKind.REMUX, 3) == (report.kind, result.frames)


def test_a_playlist_named_mov_reaches_nothing(ffmpeg: Path, clip_file: Build, tmp_path: Path) -> None:
    """Even if probing were fooled, the command line would neither open nor fetch what a playlist names."""
    secret = clip_file("secret.ts", format="mpegts", frames=24)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts"
        for text in (
            f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
            f"#EXTM3U\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{secret}'\n",
        ):
            source, target = tmp_path / "Film.mov", tmp_path / "out.mp4"
            source.write_text(text, encoding="ascii")
            clip = clip_of(H264)
            plan = plan_conversion(clip, movie_of(clip), source, REMUX)
            command = conversion_command(ffmpeg, ffmpeg_version(ffmpeg), source, target, plan=plan, clip=clip)
            with pytest.raises(BrokenError, match="could not convert"):
                run_ffmpeg(command, source=source, target=target, stall_s=20)
            assert 0 == target.stat().st_size
            target.unlink()
        with pytest.raises(BlockingIOError):
            listener.accept()


def converted(source: Path, pool: MediaPool, **options: Any) -> None:
    clip, movie = pool.probe(source), pool.movie(source)
    plan = plan_conversion(clip, movie, source, MovPolicy.REMUX)
    convert(source, source.with_suffix(".mp4"), plan, clip, movie, pool, **options)


def test_an_existing_target_is_never_touched(clip_file: Build, pool: MediaPool) -> None:
    source = clip_file("Film.mov", format="mov")
    source.with_suffix(".mp4").write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        converted(source, pool)
    assert b"somebody's" == source.with_suffix(".mp4").read_bytes()


def spoil(monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]) -> None:
    """Let the result be harmed between ffmpeg and the verification."""
    original = run_ffmpeg

    def run_and_harm(command: list[str], **options: Any) -> None:
        original(command, **options)
        harm(Path(command[-1].removeprefix("file:")))

    monkeypatch.setattr(convert_module, "run_ffmpeg", run_and_harm)


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[place] ^= 0x01
    path.write_bytes(bytes(data))


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def put_another(path: Path) -> None:
    """Put a playable video in its place: the same pictures, one frame fewer."""
    with av.open(str(path.with_suffix(".mov"))) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(given.demux(given.streams.video[0])):
            if packet.dts is not None and number < 23:
                packet.stream = stream
                out.mux(packet)


@pytest.mark.parametrize("harm", [flip_a_byte, cut_short, put_another])
def test_a_result_that_differs_is_removed_and_reported(
    harm: Callable[[Path], None], clip_file: Build, pool: MediaPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip_file("Film.mov", format="mov", codec_options={"crf": "10", "bf": "0"})
    content = source.read_bytes()
    spoil(monkeypatch, harm)
    with pytest.raises(VideoError):
        converted(source, pool)
    assert not source.with_suffix(".mp4").exists()
    assert content == source.read_bytes()


def test_cancelling_removes_the_target_and_the_process(clip_file: Build, pool: MediaPool) -> None:
    source = clip_file("Film.mov", format="mov")
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        converted(source, pool, cancel=cancel)
    assert not source.with_suffix(".mp4").exists()


def test_progress_ends_at_the_end(clip_file: Build, pool: MediaPool) -> None:
    seen: list[float] = []
    converted(clip_file("Film.mov", format="mov", frames=48), pool, progress=seen.append)
    assert seen
    assert all(0 <= part <= 1 for part in seen)
    assert seen == sorted(seen)


def test_an_ffmpeg_without_progress_is_stopped(tmp_path: Path) -> None:
    """A source that never ends (zeros from a device) and writes nothing."""
    ffmpeg = find_ffmpeg()
    command = [
        str(ffmpeg),
        "-v",
        "error",
        "-nostdin",
        "-f",
        "s16le",
        "-re",
        "-i",
        "/dev/zero",
        "-f",
        "null",
        "-",
    ]
    held = [*command[:1], "-stats_period", "1000", *command[1:]]
    with pytest.raises(LimitError, match="no progress"):
        run_ffmpeg(held, source=Path("/dev/zero"), target=tmp_path / "none", stall_s=1)
    assert 0 == (tmp_path / "none").stat().st_size


ZEROS = ("-v", "error", "-nostdin", "-y", "-f", "s16le", "-t", "99", "-i", "/dev/zero", "-f", "s16le")


def test_a_file_larger_than_allowed_stops_ffmpeg(tmp_path: Path) -> None:
    command = [str(find_ffmpeg()), *ZEROS, str(tmp_path / "x")]
    with pytest.raises((LimitError, BrokenError)):
        run_ffmpeg(command, source=Path("/dev/zero"), target=tmp_path / "x", stall_s=20, max_file_bytes=1_000_000)
    assert (tmp_path / "x").stat().st_size <= 1_000_000


def test_a_full_disk_is_not_the_videos_fault(tmp_path: Path) -> None:
    target = tmp_path / "disk" / "x"
    command = [str(find_ffmpeg()), *ZEROS, str(target)]
    with small_disk(target.parent, "1m"), pytest.raises(FilingError, match="No space left"):
        run_ffmpeg(command, source=Path("/dev/zero"), target=target, stall_s=20)
