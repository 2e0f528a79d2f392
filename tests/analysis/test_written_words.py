"""Words are parts of an analysis: kept with what they came from, and told apart from what can't be read."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.support import harness
from tests.support.clips import encode
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.spoken_words import SpokenSources
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video
from vsortd.core.text_weights import text_weights
from vsortd.errors import UsageError
from vsortd.index.store import Index
from vsortd.library.indexing.words import insist_on_text
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)
needs_networks = pytest.mark.skipif(isinstance(text_weights(), str), reason="no rapidocr here")
SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[MediaPool]:
    with MediaPool(1, timeout_s=120, memory_bytes=2_000_000_000) as made:
        made.warm()
        yield made


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "state" / "index.sqlite3")
    yield made
    made.close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return encode(tmp_path / "film.mp4", [np.full((32, 32, 3), 90, np.uint8)] * 20, fps=5)


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Let a package be one that is not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))


def words_of(pool: MediaPool, index: Index, path: Path) -> list[str]:
    found = analyze_video(pool, index, path, AnalysisWish((AnalysisPart.WORDS,))).documents[AnalysisPart.WORDS]
    assert found is not None
    return [line["text"] for line in found["lines"]]


def test_words_are_kept_and_read_anew_when_a_file_beside_changes(pool: MediaPool, index: Index, film: Path) -> None:
    assert [] == words_of(pool, index, film)
    beside = film.with_suffix(".srt")
    beside.write_text(SRT.format("one"))
    assert ["one"] == words_of(pool, index, film)
    status = beside.stat()
    beside.write_text(SRT.format("two"))
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ["one"] == words_of(pool, index, film)  # nothing tells that it changed
    os.utime(beside)
    assert ["two"] == words_of(pool, index, film)


def test_only_what_belongs_to_a_video_by_its_name_is_read(pool: MediaPool, index: Index, film: Path) -> None:
    for name in ("film.en.srt", "film.mp4.de.vtt", "other.srt", "film2.srt", "film.txt"):
        (film.parent / name).write_text(SRT.format(name))
    encode(film.parent / "film2.mp4", [np.full((32, 32, 3), 9, np.uint8)] * 5, fps=5)
    assert ["film.en.srt", "film.mp4.de.vtt"] == sorted(words_of(pool, index, film))
    assert ["film.en.srt", "film.mp4.de.vtt"] == [path.name for path, _ in SpokenSources.of(film).files]


def test_a_folder_that_can_not_be_read_costs_the_words_alone(
    pool: MediaPool, index: Index, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listdir = os.listdir

    def refusing(path: Any) -> list[str]:
        if path == film.parent:
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refusing)
    found = analyze_video(pool, index, film, AnalysisWish((AnalysisPart.SHOTS, AnalysisPart.WORDS)))
    assert {AnalysisPart.WORDS: "what lies beside it can't be looked at: Permission denied"} == found.errors
    assert 1 == found.known(AnalysisPart.SHOTS)["count"]


def test_a_link_beside_a_video_is_no_subtitle_of_it(pool: MediaPool, index: Index, film: Path, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere.txt"
    secret.write_text(SRT.format("secret"))
    (film.parent / "film.en.srt").symlink_to(secret)
    assert [] == words_of(pool, index, film)


@pytest.mark.parametrize("missing", ["rapidocr", "onnxruntime"])
def test_without_the_extra_the_part_says_so_and_how_to_get_it(
    pool: MediaPool, index: Index, film: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    without(monkeypatch, missing)
    told: Any = analyze_video(pool, index, film, AnalysisWish((AnalysisPart.TEXT,))).documents[AnalysisPart.TEXT]
    assert f"text can't be read: the package {missing} is not installed: pip install 'vsortd[ocr]'" == told["error"]
    with pytest.raises(UsageError, match=f"the package {missing} is not installed") as raised:
        insist_on_text()
    assert "pip install 'vsortd[ocr]'" == raised.value.remedy


@pytest.mark.long
@needs_networks
def test_text_in_the_picture_is_found_in_the_library_and_in_one_film(tmp_path: Path) -> None:
    """Two slides of 4 s each, without a cut that anybody marked."""
    home = harness.Here.make(tmp_path / "home")
    pictures = []
    for text in ("Invoice 2041", "Café Zürich"):
        image = Image.new("RGB", (640, 360), (230, 232, 228))
        ImageDraw.Draw(image).text((60, 140), text, font=ImageFont.load_default(40), fill=(20, 20, 30))
        pictures += [np.asarray(image)] * 8
    path = encode(home.library / "slides.mp4", pictures, fps=2)
    assert [1] == [one["shown"] > 0 for one in home.json("index", "--text")["words"]]
    (hit,) = home.json("search", "--text", "invoice")["hits"]
    assert str(path) == hit["file"]
    assert (0.0, 4.0) == (hit["begin_s"], pytest.approx(hit["end_s"], abs=1.0))
    assert [] == home.json("search", "--text", "receipt", code=1)["hits"]
    spans = home.json("timeline", path, "2041", "--text")["spans"]
    assert ["Invoice 2041"] == [one["text"] for one in spans]
    assert "Invoice 2041" in home.run("analyze", path, "--only", "text").stdout
