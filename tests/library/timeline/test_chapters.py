"""Spans as chapters: pieces without overlap, and files that players' own parsers read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from vsortd.errors import UsageError
from vsortd.library.timeline.chapters import Chapter, chapters_of, ffmetadata, webvtt, write_chapters
from vsortd.library.timeline.spans import PromptSpans, Shown, Span

if TYPE_CHECKING:
    from pathlib import Path

NASTY = "a = b; #1 \\ <b>Tom & Jerry</b> --> 50%"


def found(prompt: str, *spans_s: tuple[float, float]) -> PromptSpans:
    spans = tuple(Span(begin * 1000, end * 1000, 0.9, round(begin * 1000)) for begin, end in spans_s)
    return PromptSpans(prompt, Shown.YES if spans else Shown.NO, 0.9, spans, 0.5, 0, 0.9)


def told(chapters: list[Chapter]) -> list[tuple[int, int, str]]:
    return [(one.begin_ms, one.end_ms, one.title) for one in chapters]


def test_pieces_cover_the_video_and_name_all_that_they_show() -> None:
    dog, sea = found("a dog", (0, 4), (8, 12)), found("the sea", (2.5, 9.2))
    assert [
        (0, 2500, "a dog"),
        (2500, 4000, "a dog, the sea"),
        (4000, 8000, "the sea"),
        (8000, 9200, "a dog, the sea"),
        (9200, 12_000, "a dog"),
        (12_000, 15_500, "(other)"),
    ] == told(chapters_of([dog, sea], 15.5))


def test_a_piece_of_a_few_frames_belongs_to_its_neighbour() -> None:
    assert [(0, 4200, "a"), (4200, 9000, "b")] == told(chapters_of([found("a", (0, 4.2)), found("b", (4.0, 9))], 9))
    assert [(0, 9000, "b")] == told(chapters_of([found("b", (0.3, 9))], 9))
    assert [(0, 300, "b")] == told(chapters_of([found("b", (0, 0.3))], 0.3))


def test_a_video_that_shows_nothing_is_one_chapter_and_no_cue() -> None:
    chapters = chapters_of([found("a")], 9)
    assert [(0, 9000, "(other)")] == told(chapters)
    assert ["WEBVTT - made by vsortd timeline"] == webvtt(chapters).splitlines()
    assert [] == chapters_of([found("a")], 0)


@pytest.mark.parametrize("title", ["a forest", NASTY, "=;#", "ein Garten mit Äpfeln 🍏", "[CHAPTER]"])
def test_ffmpeg_reads_the_titles_back(tmp_path: Path, title: str) -> None:
    path = tmp_path / "out.ffmeta"
    write_chapters(path, [Chapter(0, 1500, (title,)), Chapter(1500, 4000, ())])
    with av.open(str(path), format="ffmetadata") as container:
        read = [(int(one["start"] * one["time_base"] * 1000), one["metadata"]) for one in container.chapters()]
    assert [(0, {"title": title}), (1500, {"title": "(other)"})] == read


def test_a_backslash_at_the_end_does_not_swallow_the_next_chapter(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_chapters(path, [Chapter(0, 1500, ("a \\",)), Chapter(1500, 4000, ("b",))])
    with av.open(str(path), format="ffmetadata") as container:
        assert ["a \\ ", "b"] == [one["metadata"]["title"] for one in container.chapters()]


def test_a_prompt_of_several_lines_becomes_one() -> None:
    one = Chapter(0, 1000, ("a dog\n\n--> [CHAPTER]\r\nx",))
    assert "a dog --> [CHAPTER] x" == one.title
    assert "title=a dog --> [CHAPTER] x" == ffmetadata([one]).splitlines()[-1]


def test_webvtt_has_cues_of_what_is_shown_with_hours_and_without_markup() -> None:
    text = webvtt([Chapter(0, 4_500, ()), Chapter(4_500, 3_661_007, (NASTY,)), Chapter(3_661_007, 3_700_000, ("x",))])
    assert [
        "WEBVTT - made by vsortd timeline",
        "",
        "1",
        "00:00:04.500 --> 01:01:01.007",
        "a = b; #1 \\ &lt;b&gt;Tom &amp; Jerry&lt;/b&gt; --&gt; 50%",
        "",
        "2",
        "01:01:01.007 --> 01:01:40.000",
        "x",
    ] == text.splitlines()


@pytest.mark.parametrize("name", ["film.vtt", "notes.txt", "other.ffmeta"])
def test_only_a_file_of_its_own_is_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for title in ("first", "second"):
        write_chapters(path, [Chapter(0, 1000, (title,))])
    assert "second" in path.read_text()
    somebodys = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"
    path.write_text(somebodys)
    with pytest.raises(UsageError, match="vsortd did not make it"):
        write_chapters(path, [Chapter(0, 1000, ("third",))])
    assert somebodys == path.read_text()


def test_a_file_that_cant_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out.vtt").mkdir()
    with pytest.raises(UsageError, match="Can't write"):
        write_chapters(tmp_path / "out.vtt", [])
