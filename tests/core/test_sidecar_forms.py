"""The one table of how cameras, players and tools name what belongs to a video."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.core.names import nfc
from vsortd.core.sidecar_forms import bond, listing_keys, may_belong, special_keys, video_keys

TITLE = "a-very-long-title-of-a-film-of-our-holiday-2024"  # 47 characters, where Takeout cuts names of videos
FORMS = [
    # players and libraries
    ("Film.mp4", "Film.mp4.en.srt", ".mp4.en.srt"),
    ("Film.mp4", "Film.MP4.srt", ".MP4.srt"),
    ("Film.mov", "Film.en.forced.srt", ".en.forced.srt"),
    ("Film.mov", "Film.idx", ".idx"),
    ("Film.mov", "Film.de.sup", ".de.sup"),
    ("Film.mp4", "Film.commentary.mka", ".commentary.mka"),
    ("Film.mp4", "Film-poster.jpg", "-poster.jpg"),
    ("Film.mp4", "Film-fanart1.png", "-fanart1.png"),
    ("Film.mp4", "Film-thumb.webp", "-thumb.webp"),
    ("Film.mp4", "Film.tbn", ".tbn"),
    ("Film.mp4", "Film-mediainfo.xml", "-mediainfo.xml"),
    ("Film.mp4", "Film-320-10.bif", "-320-10.bif"),
    ("Film.mp4", "Film.edl", ".edl"),
    ("Film.mp4", "Film.nfo", ".nfo"),
    # photo managers
    ("Film.mp4", "Film.mp4.xmp", ".mp4.xmp"),
    ("Film.mp4", "Film_01.mp4.xmp", "_01.mp4.xmp"),
    ("IMG_1234.MOV", "IMG_1234.AAE", ".AAE"),
    ("IMG_1234.MOV", "IMG_O1234.AAE", ".AAE"),
    ("DSC_0001.MOV", "DSC_0001.MOV.nksc", ".MOV.nksc"),
    # downloads
    ("Film [id].mp4", "Film [id].info.json", ".info.json"),
    ("Film [id].mp4", "Film [id].live_chat.json", ".live_chat.json"),
    ("Film [id].mp4", "Film [id].description", ".description"),
    ("Film [id].mp4", "Film [id].webp", ".webp"),
    ("Film [id].mp4", "Film [id].12.webp", ".12.webp"),
    ("Film [id].mp4", "Film [id].en-US.ttml", ".en-US.ttml"),
    ("Film [id].mp4", "Film [id].webloc", ".webloc"),
    ("Film.mp4", "Film.mp4.json", ".mp4.json"),
    # Google Takeout, whole and cut
    ("IMG_1.mp4", "IMG_1.mp4.supplemental-metadata.json", ".mp4.supplemental-metadata.json"),
    ("IMG_1.MP4", "IMG_1.MP4.supplemental-metadata.json", ".mp4.supplemental-metadata.json"),
    ("IMG_1.mp4", "IMG_1.mp4.suppl.json", ".mp4.suppl.json"),
    ("IMG_1.mp4", "IMG_1.mp4.s.json", ".mp4.s.json"),
    ("IMG_1.mp4", "IMG_1.mp4..json", ".mp4..json"),
    ("IMG_1(1).mp4", "IMG_1.mp4.supplemental-metadata(1).json", ".mp4.supplemental-metadata.json"),
    ("IMG_1(1).mp4", "IMG_1.mp4.supplem(1).json", ".mp4.supplem.json"),
    ("IMG_1(12).mp4", "IMG_1.mp4(12).json", ".mp4.json"),
    ("IMG_1(1).mp4", "IMG_1(1).mp4.supplemental-metadata.json", ".mp4.supplemental-metadata.json"),
    (f"{TITLE}.mp4", f"{TITLE[:46]}.json", ".mp4.json"),
    (f"{TITLE}(2).mp4", f"{TITLE[:46]}(2).json", ".mp4.json"),
    (f"{TITLE[:44]}.mp4", f"{TITLE[:44]}.m.json", ".mp4.json"),
    # cameras
    ("GX010123.MP4", "GL010123.LRV", ".LRV"),
    ("GH020123.MP4", "GL020123.LRV", ".LRV"),
    ("GXAA0001.MP4", "GLAA0001.LRV", ".LRV"),
    ("GX010123.MP4", "GX010123.THM", ".THM"),
    ("GX010123.MP4", "GX010123.WAV", ".WAV"),
    ("GOPR0123.MP4", "GOPR0123.LRV", ".LRV"),
    ("GP010123.MP4", "GP010123.THM", ".THM"),
    ("C0001.MP4", "C0001M01.XML", "M01.XML"),
    ("C0001.MP4", "C0001T01.JPG", "T01.JPG"),
    ("A001C003_240101AB.MP4", "A001C003_240101ABM01.XML", "M01.XML"),
    ("MAH00001.MP4", "MAH00001M01.XML", "M01.XML"),
    ("MVI_1234.MOV", "MVI_1234.THM", ".THM"),
    ("MVI_1234.MOV", "MVI_1234.LOG", ".LOG"),
    ("A001C001_CANON.MP4", "A001C001_CANON.XML", ".XML"),
    ("DJI_0001.MP4", "DJI_0001.SRT", ".SRT"),
    ("DJI_20240101120000_0001_D.MP4", "DJI_20240101120000_0001_D.LRF", ".LRF"),
    ("VIRB0001.MP4", "VIRB0001.GLV", ".GLV"),
    ("YDXJ0001.MP4", "YDXJ0001.SEC", ".SEC"),
    ("VID_20240101_120000_00_001.mp4", "LRV_20240101_120000_01_001.lrv", ".lrv"),
    ("VID_20240101_120000_001.mp4", "LRV_20240101_120000_01_001.lrv", ".lrv"),
    ("20240101_120000_NF.mp4", "20240101_120000_NF.thm", ".thm"),
    ("20240101_120000_NF.mp4", "20240101_120000_N.gps", ".gps"),
    ("20240101_120000_NF.mp4", "20240101_120000_N.3gf", ".3gf"),
    ("AvatarG0001.mp4", "AvatarG0001.osd", ".osd"),
    ("Film.mp4", "Film.gpx", ".gpx"),
    ("Film.mp4", "Film.gyroflow", ".gyroflow"),
    (
        "GMT20240101-120000_Recording_1920x1080.mp4",
        "GMT20240101-120000_Recording.transcript.vtt",
        ".transcript.vtt",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("video", "sidecar", "tail"), FORMS)
def test_each_form_belongs_and_says_what_it_adds_to_the_stem(video: str, sidecar: str, tail: str) -> None:
    found = bond(sidecar, video)
    assert found is not None
    assert tail == found.tail


@pytest.mark.parametrize(("video", "sidecar", "tail"), FORMS)
def test_under_another_stem_a_form_belongs_as_before(video: str, sidecar: str, tail: str) -> None:
    """What was filed under a new name and is moved once more takes its sidecars along again."""
    del sidecar
    extension = video.rpartition(".")[2]
    stem = "new 2024 C0007" if tail == "T01.JPG" else "new 2024"  # a clip of Sony's must look like one
    assert bond(f"{stem}{tail}", f"{stem}.{extension}") is not None


@pytest.mark.parametrize(("video", "sidecar", "tail"), FORMS)
def test_a_listing_has_each_form_under_a_key_of_its_video(video: str, sidecar: str, tail: str) -> None:
    del tail
    assert video_keys(video) & listing_keys(sidecar)
    assert video_keys(video) & listing_keys(video)


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=30), st.sampled_from(FORMS))
def test_whatever_belongs_is_found_by_the_keys(stem: str, form: tuple[str, str, str]) -> None:
    video, sidecar = f"{stem}.mp4", f"{stem}{form[2]}"
    if bond(sidecar, video) is not None and stem.count(".") < 8 and not stem.startswith((".", "~")):
        assert video_keys(video) & listing_keys(sidecar)


@pytest.mark.parametrize(
    ("video", "other"),
    [
        ("Film.mp4", "Film2.srt"),
        ("Film.mp4", "film.srt"),
        ("Film.mp4", "Film.mov.en.srt"),
        ("Film.mp4", "Film-trailer.jpg"),
        ("Film.mp4", "poster.jpg"),
        ("Film.mp4", "Film.jpg.xmp"),
        ("IMG_1.MP4", "IMG_1.HEIC.json"),
        ("IMG_1.mp4", "IMG_1.mp4(1).json"),
        ("IMG_1(1).mp4", "IMG_1.mp4.supplemental-metadata.json"),
        ("IMG_1(1).mp4", "IMG_1.mp4.supplemental-metadata(2).json"),
        ("IMG_1.mp4", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.mp4", "IMG_1.mp4.supplementary.x(1).json"),
        (f"{TITLE}.mp4", f"{TITLE[:45]}.json"),
        ("GX010123.MP4", "GL020123.LRV"),
        ("GX010123.MP4", "GL010124.LRV"),
        ("GX010123.MP4", "GL010123.MP4"),
        ("C0001.MP4", "C0002M01.XML"),
        ("C0001.MP4", "C0001S03.MP4"),
        ("Party.MP4", "PartyT01.JPG"),
        ("VID_20240101_120000_00_001.mp4", "LRV_20240101_120000_01_002.lrv"),
        ("20240101_120000_NF.mp4", "20240101_120001_N.gps"),
        ("IMG_1234.MOV", "IMG_O1235.AAE"),
        ("IMG_1234.MOV", "IMG_E1234.AAE"),
    ],
)
def test_a_name_like_it_does_not_belong(video: str, other: str) -> None:
    assert bond(other, video) is None


@pytest.mark.parametrize("name", ["Film.pdf", "Film.mp4.bak", "Film-en.srt", "Film_eng.vtt", "Film.English (SDH).srt"])
def test_what_looks_like_its_own_is_worth_a_word(name: str) -> None:
    assert bond(name, "Film.mp4") is None
    assert may_belong(name, "Film.mp4")


@pytest.mark.parametrize("name", ["Film2.pdf", "Film notes.pdf", "Film.2024.12.01 notes.pdf", "Filme.srt", "Other.pdf"])
def test_what_only_begins_alike_is_not(name: str) -> None:
    assert not may_belong(name, "Film.mp4")


def test_names_are_compared_whatever_their_form() -> None:
    composed, decomposed = "Übung ño", unicodedata.normalize("NFD", "Übung ño")
    for video, sidecar in ((composed, decomposed), (decomposed, composed)):
        for tail in (".en.srt", "-poster.jpg", "M01.XML", ".mp4.supplemental-metadata.json"):
            found = bond(sidecar + tail, f"{video}.mp4")
            assert found is not None
            assert tail == found.tail
            assert video_keys(f"{video}.mp4") & listing_keys(sidecar + tail)


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    assert "F\udcff" == nfc("F\udcff")
    assert bond("F\udcff\u0308.srt", "F\udcff\u0308.mp4") is not None
    assert video_keys("F\udcff.mp4") & listing_keys("F\udcff.srt")


def test_the_low_resolution_copy_of_one_lens_is_closer_to_that_lens() -> None:
    copy = "LRV_20240101_120000_11_001.lrv"
    other = bond(copy, "VID_20240101_120000_00_001.mp4")
    same = bond(copy, "VID_20240101_120000_10_001.mp4")
    assert same is not None
    assert other is not None
    assert other.strength < same.strength


def test_two_videos_that_share_a_cut_title_are_told_apart_by_nothing() -> None:
    first, second = bond(f"{TITLE[:46]}.json", f"{TITLE}.mp4"), bond(f"{TITLE[:46]}.json", f"{TITLE}-2nd.mp4")
    assert first is not None
    assert second is not None
    assert first.strength == second.strength


def test_a_plain_name_has_no_special_keys() -> None:
    assert [] == list(special_keys("film.mp4"))
