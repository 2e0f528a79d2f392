"""Which files belong to a video."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from vsortd.media.sidecars import Company, find_company

if TYPE_CHECKING:
    from pathlib import Path


def names_found(folder: Path, video: str, others: list[str], extensions: tuple[str, ...] = ("mp4", "mov")) -> list[str]:
    for name in [video, *others]:
        (folder / name).write_bytes(b"x")
    return [path.name for path in find_company(folder / video, extensions).sidecars]


@pytest.mark.parametrize(
    "name",
    [
        "Film.srt",
        "Film.SRT",
        "Film.en.srt",
        "Film.en.forced.srt",
        "Film.pt-BR.sdh.ass",
        "Film.xmp",
        "Film.mov.xmp",
        "Film.MOV.json",
        "Film.THM",
        "Film.LRF",
        "Film.jpg",
        "Film.nfo",
        "Film.idx",
        "Film.gpx",
        "Film.wav",
        "Film.mov.en.srt",
    ],
)
def test_a_sidecar_belongs(tmp_path: Path, name: str) -> None:
    assert [name] == names_found(tmp_path, "Film.mov", [name])


@pytest.mark.parametrize(
    "name",
    [
        "Film2.srt",
        "film.srt",
        "Film 2.srt",
        "Film-en.srt",
        "Film.mp3",
        "Film.mp4.xmp",
        "Film.en.jpg",
        "Film..srt",
        "Film.a b.srt",
        "Film",
        "Other.srt",
        "Film.txt.exe",
    ],
)
def test_another_file_does_not_belong(tmp_path: Path, name: str) -> None:
    assert [] == names_found(tmp_path, "Film.mov", [name])


def test_a_sidecar_of_two_videos_stays_with_the_last_one(tmp_path: Path) -> None:
    assert [] == names_found(tmp_path, "Film.mov", ["Film.mp4", "Film.srt"])
    (tmp_path / "Film.mp4").unlink()
    assert [tmp_path / "Film.srt"] == list(find_company(tmp_path / "Film.mov", ("mp4", "mov")).sidecars)


def test_a_whole_name_goes_with_its_video_even_among_two(tmp_path: Path) -> None:
    assert ["Film.mov.xmp"] == names_found(tmp_path, "Film.mov", ["Film.mp4", "Film.mov.xmp", "Film.mp4.xmp"])


def test_the_longer_stem_wins(tmp_path: Path) -> None:
    """Film.part2.en.srt is Film.part2's, not Film's with two flags."""
    others = ["Film.part2.mp4", "Film.part2.en.srt", "Film.en.srt"]
    assert ["Film.en.srt"] == names_found(tmp_path, "Film.mp4", others)
    assert [tmp_path / "Film.part2.en.srt"] == list(find_company(tmp_path / "Film.part2.mp4").sidecars)


def test_a_configured_extension_counts_as_a_video(tmp_path: Path) -> None:
    assert [] == names_found(tmp_path, "Film.mp4", ["Film.mkv", "Film.srt"], ("mp4", "mkv"))


def test_links_and_folders_never_belong(tmp_path: Path) -> None:
    (tmp_path / "secret.srt").write_bytes(b"x")
    (tmp_path / "Film.srt").symlink_to(tmp_path / "secret.srt")
    (tmp_path / "Film.xmp").mkdir()
    assert [] == names_found(tmp_path, "Film.mov", [])


def test_names_with_patterns_in_them_are_plain_text(tmp_path: Path) -> None:
    assert ["a[1]*.srt"] == names_found(tmp_path, "a[1]*.mov", ["a[1]*.srt", "a1x.srt"])


def test_names_that_are_no_text_work(tmp_path: Path) -> None:
    video = tmp_path / "F\udcff.mov"
    video.write_bytes(b"x")
    (tmp_path / "F\udcff.srt").write_bytes(b"x")
    assert [tmp_path / "F\udcff.srt"] == list(find_company(video).sidecars)


@pytest.mark.parametrize("still", ["IMG_1.heic", "IMG_1.HEIC", "IMG_1.heif", "IMG_1.png", "IMG_1.DNG"])
def test_a_still_belongs_to_a_live_photo_and_to_no_other_video(still: str, tmp_path: Path) -> None:
    film = tmp_path / "IMG_1.MOV"
    assert [] == names_found(tmp_path, film.name, [still])
    assert (tmp_path / still,) == find_company(film, live_photo=True).sidecars


def test_the_still_travels_with_what_travelled_before(tmp_path: Path) -> None:
    names_found(tmp_path, "IMG_1.MOV", ["IMG_1.AAE", "IMG_1.HEIC", "IMG_1.JPG"])
    found = find_company(tmp_path / "IMG_1.MOV", live_photo=True).sidecars
    assert ["IMG_1.AAE", "IMG_1.HEIC", "IMG_1.JPG"] == [path.name for path in found]


@pytest.mark.parametrize("other", ["IMG_12.HEIC", "IMG_1.en.heic", "IMG_1.MOV.heic", "img_1.heic", "IMG_1.gif"])
def test_another_picture_is_not_its_still(other: str, tmp_path: Path) -> None:
    names_found(tmp_path, "IMG_1.MOV", [other])
    assert () == find_company(tmp_path / "IMG_1.MOV", live_photo=True).sidecars


def test_a_still_goes_with_the_film_even_if_a_copy_lies_there_as_mp4(tmp_path: Path) -> None:
    """Only the .mov can be half of a Live Photo."""
    names_found(tmp_path, "IMG_1.MOV", ["IMG_1.HEIC", "IMG_1.mp4"])
    assert (tmp_path / "IMG_1.HEIC",) == find_company(tmp_path / "IMG_1.MOV", live_photo=True).sidecars
    assert () == find_company(tmp_path / "IMG_1.mp4", live_photo=True).sidecars


def test_a_link_named_like_the_still_never_belongs(tmp_path: Path) -> None:
    (tmp_path / "photo.heic").write_bytes(b"x")
    names_found(tmp_path, "IMG_1.MOV", [])
    (tmp_path / "IMG_1.HEIC").symlink_to(tmp_path / "photo.heic")
    assert () == find_company(tmp_path / "IMG_1.MOV", live_photo=True).sidecars


COMPOSED, DECOMPOSED = "Übung.mp4", unicodedata.normalize("NFD", "Übung.mp4")


def company(folder: Path, video: str, *others: str) -> Company:
    for name in [video, *others]:
        (folder / name).write_bytes(b"x")
    return find_company(folder / video, ("mp4", "mov"))


@pytest.mark.parametrize(("video", "sidecar"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_sidecar_belongs_whatever_the_form_of_its_name(tmp_path: Path, video: str, sidecar: str) -> None:
    sidecar = sidecar.replace(".mp4", ".en.srt")
    assert [sidecar] == names_found(tmp_path, video, [sidecar])


def test_of_two_videos_that_differ_by_form_each_keeps_its_own(tmp_path: Path) -> None:
    theirs = DECOMPOSED.replace(".mp4", ".srt")
    mine = COMPOSED.replace(".mp4", ".srt")
    assert [mine] == names_found(tmp_path, COMPOSED, [DECOMPOSED, theirs, mine])
    assert (tmp_path / theirs,) == find_company(tmp_path / DECOMPOSED).sidecars


def test_what_fits_two_videos_stays_and_is_named(tmp_path: Path) -> None:
    found = company(tmp_path, "GX010123.MP4", "GH010123.MP4", "GL010123.LRV", "GX010123.THM")
    assert (tmp_path / "GX010123.THM",) == found.sidecars
    assert "left beside it: GL010123.LRV (it fits GH010123.MP4 as well)" == found.note


def test_what_a_closer_video_has_is_not_spoken_of(tmp_path: Path) -> None:
    assert Company() == company(tmp_path, "Film.mp4", "Film-en.mp4", "Film-en.srt", "Film-en.pdf")


@pytest.mark.parametrize("name", ["Film.pdf", "Film.mp3", "Film-en.srt", "Film.heic"])
def test_what_only_looks_like_its_own_stays_and_is_named(tmp_path: Path, name: str) -> None:
    assert Company((), ((name, ""),)) == company(tmp_path, "Film.mp4", name)


def test_a_folder_of_its_name_stays_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "Film.trickplay").mkdir()
    assert "left beside it: Film.trickplay" == company(tmp_path, "Film.mp4").note


def test_of_many_that_stay_three_are_named(tmp_path: Path) -> None:
    others = [f"Film.x{number}" for number in range(5)]
    assert "left beside it: Film.x0, Film.x1, Film.x2 and 2 more" == company(tmp_path, "Film.mp4", *others).note


def test_noise_is_not_spoken_of(tmp_path: Path) -> None:
    (tmp_path / "Film.mp4").write_bytes(b"x")
    (tmp_path / "Film.part").write_bytes(b"x")
    assert Company() == find_company(tmp_path / "Film.mp4", is_noise=lambda name: name.endswith(".part"))


def test_a_photo_that_stays_keeps_what_is_its_own(tmp_path: Path) -> None:
    found = company(tmp_path, "IMG_1.MP4", "IMG_1.HEIC", "IMG_1.HEIC.json", "IMG_1.HEIC.supplemental-metadata.json")
    assert Company((), (("IMG_1.HEIC", ""),)) == found


def test_a_picture_that_travels_takes_its_own_along(tmp_path: Path) -> None:
    assert ["IMG_1.JPG", "IMG_1.JPG.xmp"] == names_found(tmp_path, "IMG_1.MOV", ["IMG_1.JPG", "IMG_1.JPG.xmp"])


def test_a_names_metadata_goes_with_its_number(tmp_path: Path) -> None:
    first, second = "IMG.mp4.supplemental-metadata.json", "IMG.mp4.supplemental-metadata(1).json"
    assert [first] == names_found(tmp_path, "IMG.mp4", ["IMG(1).mp4", first, second])
    assert (tmp_path / second,) == find_company(tmp_path / "IMG(1).mp4").sidecars
