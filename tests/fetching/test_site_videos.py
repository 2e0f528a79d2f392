"""Which form of a video is chosen, and how yt-dlp's errors are told; its own selection and its own errors."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UserNotLive

from vsortd.fetching.guard import Guard
from vsortd.fetching.site_errors import SiteError, SiteErrors
from vsortd.fetching.site_videos import SiteVideos, SiteWish

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://a.example/"
FORMS = [
    {"format_id": "small", "url": f"{URL}s.mp4", "ext": "mp4", "vcodec": "avc1", "acodec": "mp4a", "height": 360},
    {"format_id": "picture", "url": f"{URL}p.mp4", "ext": "mp4", "vcodec": "avc1", "acodec": "none", "height": 1080},
    {"format_id": "sound", "url": f"{URL}s.m4a", "ext": "m4a", "vcodec": "none", "acodec": "mp4a", "abr": 128},
    {"format_id": "webm", "url": f"{URL}w.webm", "ext": "webm", "vcodec": "vp9", "acodec": "opus", "height": 2160},
]


def look_at(forms: list[dict[str, Any]], *, ffmpeg: str = "/usr/bin/ffmpeg", best: bool = False, **more: Any) -> Any:
    videos = SiteVideos(SiteWish(URL, 0, 10**7, ffmpeg, best=best), Guard(), lambda *_, **__: None)
    return videos.look_at(
        {"id": "1", "title": "A film", "extractor": "x", "formats": [dict(one) for one in forms], **more}
    )


class Page(InfoExtractor):
    """An extractor whose addresses mean what a test says."""

    _VALID_URL = r"https://a\.example/(?P<id>.*)"
    pages: ClassVar[dict[str, Any]] = {}

    def _real_extract(self, url: str) -> Any:
        found = self.pages[self._match_id(url)]
        return None if found is None else dict(found)


def opened(pages: dict[str, Any], *, playlist: int = 0) -> SiteVideos:
    """Return the videos at `URL`, an address of a site with these pages."""
    videos = SiteVideos(SiteWish(URL, playlist, 10**7, ""), Guard(), lambda *_, **__: None)
    site = Page()
    site.pages = pages
    others = dict(videos._downloader._ies)
    videos._downloader._ies.clear()
    videos._downloader.add_info_extractor(site)
    videos._downloader._ies.update(others)
    return videos


AROUND = {"_type": "url_transparent", "url": f"{URL}inner", "id": "page", "title": "The page's", "uploader": None}
INNER = {"id": "7", "title": "The player's", "uploader": "Somebody", "formats": FORMS[:1]}


@pytest.mark.parametrize(
    "between", [{}, {"inner": {"_type": "url", "url": f"{URL}last", "title": "Of no account"}, "last": INNER}]
)
def test_what_a_page_says_of_the_video_that_it_shows_counts_more_than_the_players_word(between: dict[str, Any]) -> None:
    videos = opened({"": AROUND, "inner": INNER, **between})
    (found,) = videos.find()
    info = videos.look_at(found)
    assert ("7", "Somebody", "small") == (info["id"], info["uploader"], info["format_id"])
    assert "The page's" == videos.named(info)["title"]


def test_a_page_around_a_playlist_is_one() -> None:
    pages = {"": AROUND, "inner": {"_type": "playlist", "id": "l", "title": "A list", "entries": [INNER, INNER]}}
    with pytest.raises(SiteError, match=r"several videos \(The page's\); --playlist"):
        opened(pages).find()
    assert 2 == len(opened(pages, playlist=5).find())


@pytest.mark.parametrize("empty", [None, {"_type": "playlist", "id": "l", "entries": []}])
def test_an_address_that_gives_nothing_is_told(empty: object) -> None:
    for pages in ({"": empty}, {"": AROUND, "inner": empty}):
        with pytest.raises(SiteError, match="there is no video in it") as told:
            opened(pages).find()
        assert "no_video" == told.value.kind


@pytest.mark.parametrize(
    ("forms", "ffmpeg", "best", "chosen"),
    [
        (FORMS, "/usr/bin/ffmpeg", False, "small"),
        (FORMS, "/usr/bin/ffmpeg", True, "picture+sound"),
        (FORMS, "", True, "small"),
        (FORMS[1:], "/usr/bin/ffmpeg", False, "picture+sound"),
        (FORMS[:1], "/usr/bin/ffmpeg", True, "small"),
    ],
)
def test_the_form_is_one_file_or_the_best_as_the_config_says(
    forms: list[dict[str, Any]],
    ffmpeg: str,
    best: object,
    chosen: str,
) -> None:
    assert chosen == look_at(forms, ffmpeg=ffmpeg, best=bool(best))["format_id"]


@pytest.mark.parametrize(("forms", "ffmpeg"), [(FORMS[3:], "/usr/bin/ffmpeg"), (FORMS[1:], ""), (FORMS[2:3], "")])
def test_what_comes_in_no_form_that_can_be_had_is_told(forms: list[dict[str, Any]], ffmpeg: str) -> None:
    with pytest.raises(SiteError, match="no video in it that comes as MP4 or MOV"):
        look_at(forms, ffmpeg=ffmpeg)


MP4 = "data:video/mp4;base64,AAAACGZ0eXA="
WORDS = "WEBVTT\n"


@pytest.mark.parametrize(
    "odd", [{"data": "\ud800"}, {"url": "https://[a/b.vtt"}, {"url": "https://a:b/c.vtt"}, {"url": "data:,"}]
)
def test_odd_subtitles_cost_no_video(odd: dict[str, Any], tmp_path: Path) -> None:
    subtitles = {"de": [{"ext": "vtt", **odd}], "en": [{"ext": "vtt", "data": WORDS}]}
    videos = opened({})
    info = videos.look_at({"id": "1", "title": "A", "formats": [{**FORMS[0], "url": MP4}], "subtitles": subtitles})
    fetched = videos.fetch(info, str(tmp_path / "1"))
    assert {"file": "video.mp4", "subtitles": [{"name": "video.en.vtt", "language": "en"}]} == fetched
    assert WORDS == (tmp_path / "1" / "video.en.vtt").read_text()


def test_a_disk_that_is_full_before_a_byte_is_fetched_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    videos = opened({})
    info = videos.look_at({"id": "1", "title": "A", "formats": [{**FORMS[0], "url": MP4}]})
    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(SiteError, match="it can't be stored: No space left") as told:
        videos.fetch(info, str(tmp_path / "1"))
    assert "disk" == told.value.kind


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"live_status": "is_live"}, "it is live"),
        ({"is_live": True}, "it is live"),
        ({"live_status": "is_upcoming"}, "not begun yet"),
        ({"live_status": "post_live"}, "not whole yet"),
    ],
)
def test_what_has_no_end_yet_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(SiteError, match=said):
        look_at(FORMS, **more)


def test_a_recording_of_what_was_live_is_a_video_like_any_other() -> None:
    assert "small" == look_at(FORMS, live_status="was_live")["format_id"]


def test_what_is_too_large_by_the_sites_own_word_is_not_begun() -> None:
    with pytest.raises(SiteError, match="it has 12 MB, more than"):
        look_at([{**FORMS[0], "filesize": 12_000_000}])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ExtractorError("Sign in to confirm your age. Use --cookies", expected=True), "a login or an age check"),
        (ExtractorError("This video is only available for registered users", expected=True), "a login"),
        (ExtractorError("Private video", expected=True), "a login"),
        (GeoRestrictedError("not here"), "in other countries only"),
        (UserNotLive(), "nobody is live there"),
        (
            ExtractorError("The site broke; please report this issue on https://github.com/x"),
            "yt-dlp says: .*The site broke$",
        ),
        (DownloadError("\x1b[0;31mERROR:\x1b[0m [download] Got error: half of it"), "yt-dlp says: half of it"),
        (OSError(28, "No space left on device"), "it can't be stored: No space left"),
    ],
)
def test_errors_become_sentences_without_advice_that_there_is_none_of_here(error: Exception, said: str) -> None:
    told = DownloadError(str(error), (type(error), error, None))
    with pytest.raises(SiteError, match=said), SiteErrors(Guard()):
        raise told from error
