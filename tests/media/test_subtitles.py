"""Subtitles beside a video and inside it are read as text with times, whatever wrote them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.media.test_lying_worker import LEFT_OUT, LIES, at, leaves, with_lie
from vsortd.core.word_match import TimedText
from vsortd.errors import ChangedError, LimitError
from vsortd.media.ffmpeg import find_ffmpeg
from vsortd.media.protocol import MAX_STREAMS, ProtocolError
from vsortd.media.subtitle_text import MAX_FILE_BYTES, read_subtitles
from vsortd.media.subtitles_reply import (
    LONGEST_LINE,
    MAX_LINES,
    SubtitleTrack,
    subtitles_from_reply,
    subtitles_to_reply,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.media.pool import MediaPool

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello</i> wörld
second line

2
00:01:03,250 --> 00:01:04,000 X1:40 X2:600 Y1:20 Y2:50
{\\an8}Tom &amp; Anna
"""
VTT = """WEBVTT - made by hand

STYLE
::cue { color: lime }

NOTE nothing of this is said

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Anna>Happy <c.yellow>birthday</c>!

01:00:03.250 --> 01:00:04.000
Second
"""
ASS = """[Script Info]
ScriptType: v4.00+
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:01.50,0:00:02.50,Default,,0,0,0,,{\\b1}Hello{\\b0}, you\\Nthere
Dialogue: 0,broken
"""
SAID = [(1.0, 2.5, "Hello wörld second line"), (63.25, 64.0, "Tom & Anna")]


def said(data: bytes | str, form: str = "srt") -> list[tuple[float, float, str]]:
    read = read_subtitles(data.encode() if isinstance(data, str) else data, form)
    return [(line.begin_s, line.end_s, line.text) for line in read.lines]


def test_subrip_is_read_without_its_tags() -> None:
    assert SAID == said(SRT)


def test_webvtt_is_read_without_styles_notes_and_names() -> None:
    assert [(1.0, 2.5, "Happy birthday!"), (3603.25, 3604.0, "Second")] == said(VTT, "vtt")


def test_substation_is_read_and_a_broken_entry_counted() -> None:
    read = read_subtitles(ASS.encode(), "ass")
    assert [(1.5, 2.5, "Hello, you there")] == [(line.begin_s, line.end_s, line.text) for line in read.lines]
    assert 1 == read.skipped


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    assert SAID == said(SRT.encode(encoding))


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_every_end_of_line_is_one(ends: str) -> None:
    assert SAID == said(SRT.replace("\n", ends))


def test_broken_entries_are_left_out_and_counted() -> None:
    broken = "1\n00:00:xx,000 --> 00:00:02,000\nlost\n\n2\n00:00:05,000 --> 00:00:04,000\nbackwards\n\n"
    read = read_subtitles((broken + SRT).encode(), "srt")
    assert 2 == read.skipped
    assert SAID == [(line.begin_s, line.end_s, line.text) for line in read.lines]


def test_entries_without_an_empty_line_between_them_are_told_apart() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n"
    assert [(1.0, 2.0, "one"), (3.0, 4.0, "two")] == said(text)


def test_entries_come_in_the_order_of_time() -> None:
    text = "00:00:03,000 --> 00:00:04,000\ntwo\n\n00:00:01,000 --> 00:00:02,000\none\n"
    assert ["one", "two"] == [text for _, _, text in said(text)]


def test_what_rolling_captions_show_twice_is_said_once() -> None:
    text = (
        "00:00:01.000 --> 00:00:03.000\nthis is the first\n\n"
        "00:00:03.000 --> 00:00:03.010\nthis is the first\n\n"
        "00:00:03.010 --> 00:00:05.000\nthis is the first\nand this the second\n"
    )
    assert [(1.0, 3.01, "this is the first"), (3.01, 5.0, "and this the second")] == said(text, "vtt")


def test_a_word_that_is_said_again_stays() -> None:
    text = "00:00:01.000 --> 00:00:02.000\nno\n\n00:00:02.000 --> 00:00:03.000\nno one knows\n"
    assert ["no", "no one knows"] == [text for _, _, text in said(text, "vtt")]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\0" * 5000, bytes(range(256)) * 40, b"-->" * 3000, b"{\\" * 9000])
@pytest.mark.parametrize("form", ["srt", "vtt", "ass"])
def test_what_is_no_subtitle_says_nothing(data: bytes, form: str) -> None:
    assert [] == said(data, form)


def test_lines_are_bounded_in_length_and_number() -> None:
    long = f"00:00:01,000 --> 00:00:02,000\n{'x' * 9000}\n\n"
    many = "".join(f"00:00:0{one % 10},000 --> 00:00:10,000\nword{one}\n\n" for one in range(MAX_LINES + 5))
    assert LONGEST_LINE == len(said(long)[0][2])
    assert MAX_LINES == len(said(many))


def test_a_file_is_read_in_the_confined_worker(pool: MediaPool, tmp_path: Path) -> None:
    path = tmp_path / "film.en.srt"
    path.write_text(SRT, encoding="utf-8")
    track = pool.subtitle_file(path, "srt")
    assert (-1, 0) == (track.index, track.skipped)
    assert SAID == [(line.begin_s, line.end_s, line.text) for line in track.lines]


def test_a_file_that_is_gone_or_too_large_says_so(pool: MediaPool, tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    with pytest.raises(ChangedError):
        pool.subtitle_file(path, "srt")
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(LimitError, match="more than 16 MiB"):
        pool.subtitle_file(path, "srt")


def with_subtitles(video: Path, target: Path, codec: str) -> Path:
    source = target.with_suffix(".srt")
    source.write_text(SRT, encoding="utf-8")
    command: list[Any] = [
        find_ffmpeg(),
        "-y",
        "-v",
        "error",
        "-i",
        video,
        "-i",
        source,
        "-map",
        "0:v",
        "-map",
        "1",
    ]
    command += ["-c:v", "copy", "-c:s", codec, "-metadata:s:s:0", "language=eng", "-metadata:s:s:0", "title=Full"]
    subprocess.run([*command, target], check=True)
    source.unlink()
    return target


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mov_text"), ("a.mkv", "subrip"), ("b.mkv", "ass"), ("c.mkv", "webvtt")]
)
def test_subtitles_inside_a_video_are_read(
    pool: MediaPool, clip_file: Callable[..., Path], tmp_path: Path, name: str, codec: str
) -> None:
    path = with_subtitles(clip_file("plain.mp4"), tmp_path / name, codec)
    (track,) = pool.subtitles(path, timeout_s=30)
    assert SAID == [(line.begin_s, line.end_s, line.text) for line in track.lines]
    assert (1, "eng", 0) == (track.index, track.language, track.skipped)
    assert ("Full" if name.endswith("mkv") else "") == track.title


def test_a_video_without_subtitles_has_no_track(pool: MediaPool, clip_file: Callable[..., Path]) -> None:
    assert () == pool.subtitles(clip_file(), timeout_s=30)


TRACKS = (
    SubtitleTrack(-1, "", "", (TimedText(0.0, 1.5, "one"), TimedText(1.5, 2.0, "zwei ö")), 3),
    SubtitleTrack(2, "eng", "Full", (), 0),
    SubtitleTrack(3, "deu", "", (TimedText(0.25, 0.5, "drei"),), 0),
)


def test_tracks_travel_whole() -> None:
    header, blob = subtitles_to_reply(TRACKS)
    assert TRACKS == subtitles_from_reply(json.loads(json.dumps(header)), blob)
    assert () == subtitles_from_reply(*subtitles_to_reply(()))


def test_no_lie_about_subtitles_passes() -> None:
    """Whatever one part of the header is replaced by, it is refused, or it is a value like any true one."""
    header, blob = subtitles_to_reply(TRACKS)
    refused = passed = 0
    for way in leaves(header):
        for lie in LIES:
            if lie is not LEFT_OUT and lie == at(header, way):
                continue
            try:
                tracks = subtitles_from_reply(with_lie(header, way, lie), blob)
            except ProtocolError:
                refused += 1
                continue
            passed += 1
            for track in tracks:
                assert (int, int) == (type(track.index), type(track.skipped))
                assert -1 <= track.index < MAX_STREAMS
                assert all(len(text) <= 80 and text.isprintable() for text in (track.language, track.title))
    assert refused > 3 * passed > 0


@pytest.mark.parametrize("cut", [0, 40, -1])
def test_a_blob_of_another_size_is_refused(cut: int) -> None:
    header, blob = subtitles_to_reply(TRACKS)
    with pytest.raises(ProtocolError):
        subtitles_from_reply(header, bytes(blob)[:cut] + b"\xff" if cut < 0 else bytes(blob)[:cut])
    with pytest.raises(ProtocolError):
        subtitles_from_reply(header, bytes(blob) + b"\nmore")


def test_subtitles_that_go_backwards_are_refused() -> None:
    header, blob = subtitles_to_reply([SubtitleTrack(0, "", "", (TimedText(5, 6, "b"), TimedText(1, 2, "a")), 0)])
    with pytest.raises(ProtocolError):
        subtitles_from_reply(header, blob)
