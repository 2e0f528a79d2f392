"""`vsortd timeline` on a render whose cuts are known: spans, verdicts, files, and what happens without a video."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import av
import pytest
from PIL import Image

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_clip
from vsortd.__main__ import main
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from pathlib import Path

FPS = 15
# Scenes that hold still are rendered once. No cut lies on a whole second, or half-way between two of them.
SCENES = (
    (Subject.FOREST, Light.DAY, 107),
    (Subject.MEADOW, Light.DAY, 101),
    (Subject.MOUNTAINS, Light.DAY, 122),
    (Subject.FOREST, Light.NIGHT, 70),
    (Subject.SLIDES, Light.DAY, 79),
)
CUTS = (0.0, 7.133, 13.867, 22.0, 26.667, 31.933)
SHOWN = {
    "a forest": [(CUTS[0], CUTS[1]), (CUTS[3], CUTS[4])],
    "a meadow": [(CUTS[1], CUTS[2])],
    "mountains": [(CUTS[2], CUTS[3])],
    "text slides": [(CUTS[4], CUTS[5])],
}
ABSENT = ("the sea", "snow", "fireworks")
EXACT = ["timeline", "trip.mp4", *SHOWN, *ABSENT, "--fine"]

Run = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Place:
    """A folder with a film, a config and a state of its own."""

    folder: Path

    @property
    def film(self) -> Path:
        return self.folder / "trip.mp4"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Render the film once; its frames stay in the index from test to test."""
    made = Place(tmp_path_factory.mktemp("timeline"))
    (made.folder / "Inbox").mkdir()
    (made.folder / "vsortd.yaml").write_text(
        f"version: 2\ninboxes: [{{path: {made.folder}/Inbox}}]\nlibrary: {made.folder}/Sorted\nmodel: sample\n"
        "rules: [{name: forest}]\n"
    )
    # keyframes ten seconds apart, and none at a cut
    options = {"preset": "veryfast", "crf": "23", "g": "150", "sc_threshold": "0"}
    with av.open(str(made.film), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for seed, (subject, light, frames) in enumerate(SCENES):
            pictures = render_clip(subject, light, seed=seed + 500, width_px=320, height_px=180, frames=frames, fps=FPS)
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return made


@pytest.fixture
def run(place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the film's folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("VSORTD_STATE_DIR", str(place.folder / "state"))
    monkeypatch.setenv("VSORTD_CONFIG", str(place.folder / "vsortd.yaml"))
    monkeypatch.setenv("COLUMNS", "80")

    def command(*words: str | Path) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        out, error = capfd.readouterr()
        return code, out, error

    return command


def spans_of(document: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    return {one["prompt"]: [(span["begin_s"], span["end_s"]) for span in one["spans"]] for one in document["prompts"]}


@pytest.mark.long
def test_with_fine_every_edge_is_right_to_a_fifth_of_a_second(run: Run) -> None:
    code, out, error = run(*EXACT, "--json")
    assert 0 == code, error
    document = json.loads(out)
    assert (1, 31.933, 1.0, 0.2) == tuple(
        document[name] for name in ("schema_version", "duration_s", "fps", "precision_s")
    )
    found = spans_of(document)
    for prompt, truth in SHOWN.items():
        assert [pytest.approx(span, abs=0.2) for span in truth] == found[prompt], prompt
    verdicts = {one["prompt"]: one["shown"] for one in document["prompts"]}
    assert dict.fromkeys(SHOWN, "yes") | dict.fromkeys(ABSENT, "no") == verdicts
    assert all(one["confidence"] > 0.8 for one in document["prompts"])
    forest = document["prompts"][0]
    assert forest["total_s"] == pytest.approx(7.133 + 4.667, abs=0.3)
    assert forest["share"] == pytest.approx(forest["total_s"] / 31.933, abs=1e-3)


def test_asking_again_decodes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(*EXACT, "--csv")[1]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a video was opened")

    monkeypatch.setattr(MediaPool, "call", refuse)
    code, again, error = run(*EXACT, "--csv")
    assert 0 == code, error
    rows = [list(csv.DictReader(io.StringIO(text))) for text in (first, again)]
    assert [row["prompt"] for row in rows[0]] == [row["prompt"] for row in rows[1]]
    for before, after in zip(*rows, strict=True):
        for column in ("begin_s", "end_s", "duration_s", "score"):
            assert float(after[column]) == pytest.approx(float(before[column]), abs=0.15)


def test_people_get_a_table_of_eighty_columns_a_picture_and_chapters(run: Run, place: Place) -> None:
    code, out, error = run(*EXACT, "--out", "out.png", "--out", "out.vtt")
    assert 0 == code, error
    assert max(len(line) for line in out.splitlines() if "vsortd timeline" not in line) <= 80
    assert not re.search(r"\x1b", out)
    assert "trip.mp4  00:31.9" in out
    assert re.search(r"a forest  yes, 0\.\d\d   1[12]\.\d s in 2 spans, 3\d% of it", out)
    assert re.search(r"00:07\.\d to 00:1[34]\.\d", out)
    assert re.search(r"the sea  no, >?0\.\d\d   at best", out)
    strips = re.findall(r"^  ([█·]{76})$", out, re.MULTILINE)
    assert 7 == len(strips)
    assert strips[0].startswith("█" * 17 + "·")
    assert "·" * 76 == strips[-1]
    assert "Written to out.png." in out
    with Image.open(place.folder / "out.png") as image:
        colours = image.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 2000, "no strip of film in it"
    titles = [line for line in (place.folder / "out.vtt").read_text().splitlines() if line in SHOWN]
    assert ["a forest", "a meadow", "mountains", "a forest", "text slides"] == titles


def test_a_narrow_terminal_gets_a_narrow_strip(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = run("timeline", "trip.mp4", "mountains", "--fine")[1]
    (strip,) = re.findall(r"^  ([█·]+)$", out, re.MULTILINE)
    assert 36 == len(strip)
    assert f"  00:00.0{' ' * 7}00:16.0{' ' * 8}00:31.9" in out


def test_every_score_is_told_on_wish_and_the_next_step_is_one_that_can_be_typed(run: Run) -> None:
    document = json.loads(run("timeline", "trip.mp4", "a forest", "--json", "--scores")[1])
    (one,) = document["prompts"]
    assert document["frames"] == len(one["scores"]) >= 32
    assert {"time_ms", "score", "smoothed"} == set(one["scores"][0])
    out = run("timeline", "trip.mp4", "a forest", "--not", "a city")[1]
    assert "Edges to 0.2 s: vsortd timeline trip.mp4 'a forest' --not 'a city' --fine" in out


def test_something_short_gets_the_command_that_finds_it(run: Run) -> None:
    # a window longer than the scenes: what is shown in a fifth of it never has the middle
    code, out, _ = run("timeline", "trip.mp4", "mountains", "the sea", "--smooth", "40s")
    assert 0 == code
    assert "mountains  perhaps, 0." in out
    assert "look for it: vsortd timeline trip.mp4 mountains --fps 4 --smooth 1s" in out


def test_words_the_model_does_not_know_are_named(run: Run) -> None:
    code, out, error = run("timeline", "trip.mp4", "a forest with zebras", "--csv")
    assert 0 == code
    assert "does not know: zebras" in error
    assert "a forest with zebras,0.0," in out
    code, _, error = run("timeline", "trip.mp4", "zebras")
    assert 2 == code
    assert "knows nothing of 'zebras'" in error


def test_a_file_that_is_no_video_or_is_cut_off_says_why(run: Run, place: Place) -> None:
    (place.folder / "notes.mp4").write_text("hello")
    (place.folder / "half.mp4").write_bytes(place.film.read_bytes()[:50_000])
    code, out, error = run("timeline", "notes.mp4", "a forest", "--json")
    assert (1, "") == (code, out)
    assert "not an MP4 or MOV file" in error
    code, out, error = run("timeline", "half.mp4", "a forest")
    assert (1, "") == (code, out)
    assert "half.mp4 can't be looked at" in error


@pytest.mark.long
def test_of_each_shot_one_picture_is_looked_at_and_edges_are_the_cuts(run: Run) -> None:
    shown = {prompt: SHOWN[prompt] for prompt in ("a meadow", "mountains", "text slides")}
    code, out, error = run("timeline", "trip.mp4", *shown, *ABSENT, "--per", "shot", "--json")
    assert 0 == code, error
    document = json.loads(out)
    assert ("shot", None, None, 5) == tuple(document[name] for name in ("per", "fps", "precision_s", "frames"))
    found = spans_of(document)
    for prompt, truth in shown.items():
        assert [pytest.approx(span, abs=1e-3) for span in truth] == found[prompt], prompt
    assert [[]] * 3 == [found[prompt] for prompt in ABSENT]
    assert "mountains" in run("timeline", "trip.mp4", "mountains", "--per", "shot")[1]


def test_what_was_found_is_a_reel_for_editing_programs(run: Run, place: Place) -> None:
    words = ["timeline", "trip.mp4", "mountains", "a meadow", "--per", "shot"]
    code, out, error = run(*words, "--out", "out.edl", "--out", "out.fcpxml", "--out", "out.csv")
    assert 0 == code, error
    assert "Written to out.fcpxml." in out
    rows = list(csv.reader(io.StringIO((place.folder / "out.csv").read_text(), newline="")))
    assert [["13.867", "22.000", "mountains"], ["7.133", "13.867", "a meadow"]] == rows
    # 15 frames a second: the cuts lie after 107, 208 and 330 frames
    assert [
        ("00:00:13:13", "00:00:22:00", "00:00:00:00", "00:00:08:02"),
        ("00:00:07:02", "00:00:13:13", "00:00:08:02", "00:00:14:13"),
    ] == re.findall(r" C        (\S+) (\S+) (\S+) (\S+)", (place.folder / "out.edl").read_text())
    root = ET.fromstring((place.folder / "out.fcpxml").read_text())  # noqa: S314 - our own
    assert [("mountains", "0s", 122), ("a meadow", "122/15s", 101)] == [
        (clip.attrib["name"], clip.attrib["offset"], Fraction(clip.attrib["duration"][:-1]) * FPS)
        for clip in root.iter("asset-clip")
    ]


USAGE = [
    (["nowhere.mp4", "x"], "is not there"),
    ([".", "x"], "is a folder"),
    (["trip.mp4"], "Missing argument"),
    (["trip.mp4", "x", "--json", "--csv"], "exclude one another"),
    (["trip.mp4", "x", "--out", "trip.mp4"], "does not end in .png"),
    (["trip.mp4", "x", "--out", "nowhere/out.png"], "There is no folder"),
    (["trip.mp4", "x", "--out", "subtitles.vtt"], "vsortd did not make it"),
    (["trip.mp4", "x", "--on", "0.3", "--off", "0.5"], "--off 0.5 is above --on 0.3"),
    (["trip.mp4", "x", "--on", "1.5"], "'--on'"),
    (["trip.mp4", "x", "--tolerance", "1ms"], "finer than frames"),
    (["trip.mp4", "x", "--out", "a.png", "--out", "b.png"], "are the same to write"),
    (["trip.mp4", "x", "--per", "minute"], "'--per'"),
    (["trip.mp4", "x", "--per", "shot", "--fps", "2"], "--fps and --per shot exclude one another"),
    (["trip.mp4", "x", "--per", "shot", "--fine"], "--fine and --per shot exclude one another"),
    (["trip.mp4", "x", "--per", "shot", "--smooth", "3s"], "--smooth and --per shot exclude one another"),
    (["trip.mp4", "x", "--smooth", "soon"], "--smooth 'soon': not a duration"),
]


@pytest.mark.parametrize(("words", "message"), USAGE, ids=[" ".join(words) for words, _ in USAGE])
def test_wrong_use_is_said_before_anything_is_looked_at(
    run: Run, place: Place, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSORTD_STATE_DIR", os.devnull)  # nothing can be opened in there
    (place.folder / "subtitles.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    before = place.film.stat()
    code, out, error = run("timeline", *words)
    assert (2, "") == (code, out)
    assert message in error
    assert before == place.film.stat()
