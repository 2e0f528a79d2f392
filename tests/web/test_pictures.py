"""Pictures of videos: what they show, and that nothing is handed out but videos that the page may show."""

from __future__ import annotations

import io
import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support.browser import CLIPS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.browser import PageHome

pytestmark = pytest.mark.timeout(240)


def size_of(home: PageHome, path: str) -> tuple[int, int]:
    """Return width and height of a picture of the page."""
    answer = home.ask(path)
    assert (200, "image/jpeg") == (answer.status, answer.headers["content-type"]), answer.body[:200]
    return Image.open(io.BytesIO(answer.body)).size


def number_of(home: PageHome, name: str) -> int:
    return next(int(item["id"]) for item in home.home.items() if item["source"].endswith(f"/{name}"))


def found(home: PageHome) -> set[str]:
    """Return the ids of all that a search finds."""
    return set(re.findall(r"/still/(v[0-9]+-[0-9a-f]{16})/", home.ask("/search?q=forest&floor=0").text))


def indexed(home: PageHome, folder: Path) -> str:
    """Return the id of the one video in a folder that is indexed now."""
    before = found(home)
    home.home.run("index", folder)
    (named,) = found(home) - before
    return named


@pytest.mark.long
def test_while_videos_are_in_work_live_has_no_picture_made(home: PageHome) -> None:
    number = number_of(home, "downtown.mp4")
    shutil.rmtree(home.home.folder / "state" / "previews", ignore_errors=True)
    before = home.ask(f"/thumb/{number}?kept")
    assert ("image/svg+xml", "no-store") == (before.headers["content-type"], before.headers["cache-control"])
    made = home.ask(f"/thumb/{number}")
    assert made.body == home.ask(f"/thumb/{number}?kept").body
    assert f"/thumb/{number}?instead" in home.ask("/live/parts").text, "nothing is in work now"


def test_stills_thumbnails_and_sprites_are_pictures_of_the_video(home: PageHome) -> None:
    number = number_of(home, "summit.mp4")
    width, height = size_of(home, f"/still/{number}/1000?h=180")
    assert 180 == height
    assert width > height
    assert height < size_of(home, f"/still/{number}/1000?h=720")[1]
    assert 320 == max(size_of(home, f"/thumb/{number}"))
    times = json.loads(home.ask(f"/sprite/{number}/times").body)
    sheet = size_of(home, f"/sprite/{number}")
    assert times["columns"] * times["tile_width_px"] == sheet[0]
    assert sorted(times["times_s"]) == times["times_s"]
    assert "private" in home.ask(f"/thumb/{number}").headers["cache-control"]


@pytest.mark.parametrize("named", ["0", "999999", "-1", "v1-0000000000000000", "..%2f..", "v1", "1e3", "x" * 500])
def test_what_names_no_video_has_no_picture(home: PageHome, named: str) -> None:
    for path in (f"/thumb/{named}", f"/sprite/{named}", f"/still/{named}/0", f"/media/{named}"):
        answer = home.ask(path)
        assert answer.status in {404, 422}, path
        assert "image" not in answer.headers["content-type"]


def test_a_moment_is_a_number(home: PageHome) -> None:
    number = number_of(home, "summit.mp4")
    for moment in ("-1", "nan", "1e3", "%D9%A1"):
        assert 404 == home.ask(f"/still/{number}/{moment}").status, moment
    size_of(home, f"/still/{number}/99999999?h=180")  # the last frame


@pytest.mark.long
def test_a_video_elsewhere_is_shown_only_while_its_folder_is_asked_about(home: PageHome, tmp_path: Path) -> None:
    shutil.copy2(CLIPS / "owls.mp4", tmp_path / "elsewhere.mp4")
    named = indexed(home, tmp_path)
    size_of(home, f"/still/{named}/0")
    media = home.ask(f"/media/{named}")
    assert (200, "video/mp4") == (media.status, media.headers["content-type"])
    home.home.run("index", "--forget", tmp_path)
    assert home.ask(f"/still/{named}/0").status in {403, 422}
    assert 403 == home.ask(f"/media/{named}").status


@pytest.mark.long
def test_another_file_under_the_name_is_not_shown(home: PageHome, tmp_path: Path) -> None:
    video = tmp_path / "dunes.mp4"
    shutil.copy2(CLIPS / "DSC_0007.mp4", video)
    named = indexed(home, tmp_path)
    size_of(home, f"/still/{named}/0")
    video.unlink()
    video.symlink_to("/etc/passwd")
    assert 404 == home.ask(f"/media/{named}").status
    video.unlink()
    video.write_text("<!doctype html><script>alert(1)</script>")
    assert 404 == home.ask(f"/media/{named}").status
    assert 404 == home.ask(f"/still/{named}/7").status
    home.home.run("index", "--forget", tmp_path)
